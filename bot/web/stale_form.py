"""The content that a form was shown with, as the form carries it, and its differences to the present content. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine import json_values
from engine.errors import InvalidValue

_KEPT: Final = 300
"""Maximum length of a field that the form carries, in characters; of a longer one it carries a hash."""
_MOST: Final = 200_000
"""Maximum length of what a form carries, in characters."""


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
    """A changed field. `now`: None if the field is gone; `before`: None if it is new."""

    label: str
    before: str | None
    now: str | None

    @property
    def is_cut(self) -> bool:
        """Whether the form carried only the beginning of the text."""
        return self.before is not None and len(self.before) > _KEPT


def seen(content: Sequence[SeenContent]) -> str:
    """Return the present content as text for the form, or an empty text if it would be too large."""
    carried = json_values.dumps({field.path: [field.label, _short(field.text)] for field in content})
    return carried if len(carried) <= _MOST else ""


def _short(text: str) -> str:
    if len(text) <= _KEPT:
        return text
    return f"{text[:_KEPT]}… ({len(text):,} characters, {hashlib.sha256(text.encode()).hexdigest()[:8]})"


def differences(carried: str, now: Sequence[SeenContent]) -> tuple[Difference, ...]:
    """Return the differences between the content in the form and the present content; none if it cannot be read."""
    before = dict(_read(carried))
    if not before:
        return ()
    after = {field.path: field for field in now}
    changed = [
        Difference(field.label, before[path][1] if path in before else None, field.text)
        for path, field in after.items()
        if path not in before or before[path][1] != _short(field.text)
    ]
    return (*changed, *(Difference(label, text, None) for path, (label, text) in before.items() if path not in after))


def _read(carried: str) -> Iterator[tuple[str, tuple[str, str]]]:
    try:
        fields: Any = json_values.loads(carried)
    except InvalidValue:
        return
    for path, field in fields.items() if isinstance(fields, Mapping) else ():
        match field:
            case [str(label), str(text)]:
                yield path, (label, text)
