"""An ask as programs read it, and its parts of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from bot import page_urls
from bot.presentation.dates import iso
from engine.domain.asks import AskDecision, AskView

Moment: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time in UTC, as in RFC 3339."""
Json: TypeAlias = Any
"""Any JSON. Numbers are exact: a reader that rounds them loses digits."""


class EditResource(TypedDict):
    """A value that people changed."""

    path: str
    before: Json
    after: Json


class ByResource(TypedDict):
    """A person."""

    name: str
    email: str | None


class DecisionResource(TypedDict):
    """What became of the question."""

    verdict: Literal["approved", "rejected", "expired", "cancelled", "failed", "not_asked", "not_reviewed"]
    by: Annotated[ByResource | None, Field(description="The person who decided; null if no person did.")]
    at: Moment | None
    reason: str | None
    edits: list[EditResource]
    assurance: Annotated[str | None, Field(description="How the person proved who they are.")]


class OutcomeResource(TypedDict):
    """What became of an approval that was consumed."""

    status: Literal["succeeded", "failed", "unknown"]
    note: str | None
    at: Annotated[Moment | None, Field(description="Null while the owner of the workflow has to say what happened.")]


class AskedRequestResource(TypedDict):
    """The request that people see."""

    id: str
    url: Annotated[str | None, Field(description="Its page for people; null if this server has no pages.")]
    due_at: Moment | None
    waiting_for: Annotated[list[str], Field(description="The names of the people who are asked now.")]
    progress: Annotated[str | None, Field(description="Such as `1 of 2`, if more than one approval is needed.")]


class AskResource(TypedDict):
    """A question of a program to people, and what became of it."""

    id: str
    external_id: str | None
    status: Literal["pending", "approved", "rejected", "expired", "cancelled", "failed"]
    title: str
    tool: str | None
    server: str | None
    workflow: str
    rule: Annotated[str | None, Field(description="The rule of the workflow that matched, if it has rules.")]
    use: Literal["answer", "once"]
    arguments: Annotated[dict[str, Json], Field(description="Once approved, with what people changed.")]
    editable: list[str]
    digest: Annotated[str | None, Field(description="Of the arguments: send it with `consume`.")]
    rev: Annotated[int, Field(description="Rises with each change: send it as `after` to wait for the next one.")]
    decision: DecisionResource | None
    valid_until: Annotated[Moment | None, Field(description="Until when the approval may be consumed.")]
    consumed_at: Moment | None
    outcome: OutcomeResource | None
    request: AskedRequestResource | None
    url: Annotated[str | None, Field(description="The page of its run for people.")]
    created_at: Moment
    created: Annotated[bool, Field(description="Whether this call created it.")]
    is_final: Annotated[bool, Field(description="Whether no change will follow.")]


class AskListResource(TypedDict):
    """A page of asks, the newest first."""

    asks: list[AskResource]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null: no more.")]


Page: TypeAlias = Callable[[str], str]
"""Returns the address of the page of a request or run, by its id."""


class AskWriter:
    """Writes asks. `request_page`, `run_page`: addresses of pages, or None if this server has none."""

    def __init__(self, request_page: Page | None, run_page: Page | None) -> None:
        self._request_page, self._run_page = request_page, run_page

    @classmethod
    def at(cls, public_url: str) -> AskWriter:
        """Return what writes asks for a server with this address, which is empty if it has no pages."""
        pages = (page_urls.request_page, page_urls.run_page)
        return cls(*(partial(page, public_url) if public_url else None for page in pages))

    def write(self, view: AskView, *, created: bool = False) -> AskResource:
        """Return an ask as programs read it."""
        return {
            "id": view.id,
            "external_id": view.external_id,
            "status": view.status.value,
            "title": view.title,
            "tool": view.tool,
            "server": view.server,
            "workflow": view.workflow,
            "rule": view.rule,
            "use": view.use.value,
            "arguments": dict(view.arguments),
            "editable": list(view.editable),
            "digest": view.digest,
            "rev": view.rev,
            "decision": None if view.decision is None else _decision(view.decision),
            "valid_until": iso(view.valid_until),
            "consumed_at": iso(view.consumed_at),
            "outcome": _outcome(view),
            "request": self._request(view),
            "url": self._run_page(view.id) if self._run_page is not None else None,
            "created_at": view.created_at.isoformat(),
            "created": created,
            "is_final": view.is_final,
        }

    def _request(self, view: AskView) -> AskedRequestResource | None:
        if view.request is None:
            return None
        return {
            "id": view.request,
            "url": self._request_page(view.request) if self._request_page is not None else None,
            "due_at": iso(view.due_at),
            "waiting_for": list(view.waiting_for),
            "progress": view.progress,
        }


def _decision(decision: AskDecision) -> DecisionResource:
    return {
        "verdict": decision.verdict,  # type: ignore[typeddict-item]
        "by": None if decision.by is None else {"name": decision.by, "email": decision.email},
        "at": iso(decision.at),
        "reason": decision.reason,
        "edits": [{"path": edit.path, "before": edit.before, "after": edit.after} for edit in decision.edits],
        "assurance": decision.assurance,
    }


def _outcome(view: AskView) -> OutcomeResource | None:
    if view.outcome is None:
        return None
    return {"status": view.outcome.status.value, "note": view.outcome.note, "at": iso(view.outcome.at)}
