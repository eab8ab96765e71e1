"""Typed fields: the types of inputs, outputs and editable parameters, and how people type and read their values.

`field` holds the model and `validate`; `normal_forms` the rules for single values; `text` the conversion to and from
text; `inference` the type of a value without a declared one; `forms` whole forms; `json_schema` what programs are told
about fields. Start reading at `field`.
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
from engine.fields.json_schema import object_schema
from engine.fields.text import from_text, show, show_to_read

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
    "object_schema",
    "part_of",
    "same",
    "same_value",
    "show",
    "show_to_read",
    "stored",
    "validate",
    "validate_all",
]
