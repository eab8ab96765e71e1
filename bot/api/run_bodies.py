"""What programs send to start runs and to read lists, and its parts of the document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from bot.api import decision_cursor
from bot.api.ask_bodies import LONGEST_NAME, Body, Query


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a time such as 2026-03-02T09:00:00Z") from None
    return text


Time = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        json_schema_extra={"format": "date-time"},
        examples=["2026-03-02T09:00:00Z"],
    ),
    AfterValidator(_moment),
]
"""A time with its offset from UTC, as in RFC 3339."""


class RunBody(Body):
    """A workflow and its inputs."""

    workflow: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    inputs: Annotated[
        dict[str, Any], Field(description="As the JSON Schema of `GET /workflows/{name}` describes them.")
    ] = Field(default_factory=dict)


class ListQuery(Query):
    """Which page of a list."""

    open: Annotated[bool, Field(description="Only those that have not ended.")] = False
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Annotated[str | None, Field(min_length=1, max_length=40)] = None


class DecisionQuery(Query):
    """Which decisions."""

    since: Annotated[Time, Field(description="Those made at this time or later.")]
    until: Annotated[Time | None, Field(description="Those made before this time.")] = None
    workflow: Annotated[str | None, Field(min_length=1, max_length=LONGEST_NAME)] = None
    cursor: Annotated[str | None, Field(pattern=decision_cursor.PATTERN, max_length=decision_cursor.LONGEST)] = None
