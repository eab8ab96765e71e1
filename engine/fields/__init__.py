"""Typed fields: what inputs, outputs and editable parameters may hold, and how people type and read it.

May import `engine.json_values` and `engine.errors`. `normal_forms` knows one value at a time and no field; `field` is
the model and `validate`; `text` is what people type and read; `inference` finds the type of a value that has none
declared; `forms` reads what people type into many fields at once. Start reading at `field`.
"""

from engine.fields.field import (
    Field,
    FieldPart,
    FieldType,
    Option,
    absent,
    check_declaration,
    normal_form,
    nothing,
    part_of,
    stored,
    validate,
)
from engine.fields.forms import as_seen, from_text_all, in_order, labels, same, same_value, validate_all
from engine.fields.inference import infer
from engine.fields.text import from_text, show

__all__ = [
    "Field",
    "FieldPart",
    "FieldType",
    "Option",
    "absent",
    "as_seen",
    "check_declaration",
    "from_text",
    "from_text_all",
    "in_order",
    "infer",
    "labels",
    "normal_form",
    "nothing",
    "part_of",
    "same",
    "same_value",
    "show",
    "stored",
    "validate",
    "validate_all",
]
