"""What programs send about asks, and its parts of the OpenAPI document."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engine import durations, json_values
from engine.domain.asks import DEFAULT_WORKFLOW, AskContent, AskStatus, AskUse
from engine.errors import InvalidValue
from engine.json_values import Value

_DURATION: Final = r"^([0-9]{1,3}w)?([0-9]{1,4}d)?([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
MOST_SECONDS: Final = 60
"""How long one call may wait for a change, in seconds."""
_WAIT: Final = r"^([1-5]?[0-9]s|60s|1m)$"
LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 10_000
LONGEST_NAME: Final = 80


def _duration(text: str) -> str:
    try:
        durations.parse(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _waitable(text: str) -> str:
    if re.fullmatch(_WAIT, text) is None:
        raise ValueError(f"must be at most {MOST_SECONDS}s, such as 30s")
    return text


Wait = Annotated[str, AfterValidator(_waitable), Field(json_schema_extra={"pattern": _WAIT})]
Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(json_values.clean_text)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(json_values.clean_text)]
Duration = Annotated[
    str,
    Field(pattern=_DURATION, min_length=2, max_length=20, examples=["90s", "15m", "2h"]),
    AfterValidator(_duration),
]


class Body(BaseModel):
    """A body that names no part which its call does not know."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class AskBody(Body):
    """What a program asks people."""

    title: Annotated[
        str,
        Field(min_length=1, max_length=LONGEST_TITLE, examples=["Refund 120.00 EUR for order A-1007?"]),
        AfterValidator(json_values.clean_text),
        AfterValidator(_filled),
    ]
    tool: Annotated[Name | None, Field(description="The tool that runs if people approve.")] = None
    server: Annotated[Name | None, Field(description="Where the tool is, such as an MCP server.")] = None
    arguments: Annotated[dict[str, Any], Field(description="What people approve. Numbers keep every digit.")] = Field(
        default_factory=dict
    )
    fields: Annotated[
        dict[str, str | dict[str, Any]],
        Field(description="Types of arguments, as in workflow files. People fill in one that has no value."),
    ] = Field(default_factory=dict)
    editable: Annotated[
        bool | list[Annotated[str, Field(max_length=LONGEST_NAME)]],
        Field(description="The arguments that people may change, or all or none. The gate may allow fewer."),
    ] = False
    summary: Text | None = None
    risk: Annotated[
        Literal["low", "medium", "high", "critical"] | None, Field(description="As the program sees it.")
    ] = None
    reasoning: Text | None = None
    impact: Text | None = None
    confidence: Text | None = None
    data: Annotated[Text | None, Field(description="Further text for people.")] = None
    workflow: Annotated[
        str, Field(min_length=1, max_length=LONGEST_NAME, description="The workflow that says who is asked.")
    ] = DEFAULT_WORKFLOW
    use: Annotated[
        Literal["answer", "once"],
        Field(description="`once`: consume the approval before you act, and report the outcome after."),
    ] = "answer"
    expires_in: Annotated[
        Duration | None, Field(description="Give up after this time, if the gate is not shorter.")
    ] = None
    callback: Annotated[
        str | None, Field(max_length=2_000, description="A callback endpoint of this key: its address or its id.")
    ] = None
    requester: Annotated[
        str | None, Field(max_length=254, description="The person in whose name the program asks, by email address.")
    ] = None

    @property
    def expires_after(self) -> timedelta | None:
        return None if self.expires_in is None else durations.parse(self.expires_in)

    @property
    def content(self) -> AskContent:
        """What the engine is asked."""
        return AskContent(
            title=self.title,
            tool=self.tool,
            server=self.server,
            arguments=self.arguments,
            fields=dict[str, Value](self.fields),
            editable=self.editable if isinstance(self.editable, bool) else tuple(self.editable),
            summary=self.summary,
            risk=self.risk,
            reasoning=self.reasoning,
            impact=self.impact,
            confidence=self.confidence,
            data=self.data,
            use=AskUse(self.use),
            expires_in=self.expires_after,
            callback=self.callback,
        )


class ConsumeBody(Body):
    """What the program is about to do; if it is not what was approved, nothing is consumed."""

    digest: Annotated[str | None, Field(max_length=100, description="The `digest` of the ask as it was read.")] = None
    arguments: Annotated[dict[str, Any] | None, Field(description="The arguments that will be used.")] = None


ANYTHING: Final = ConsumeBody()
"""To consume what was approved, without a comparison."""


class OutcomeBody(Body):
    """What became of the effect."""

    status: Literal["succeeded", "failed", "unknown"]
    note: Text | None = None
    result: Annotated[Any, Field(description="What the effect returned; later steps of the workflow can use it.")] = (
        None
    )


class CancelBody(Body):
    """Why."""

    reason: Text | None = None


NO_REASON: Final = CancelBody()


class Query(BaseModel):
    """A query that names no part which its call does not know."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class WaitQuery(Query):
    """How long to wait for a change."""

    wait: Annotated[
        Wait | None, Field(description="Answer only after a change, or after this time: at most `60s`.")
    ] = None
    after: Annotated[
        int | None,
        Field(ge=0, le=2**53, description="Wait while `rev` is this; without it, while the ask is pending."),
    ] = None

    @property
    def seconds(self) -> int:
        """Return how long to wait; 0 is not to wait at all."""
        if self.wait is None:
            return 0
        return int(self.wait[:-1]) * (MOST_SECONDS if self.wait.endswith("m") else 1)


class AskListQuery(Query):
    """Which asks, and which page of them."""

    status: AskStatus | None = None
    workflow: Annotated[str | None, Field(min_length=1, max_length=LONGEST_NAME)] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Annotated[str | None, Field(min_length=1, max_length=40)] = None
