"""The JSON Schema of fields: what fits it fits the field, and it says what the field means."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from engine.errors import InvalidValue
from engine.fields import Field, FieldType, object_schema, validate
from tests.support import samples

SAMPLES: dict[FieldType, tuple[dict[str, Any], Any, Any]] = {
    FieldType.TEXT: ({"max_length": 5}, "Ann", "Ann and Bob"),
    FieldType.LONG_TEXT: ({"max_length": 20}, "Dear Ann,\nhello", "x" * 21),
    FieldType.NUMBER: ({"min": 1, "max": 9}, 5, "5"),
    FieldType.INTEGER: ({"min": 1}, 5, "5"),
    FieldType.MONEY: ({"currency": "EUR"}, {"amount": "12.50", "currency": "EUR"}, {"amount": "1", "currency": "USD"}),
    FieldType.BOOLEAN: ({}, True, "yes"),
    FieldType.DATE: ({"min": "2026-01-01"}, "2026-03-02", 20260302),
    FieldType.DATETIME: ({}, "2026-03-02T08:00:00Z", 5),
    FieldType.EMAIL: ({}, "sam@example.com", 5),
    FieldType.URL: ({}, "https://example.com/a", 5),
    FieldType.CHOICE: ({"options": ["red", {"value": "b", "label": "Sky blue"}]}, "b", "blue"),
    FieldType.CHOICES: ({"options": ["red", "blue"]}, ["red"], ["green"]),
    FieldType.PERSON: ({}, "sam@example.com", 5),
    FieldType.FILE: ({}, samples.file().value, {"name": "a.pdf"}),
    FieldType.JSON: ({}, {"a": [1]}, None),
}


def test_every_type_has_a_sample() -> None:
    assert set(SAMPLES) == set(FieldType)


@pytest.mark.parametrize("type_", FieldType)
def test_what_fits_the_schema_fits_the_field_and_what_does_not_is_refused_by_both(type_: FieldType) -> None:
    more, right, wrong = SAMPLES[type_]
    field = Field.model_validate({"type": type_, **more})
    schema = object_schema({"value": field})
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"value": right}, schema)
    assert validate(field, right) == right
    if wrong is None:
        return
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"value": wrong}, schema)
    with pytest.raises(InvalidValue):
        validate(field, wrong)


def test_a_field_tells_its_label_help_options_and_bounds() -> None:
    fields = {
        "due": Field.model_validate({"type": "date", "label": "Due", "help": "When we meet", "max": "2026-12-31"}),
        "shade": Field.model_validate(
            {"type": "choice", "options": [{"value": "b", "label": "Blue"}], "required": False}
        ),
    }
    schema: Any = object_schema(fields)
    texts = {name: item["description"] for name, item in schema["properties"].items()}
    assert texts == {
        "due": "Due. When we meet. A date, like 2026-03-02. It must be at most 2026-12-31.",
        "shade": "Shade. b means Blue.",
    }
    assert (schema["required"], schema["additionalProperties"]) == (["due"], False)
