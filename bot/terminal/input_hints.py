"""What a person may type for a field, in the question for it. Pure."""

from __future__ import annotations

from typing import Final

from bot.presentation.characters import line
from engine.fields import Field, FieldType

MOST_OPTIONS: Final = 12
"""Options that a question names."""
_HINTS: Final = {
    FieldType.BOOLEAN: "yes or no",
    FieldType.DATE: "like 2026-03-01",
    FieldType.DATETIME: "like 2026-03-01T09:00+01:00",
    FieldType.FILE: "@ and the path of a file",
    FieldType.JSON: "as JSON",
}


def question(label: str, field: Field) -> str:
    """Return the label of a field with what may be typed for it, in one line."""
    hint = _hint(field)
    return f"{line(label)} ({hint})" if hint else line(label)


def _hint(field: Field) -> str:
    if field.type is FieldType.MONEY and field.part is None:
        return f"like 12.50 {field.currency or 'EUR'}"
    if not field.options:
        return _HINTS.get(field.type, "")
    labels = [line(option.label) for option in field.options]
    more = ", …" if len(labels) > MOST_OPTIONS else ""
    named = f"{', '.join(labels[:MOST_OPTIONS])}{more}"
    return f"one of: {named}" if field.type is FieldType.CHOICE else f"with commas, any of: {named}"
