"""What is wrong with values that stand in no file, in our words."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.workflowfile.schema_errors import describe_error


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "This is needed."),
        ({"name": "a", "nam": "b"}, "There is no such key."),
        ({"name": 5}, "This must be text, not the number 5."),
        ({"name": "long"}, "This may be at most 3 characters long."),
    ],
)
def test_an_error_outside_of_a_file_is_a_sentence(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate(given)
    assert [describe_error(error) for error in caught.value.errors()] == [told]
