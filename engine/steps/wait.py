"""`wait`: lets the run sleep for a duration or until a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

import pydantic
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from engine import durations, json_values
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.workflowfile.schema_errors import describe_error
from engine.workflowfile.step_kinds import Nature

LONGEST: Final = timedelta(days=366)
"""Longest sleep: a leap year. A longer run outlives the people and addresses it was written for."""

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class WaitParams(BaseModel):
    """Exactly one of `for` (a duration) and `until` (ISO date-time with offset, or a date: its midnight in UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True)

    for_: str | None = pydantic.Field(default=None, alias="for")
    until: str | None = None

    @field_validator("for_", mode="before")
    @classmethod
    def _check_for(cls, value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidValue("this must be a duration with its unit, like 90s, 15m, 4h, 2d or 1w")
        if durations.parse(value) > LONGEST:
            raise InvalidValue(f"a run may sleep for at most {LONGEST.days} days")
        return value

    @field_validator("until", mode="before")
    @classmethod
    def _check_until(cls, value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidValue("this must be a time, like 2026-03-01T09:00+01:00, or a date, like 2026-03-01")
        _moment(value)
        return value

    @model_validator(mode="after")
    def _check_one(self) -> WaitParams:
        if (self.for_ is None) == (self.until is None):
            raise InvalidValue("a wait needs exactly one of 'for' and 'until'")
        return self


class WaitStep(StepType[WaitParams]):
    """Sleeps without holding memory: the run's row has the time at which it goes on. No output."""

    name: ClassVar[str] = "wait"
    Params: ClassVar[type[BaseModel]] = WaitParams
    nature: ClassVar[Nature] = Nature.SLEEP

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:  # noqa: ARG002
        return frozenset()

    def idempotent(self, params: Mapping[str, Value]) -> bool:  # noqa: ARG002
        return True

    def produce(self, params: Mapping[str, Value]) -> dict[str, Value]:  # noqa: ARG002
        return {}

    def wakes_at(self, params: Mapping[str, Value], now: datetime) -> datetime:
        """Return when the run goes on, at once if `until` has passed. Raises `InvalidValue` beyond `LONGEST`."""
        try:
            wait = WaitParams.model_validate(dict(params))
        except pydantic.ValidationError as error:
            raise InvalidValue(_sentence(error)) from None
        if wait.for_ is not None:
            return now + durations.parse(wait.for_)
        moment = _moment(wait.until or "")  # exactly one of the two is given
        if moment - now > LONGEST:
            raise InvalidValue(f"until: {wait.until!r} is more than {LONGEST.days} days away; write an earlier time.")
        return max(moment, now)

    async def run(self, params: WaitParams, context: StepContext) -> Mapping[str, object]:  # noqa: ARG002
        return {}


def _moment(text: str) -> datetime:
    """Return the time in UTC. Raises `InvalidValue`, also for a date-time without an offset: it would be ambiguous."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
        if _DATE.fullmatch(text):
            return moment.replace(tzinfo=UTC)
        if moment.tzinfo is None:
            raise InvalidValue(f"the time {text!r} needs an offset, like 2026-03-01T09:00+01:00 or …Z")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(f"{text[:40]!r} is not a time; write it like 2026-03-01T09:00+01:00 or 2026-03-01") from None


def _sentence(error: pydantic.ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    at = json_values.show_path(tuple(problem["loc"]))
    return f"{at}: {describe_error(problem)}" if at else describe_error(problem)
