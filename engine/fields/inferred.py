"""The field of a value whose type nobody declared."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.data import Value
from engine.errors import InvalidValue
from engine.fields import values
from engine.fields.field import Field, FieldType

SHORT_TEXT: Final = 200
"""Text in one line is `text` up to this length."""


def infer(value: Value) -> Field:
    """The field whose type is evident from the value. Text may be emptied, and is then kept as an empty text."""
    match value:
        case bool():
            return Field(type=FieldType.BOOLEAN)
        case int():
            return Field(type=FieldType.INTEGER)
        case Decimal():
            return Field(type=FieldType.NUMBER)
        case None:
            return Field(type=FieldType.TEXT, required=False, blank="keep")
        case str():
            short = len(value) <= SHORT_TEXT and values.one_line(value)
            return Field(type=FieldType.TEXT if short else FieldType.LONG_TEXT, required=False, blank="keep")
        case _:
            return _money(value) or Field(type=FieldType.JSON)


def _money(value: Value) -> Field | None:
    """Whoever changes an amount has not been asked about its currency: that stays."""
    try:
        money = values.money(value, currency=None)
    except InvalidValue:
        return None
    return Field(type=FieldType.MONEY, currency=money["currency"])
