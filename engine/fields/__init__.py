"""Typed fields: what inputs, outputs and editable parameters may hold, and how people type and read it.

May import `engine.data` and `engine.errors`. `values` knows one value at a time and no field; `field` is the model
and `validate`; `text` is what people type and read; `inferred` finds the type of a value that has none declared;
`form` takes many fields at once. Start reading at `field`.
"""

from engine.fields.field import Field, FieldType, Option, validate
from engine.fields.form import from_text_all, validate_all
from engine.fields.inferred import infer
from engine.fields.text import from_text, show

__all__ = [
    "Field",
    "FieldType",
    "Option",
    "from_text",
    "from_text_all",
    "infer",
    "show",
    "validate",
    "validate_all",
]
