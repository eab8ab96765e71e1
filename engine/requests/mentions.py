"""The people that values and texts of a request name by account or address, and that are shown by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from engine import json_values
from engine.domain import Person, accounts
from engine.fields import FieldType
from engine.json_values import Path, Value
from engine.requests.model import Editable

MAX_MENTIONED: Final = 20
"""Maximum number of accounts of one request that are looked up to be shown by name."""


def is_account(value: Value) -> bool:
    """Return whether a value of type `person` is the id of an account."""
    return isinstance(value, str) and accounts.is_account_id(value)


def is_email(value: str) -> bool:
    """Return whether a value of type `person` is an email address: it is no account."""
    return "@" in value


def person_places(places: Iterable[Editable]) -> tuple[Path, ...]:
    """Return the paths of the values of type `person`."""
    return tuple(place.path for place in places if place.field.type is FieldType.PERSON)


def mentioned(content: Value, places: Iterable[Editable], texts: Iterable[str]) -> tuple[str, ...]:
    """Return the account ids in the values of type `person` and in the texts, and the email addresses in the values."""
    values = [json_values.look(content, path) for path in person_places(places)]
    ids = [value for value in values if isinstance(value, str) and (is_account(value) or is_email(value))]
    ids += accounts.ids_in("\n".join(texts))
    return tuple(dict.fromkeys(ids))[:MAX_MENTIONED]


def by_name(text: str, people: Mapping[str, Person]) -> str:
    """Return the text with the account ids and addresses of known people replaced by their names."""
    if not people:
        return text
    text = accounts.replace_ids(text, lambda account_id: _label(account_id, people))
    emails = [known for known in people if is_email(known)]
    if not emails:
        return text
    found = "|".join(map(re.escape, sorted(emails, key=len, reverse=True)))
    # No part of a longer address.
    return re.sub(rf"(?<![\w.+-])(?:{found})(?![\w@-]|\.\w)", lambda email: _label(email[0], people), text)


def _label(account_id: str, people: Mapping[str, Person]) -> str:
    person = people.get(account_id)
    return account_id if person is None else person.label
