"""The errors of pydantic become sentences, for step types and for values outside a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import ClassVar, Final

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, HttpUrl, ValidationError

from engine.ports import StepContext, StepType
from engine.workflowfile import StepKind
from engine.workflowfile.schema_errors import describe_error
from tests.support.workflow_files import (
    KINDS,
    problems_of,
    step_file,
)


class Color(Enum):
    RED = "red"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


class OddParams(BaseModel):
    """A model with the features of pydantic that a step type of another distribution may use."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    on: date | None = None
    at_: datetime | None = pydantic.Field(default=None, alias="at")
    link: HttpUrl | None = None
    color: Color | None = None
    price: Decimal | None = pydantic.Field(default=None, max_digits=3, gt=0, lt=50)
    name: str | None = pydantic.Field(default=None, min_length=2, max_length=4, pattern="^[a-z]*$")
    some: list[int] | None = pydantic.Field(default=None, min_length=2, max_length=3)
    each: int | None = pydantic.Field(default=None, multiple_of=5, ge=5, le=90)
    either: Inner | list[str] | None = None
    by_name: dict[int, str] | None = None
    cls: type[int] | None = None
    took: timedelta | None = None


class Odd(StepType[OddParams]):
    """A step type with these parameters."""

    name: ClassVar[str] = "odd"
    Params: ClassVar[type[BaseModel]] = OddParams

    async def run(self, params: OddParams, context: StepContext) -> Mapping[str, object]:
        return {}


KINDS_WITH_ODD: Final[dict[str, StepKind]] = {**KINDS, "odd": Odd()}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("on: soon", "This must be a date, like 2026-01-31, not the text `soon`."),
        ("at: soon", "This must be a date and time, like 2026-01-31T09:00:00Z, not the text `soon`."),
        ("link: nowhere", "This must be an address, like https://example.com/page, not the text `nowhere`."),
        (
            "link: 'ftp://x.example'",
            "This must be an address, like https://example.com/page, not the text `ftp://x.example`.",
        ),
        ("color: rde", "This must be `red`, not `rde`. Did you mean `red`?"),
        ("color: ''", "This must be `red`, not an empty text."),
        ("color: true", "This must be `red`, not `true`."),
        ("price: x", "This must be a number, not the text `x`."),
        ("price: 12.345", "This may have at most 3 digits."),
        ("price: 0", "This must be more than 0."),
        ("price: 50", "This must be less than 50."),
        ("name: a", "This needs at least 2 characters."),
        ("name: abcde", "This may be at most 4 characters long."),
        ("name: AB", "This text does not match the pattern `^[a-z]*$`."),
        ("name: 1.50", 'This must be text, not the number 1.50. Put it in quotes: "1.50".'),
        ("name: true", 'This must be text, not `true`. Put it in quotes: "true".'),
        ("some: [1]", "This needs at least 2 entries."),
        ("some: [1, 2, 3, 4]", "At most 3 entries are allowed here."),
        ("each: 7", "This must be a multiple of 5."),
        ("each: 0", "This must be at least 5."),
        ("each: 95", "This must be at most 90."),
        ("either: {size: x}", "This must be a whole number, not the text `x`."),
        ("either: 5", "This must be a mapping, or a list, not the number 5."),
        ("either: a:b", "This must be a mapping, or a list, not the text `a:b`. Put a space after the colon."),
        ("by_name: {x: y}", "This must be a whole number, not the text `x`."),
        ("cls: x", "The value `x` cannot be used here."),
        ("took: soon", "This must be a duration, not the text `soon`."),
        ("att: soon", "The `with` of `odd` has no key `att`. Did you mean `at`?"),
    ],
)
def test_every_error_of_a_kind_model_is_a_sentence(params: str, message: str) -> None:
    sentences = [
        f"{problem.message} {problem.hint}".strip()
        for problem in problems_of(step_file(f"id: a\nuses: odd\nwith: {{{params}}}"), kinds=KINDS_WITH_ODD)
    ]
    assert message in sentences


class Typed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = pydantic.Field(max_length=3)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "This is needed."),
        ({"name": "a", "nam": "b"}, "There is no such key."),
        ({"name": 5}, "This must be text, not the number 5."),
        ({"name": "long"}, "This may be at most 3 characters long."),
    ],
)
def test_an_error_outside_a_file_is_a_sentence(data: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Typed.model_validate(data)
    assert [describe_error(error) for error in caught.value.errors()] == [sentence]
