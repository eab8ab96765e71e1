"""The field of a value without a declared type."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine import file_references
from engine.errors import InvalidValue
from engine.fields import normal_forms
from engine.fields.field import Field, FieldType
from engine.json_values import Value

SHORT_TEXT: Final = 200
"""Maximum length of a one-line text of the type `text`, in characters; a longer one is `long_text`."""
# Created once, because the validation of a field is slow.
_BOOLEAN: Final = Field(type=FieldType.BOOLEAN)
_INTEGER: Final = Field(type=FieldType.INTEGER)
_NUMBER: Final = Field(type=FieldType.NUMBER)
_TEXT: Final = Field(type=FieldType.TEXT, required=False, blank="keep")
_LONG_TEXT: Final = Field(type=FieldType.LONG_TEXT, required=False, blank="keep")
_FILE: Final = Field(type=FieldType.FILE, required=False)
_JSON: Final = Field(type=FieldType.JSON)


def infer(value: Value) -> Field:
    """Return the field that fits the value. Text may be emptied, and is then stored as an empty text."""
    match value:
        case bool():
            return _BOOLEAN
        case int():
            return _INTEGER
        case Decimal():
            return _NUMBER
        case None:
            return _TEXT
        case str():
            short = len(value) <= SHORT_TEXT and normal_forms.one_line(value)
            return _TEXT if short else _LONG_TEXT
        case _:
            return _money(value) or (_FILE if file_references.find(value) is not None else _JSON)


def _money(value: Value) -> Field | None:
    """Return a field for money, or None. The currency is fixed, and only a negative amount may stay negative."""
    try:
        money = normal_forms.money(value, currency=None)
    except InvalidValue:
        return None
    amount = normal_forms.amount(money["amount"])
    return Field(type=FieldType.MONEY, currency=str(money["currency"]), min=amount if amount < 0 else None)
