"""The calls about runs, requests, decisions and workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

from fastapi import Query

from bot.api import decision_cursor, run_resources
from bot.api.ask_bodies import NO_REASON, CancelBody
from bot.api.ask_resources import Page
from bot.api.calls import ApiCall
from bot.api.run_bodies import DecisionQuery, ListQuery, RunBody
from bot.api.run_resources import (
    DecisionListResource,
    DecisionRecordResource,
    DeliveryListResource,
    RedeliveryResource,
    RequestListResource,
    RequestResource,
    RunListResource,
    RunResource,
    WorkflowDetailResource,
    WorkflowListResource,
)
from bot.presentation import decision_records
from engine.domain import Cancel, DeliveryKind, NotFound, NotWaiting, Refusal, RunStatus, Start
from engine.domain.api_keys import ApiAction
from engine.fields.json_schema import object_schema
from engine.json_values import Value
from engine.read_models import DecisionFilter, PageQuery, RunView
from engine.service import Engine
from engine.service.program_reads import ProgramReads, starter
from engine.store import decision_export, sampling_queries

T = TypeVar("T")


class RunHandlers:
    """The handlers. A refusal that one returns becomes a problem."""

    def __init__(self, engine: Engine, request_page: Page | None, run_page: Page | None) -> None:
        self._engine, self._reads = engine, ProgramReads(engine)
        self._request_page, self._run_page = request_page, run_page

    async def start(self, call: ApiCall, body: RunBody) -> RunResource | Refusal:
        """Start a run.

        A repeat with the same `Idempotency-Key` and the same body answers 200 with the run of the first call.
        """
        call.require(ApiAction.START, body.workflow)
        given = call.idempotency_key
        key = None if given is None else f"api {call.principal.id} {given}"
        started = await self._engine.start(
            Start(
                workflow=body.workflow,
                inputs=body.inputs,
                actor=starter(call.principal),
                origin=call.origin,
                key=key,
            )
        )
        if isinstance(started, Refusal):
            return started
        if not started.created and (refusal := await self._reads.is_repeat(started.run, body.workflow, body.inputs)):
            return refusal
        call.status = 201 if started.created else 200
        return await self._run(started.run, created=started.created)

    async def list_runs(self, call: ApiCall, query: Annotated[ListQuery, Query()]) -> RunListResource:
        """List runs, the newest first: those of this key, and with the action `read` all of its workflows."""
        views = await self._reads.runs(call.principal, _page(query))
        shown, cursor = _cut(views, query.limit)
        return {"runs": [self._written(view) for view in shown], "next_cursor": cursor}

    async def get_run(self, call: ApiCall, run: str) -> RunResource | Refusal:
        """Read a run with its steps."""
        view = await self._reads.run(call.principal, run)
        return view if isinstance(view, Refusal) else self._written(view)

    async def cancel_run(self, call: ApiCall, run: str, body: CancelBody = NO_REASON) -> RunResource | Refusal:
        """End a run. Its open request is closed. One that was cancelled before is left as it is."""
        view = await self._reads.run(call.principal, run)
        if isinstance(view, Refusal):
            return view
        own = starter(call.principal)
        actor = own if own in view.requester.addresses else call.actor
        done = await self._engine.cancel(Cancel(run=run, actor=actor, origin=call.origin, reason=body.reason))
        was_cancelled = isinstance(done, NotWaiting) and done.status is RunStatus.CANCELLED
        return done if isinstance(done, Refusal) and not was_cancelled else await self._run(run)

    async def list_requests(self, call: ApiCall, query: Annotated[ListQuery, Query()]) -> RequestListResource:
        """List requests to people, the newest first, of the runs that this key reads."""
        views = await self._reads.requests(call.principal, _page(query))
        shown, cursor = _cut(views, query.limit)
        return {
            "requests": [run_resources.request(view, url=_url(self._request_page, view.id)) for view in shown],
            "next_cursor": cursor,
        }

    async def get_request(self, call: ApiCall, request: str) -> RequestResource | Refusal:
        """Read a request to people, with what they see and what they decided."""
        view = await self._reads.request(call.principal, request)
        if isinstance(view, Refusal):
            return view
        return run_resources.request(view, url=_url(self._request_page, view.id))

    async def list_deliveries(self, call: ApiCall, request: str) -> DeliveryListResource | Refusal:
        """List the copies of a request: to which people, channels and programs they went, and how far they came."""
        views = await self._reads.deliveries(call.principal, request)
        return views if isinstance(views, NotFound) else {"deliveries": [*map(run_resources.delivery, views)]}

    async def list_callbacks(self, call: ApiCall, ask: str) -> DeliveryListResource | Refusal:
        """List the calls that told a callback endpoint of this ask, or still will."""
        view = await self._engine.ask_view(ask, call.actor)
        if isinstance(view, Refusal):
            return view
        calls = [call for call in await self._engine.deliveries(run=view.id) if call.kind is DeliveryKind.CALLBACK]
        return {"deliveries": [*map(run_resources.delivery, calls)]}

    async def redeliver(self, call: ApiCall, delivery: str) -> RedeliveryResource | Refusal:
        """Send a callback once more, now. Its id stays the same, so that the receiver can tell a repeat.

        A repeat with the same `Idempotency-Key` sends nothing.
        """
        done = await self._reads.redeliver(call.principal, delivery, call.origin, call.idempotency_key)
        return done if isinstance(done, Refusal) else {"id": delivery}

    async def list_decisions(self, call: ApiCall, query: Annotated[DecisionQuery, Query()]) -> DecisionListResource:
        """List decisions, the oldest first, with all that is kept of them. It needs the action `read`.

        What went through a gate without review (sampled out) follows the decisions, by run.
        """
        call.require(ApiAction.READ, query.workflow)
        until = None if query.until is None else datetime.fromisoformat(query.until)
        since = datetime.fromisoformat(query.since)
        wanted = DecisionFilter(since=since, until=until, workflow=query.workflow)
        after = decision_cursor.read(query.cursor)
        found = []
        if after is None:
            found = await self._reads.decisions(call.principal, wanted, call.origin, after=query.cursor or "")
        records = [*map(decision_records.record, found)]
        if len(found) == decision_export.PAGE:
            return _decision_page(records, found[-1].id)
        passed = await self._reads.unreviewed_visits(call.principal, wanted, after=after)
        records += map(decision_records.unreviewed, passed)
        is_full = len(passed) == sampling_queries.MOST
        return _decision_page(records, decision_cursor.of(passed[-1].key) if is_full else None)

    async def list_workflows(self, call: ApiCall) -> WorkflowListResource:
        """List the workflows that this key may use or read, by name."""
        views = await self._reads.workflows(call.principal)
        return {"workflows": [*map(run_resources.workflow, views)]}

    async def get_workflow(self, call: ApiCall, workflow: str) -> WorkflowDetailResource | Refusal:
        """Read a workflow with the JSON Schema of its inputs."""
        offer = await self._reads.workflow(call.principal, workflow)
        if isinstance(offer, NotFound):
            return offer
        compiled = offer.compiled
        inputs: dict[str, Any] | None = None if compiled is None else object_schema(compiled.inputs)
        takes_asks = compiled is not None and compiled.is_asked
        return {**run_resources.workflow(offer.view), "takes_asks": takes_asks, "inputs": inputs}

    async def _run(self, run: str, *, created: bool = False) -> RunResource:
        view = await self._engine.run(run)
        assert view is not None, "runs are never deleted"
        return self._written(view, created=created)

    def _written(self, view: RunView, *, created: bool = False) -> RunResource:
        return run_resources.run(view, url=_url(self._run_page, view.id), created=created)


def _decision_page(records: Sequence[Mapping[str, Value]], cursor: str | None) -> DecisionListResource:
    return {"decisions": cast("list[DecisionRecordResource]", [*records]), "next_cursor": cursor}


def _url(page: Page | None, of: str) -> str | None:
    return None if page is None else page(of)


def _page(query: ListQuery) -> PageQuery:
    """Return the page with one more row, which says whether another page follows."""
    return PageQuery(limit=query.limit + 1, before=query.cursor, open_only=query.open)


def _cut(views: Sequence[T], limit: int) -> tuple[Sequence[T], str | None]:
    """Return the rows of a page, and the cursor of the next one."""
    shown = views[:limit]
    last: Any = shown[-1] if len(views) > limit else None
    return shown, None if last is None else last.id
