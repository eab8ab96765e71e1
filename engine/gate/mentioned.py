"""The accounts that a request names: people of whom only an id stands in its values and texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from engine import data
from engine.data import Value
from engine.fields import FieldType
from engine.gate.asked import Editable
from engine.model import Person

MAX_MENTIONED: Final = 20
"""Accounts of one request that are looked up to be shown by name."""
_ACCOUNT: Final = re.compile(r"[UW][A-Z0-9]{2,30}")
_IN_TEXT: Final = re.compile(r"(?<![A-Za-z0-9_@.])[UW](?=[A-Z]*[0-9])[A-Z0-9]{8,14}(?![A-Za-z0-9_])")
"""Ids as Slack makes them. A word of capital letters alone is none."""


def is_account(value: Value) -> bool:
    """Return whether a value of type `person` is the id of an account."""
    return isinstance(value, str) and _ACCOUNT.fullmatch(value) is not None


def mentioned(content: Value, places: Iterable[Editable], texts: Iterable[str]) -> tuple[str, ...]:
    """Return the accounts in the values of type `person`, and those that were written into texts."""
    values = [data.look(content, one.path) for one in places if one.field.type is FieldType.PERSON]
    found = [value for value in values if isinstance(value, str) and is_account(value)]
    found += [one for text in texts for one in _IN_TEXT.findall(text)]
    return tuple(dict.fromkeys(found))[:MAX_MENTIONED]


def by_name(text: str, people: Mapping[str, Person]) -> str:
    """Return a text in which the people that we know stand by their names."""
    if not people:
        return text
    return _IN_TEXT.sub(lambda found: people[found[0]].label if found[0] in people else found[0], text)
