"""Finds a person's names and addresses in texts, and puts a pseudonym in their place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from engine import json_values
from engine.errors import InvalidValue
from engine.json_values import Value

SHORTEST: Final = 2
"""Length of the shortest text that is looked for, in characters: a single letter names no person."""
_BEFORE: Final = r"(?<![\w.+-])"
_AFTER: Final = r"(?![\w-])(?!\.\w)"
"""What may not stand around a name or an address: it would be a part of another one."""


class Mentions:
    """The texts that name a person, and their pseudonym.

    Addresses and names of several words are found in any case. A name of one word is found only as it is written: in
    small letters, it may be a word of the language.
    """

    def __init__(self, texts: Iterable[str], *, pseudonym: str) -> None:
        # The longest first: an address may begin with the name.
        known = sorted({text.strip() for text in texts if len(text.strip()) >= SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, known)) or r"(?!)")
        self.pseudonym = pseudonym

    def found_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def found_in_json(self, text: str) -> bool:
        """Return whether a text or a key in JSON names the person."""
        return self.erased_json(text) != text

    def erased(self, text: str) -> str:
        """Return the text with the pseudonym for each name and address."""
        return self._pattern.sub(lambda _: self.pseudonym, text)

    def erased_json(self, text: str) -> str:
        """Do as `erased` for every text and key in JSON. A text that is no JSON is taken as it is."""
        try:
            value = json_values.loads(text)
        except InvalidValue:
            return self.erased(text)
        changed = _mapped(value, self.erased)
        return text if changed == value else json_values.dumps(changed)


def is_sure(text: str) -> bool:
    """Return whether a text names a person wherever it stands: an address, or a name of several words."""
    return "@" in text or len(text.split()) > 1


def _pattern(text: str) -> str:
    words = r"\s+".join(map(re.escape, text.split()))
    any_case = "(?i:" if is_sure(text) else "(?:"
    return f"{_BEFORE}{any_case}{words}){_AFTER}"


def _mapped(value: Value, change: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    return value
