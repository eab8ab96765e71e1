"""What programs send to start runs and to read lists, and its parts of the document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from bot.api.ask_bodies import LONGEST_NAME, Body, Query


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

    since: Annotated[AwareDatetime, Field(description="Those made at this time or later.")]
    until: Annotated[AwareDatetime | None, Field(description="Those made before this time.")] = None
    workflow: Annotated[str | None, Field(min_length=1, max_length=LONGEST_NAME)] = None
    cursor: Annotated[str | None, Field(min_length=1, max_length=40)] = None
