"""What somebody saw on a page, as its form carries it, and how it differs from what is there now. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine import json_values
from engine.errors import InvalidValue

_KEPT: Final = 300
"""Characters of each field that the form carries; of a longer one it carries what tells whether it is another."""
_MOST: Final = 200_000
"""Characters of what a form carries."""


class SeenContent(Protocol):
    """A field as it was shown."""

    @property
    def path(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """`now`: None where the field is gone; `before`: None where there was none."""

    label: str
    before: str | None
    now: str | None


def seen(content: Sequence[SeenContent]) -> str:
    """What the form carries; nothing where that would be too much to send back."""
    carried = json_values.dumps({one.path: [one.label, _short(one.text)] for one in content})
    return carried if len(carried) <= _MOST else ""


def _short(text: str) -> str:
    if len(text) <= _KEPT:
        return text
    return f"{text[:_KEPT]}… ({len(text):,} characters, {hashlib.sha256(text.encode()).hexdigest()[:8]})"


def differences(carried: str, now: Sequence[SeenContent]) -> tuple[Difference, ...]:
    """What is another now than what the form carries; empty where that cannot be read."""
    before = dict(_read(carried))
    if not before:
        return ()
    after = {one.path: one for one in now}
    changed = [
        Difference(one.label, before[path][1] if path in before else None, one.text)
        for path, one in after.items()
        if path not in before or before[path][1] != _short(one.text)
    ]
    return (*changed, *(Difference(label, text, None) for path, (label, text) in before.items() if path not in after))


def _read(carried: str) -> Iterator[tuple[str, tuple[str, str]]]:
    try:
        found: Any = json_values.loads(carried)
    except InvalidValue:
        return
    for path, one in found.items() if isinstance(found, Mapping) else ():
        match one:
            case [str(label), str(text)]:
                yield path, (label, text)
