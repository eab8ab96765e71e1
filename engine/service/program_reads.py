"""The reads of programs with an API key. What a key may not read does not exist for it."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Final

from msgspec import Struct

from engine import fields
from engine.audit_entries import EntryKind, entry
from engine.domain import DEFAULT_WORKSPACE, Address, Done, NotFound, Origin, Refusal, RetryDelivery
from engine.domain.api_keys import ApiAction, ApiPrincipal, may
from engine.domain.asks import IdempotencyConflict
from engine.errors import DefinitionError
from engine.json_values import Value, same
from engine.off_loop import off_loop
from engine.oversight.draw import UnreviewedVisit, VisitKey
from engine.read_models import (
    DecisionFilter,
    DeliveryView,
    ExportedDecision,
    PageQuery,
    RequestView,
    RunView,
    WorkflowView,
)
from engine.service.engine import Engine
from engine.store import people, program_reads
from engine.store.port import Tx
from engine.workflowfile import Workflow

_USES: Final = (ApiAction.ASK, ApiAction.START, ApiAction.READ)


class WorkflowOffer(Struct, frozen=True, kw_only=True):
    """A workflow that a key may use. `compiled`: None if this server cannot read its file any more."""

    view: WorkflowView
    compiled: Workflow | None


class ProgramReads:
    """The reads, before an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def runs(self, principal: ApiPrincipal, page: PageQuery) -> list[RunView]:
        """Return a page of the runs that a key reads, the newest first."""
        return await self._engine.store.read(
            lambda connection: program_reads.runs(connection, DEFAULT_WORKSPACE, principal, page)
        )

    async def requests(self, principal: ApiPrincipal, page: PageQuery) -> list[RequestView]:
        """Return a page of the requests that a key reads, the newest first."""
        return await self._engine.store.read(
            lambda connection: program_reads.requests(connection, DEFAULT_WORKSPACE, principal, page)
        )

    async def run(self, principal: ApiPrincipal, run: str) -> RunView | NotFound:
        """Return a run with its steps."""
        view = await self._engine.run(run)
        if view is None or not await self._sees(principal, view):
            return NotFound(what="run", name=run)
        return view

    async def request(self, principal: ApiPrincipal, request: str) -> RequestView | NotFound:
        """Return a request."""
        view = await self._engine.request(request)
        run = None if view is None else await self._engine.run(view.run)
        if view is None or run is None or not await self._sees(principal, run):
            return NotFound(what="request", name=request)
        return view

    async def deliveries(self, principal: ApiPrincipal, request: str) -> list[DeliveryView] | NotFound:
        """Return the copies of a request."""
        view = await self.request(principal, request)
        return view if isinstance(view, NotFound) else await self._engine.deliveries(request=request)

    async def redeliver(
        self, principal: ApiPrincipal, delivery: str, origin: Origin, key: str | None
    ) -> Done | Refusal:
        """Send a callback about an ask of this program once more. Other copies do not exist for it."""
        run = await self._engine.store.read(lambda connection: program_reads.run_of_callback(connection, delivery))
        view = None if run is None else await self._engine.run(run)
        if view is None or not await self._owns(principal, view):
            return NotFound(what="callback", name=delivery)
        return await self._engine.retry_delivery(
            RetryDelivery(delivery=delivery, actor=principal.address, origin=origin, key=key)
        )

    async def _owns(self, principal: ApiPrincipal, run: RunView) -> bool:
        return await self._engine.store.read(lambda connection: program_reads.is_own(connection, principal, run))

    async def _sees(self, principal: ApiPrincipal, run: RunView) -> bool:
        return may(principal, ApiAction.READ, run.workflow) or await self._owns(principal, run)

    async def workflows(self, principal: ApiPrincipal) -> list[WorkflowView]:
        """Return the workflows that a key may use in some way."""
        return [view for view in await self._engine.workflows() if _may_use(principal, view.name)]

    async def workflow(self, principal: ApiPrincipal, name: str) -> WorkflowOffer | NotFound:
        """Return a workflow that a key may use in some way."""
        view = await self._engine.workflow(name)
        if isinstance(view, NotFound) or not _may_use(principal, view.name):
            return NotFound(what="workflow", name=name)
        compiled = None
        with contextlib.suppress(DefinitionError):
            compiled = await off_loop(lambda: self._engine.context.advancer.registered(view.source))
        return WorkflowOffer(view=view, compiled=compiled)

    async def decisions(
        self, principal: ApiPrincipal, wanted: DecisionFilter, origin: Origin, *, after: str
    ) -> list[ExportedDecision]:
        """Return the decisions that follow the one with the id `after`. The audit log notes the first page."""
        if not after:
            await self._engine.transact(lambda tx: _note_export(tx, principal, wanted, origin))
        return await self._engine.exported(await self._readable(principal, wanted), after)

    async def unreviewed_visits(
        self, principal: ApiPrincipal, wanted: DecisionFilter, *, after: VisitKey | None
    ) -> list[UnreviewedVisit]:
        """Return what went through without review and follows the visit `after`. It comes after all decisions."""
        return await self._engine.unreviewed_visits(await self._readable(principal, wanted), after)

    async def _readable(self, principal: ApiPrincipal, wanted: DecisionFilter) -> DecisionFilter:
        """Return the filter without the workflows that the key does not read."""
        readable = None
        if not program_reads.reads_all(principal):
            readable = await self._engine.store.read(
                lambda connection: program_reads.readable_workflows(connection, DEFAULT_WORKSPACE, principal)
            )
        return DecisionFilter(
            since=wanted.since,
            until=wanted.until,
            workflow=wanted.workflow,
            workflows=None if readable is None else tuple(readable),
        )

    async def is_repeat(self, run: str, workflow: str, inputs: dict[str, Value]) -> Refusal | None:
        """Return None if a run was started with this workflow and these inputs, or the refusal if with others."""
        view, compiled = await self._engine.run(run), await self._engine.workflow_of(run)
        if view is not None and compiled is not None and view.workflow == workflow:
            sent, errors = fields.validate_all(compiled.inputs, inputs)
            if not errors and same(dict(sent), dict(view.inputs)):
                return None
        return IdempotencyConflict(run=run)


def _may_use(principal: ApiPrincipal, workflow: str) -> bool:
    return any(may(principal, action, workflow) for action in _USES)


def _note_export(tx: Tx, principal: ApiPrincipal, wanted: DecisionFilter, origin: Origin) -> None:
    """Note in the audit log that a program reads decisions, as it is noted of people."""
    program = people.find_person(tx.connection, DEFAULT_WORKSPACE, principal.address)
    record = entry(
        EntryKind.DECISIONS_EXPORTED,
        actor=program,
        since=_iso(wanted.since),
        until=_iso(wanted.until),
        workflow=wanted.workflow,
        format="json",
        surface=origin.surface,
        all_workflows=program_reads.reads_all(principal),
    )
    tx.audit(DEFAULT_WORKSPACE, record)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def starter(principal: ApiPrincipal) -> Address:
    """Return in whose name a key starts runs: the person that it acts for, or the program itself."""
    return principal.address if principal.acts_for is None else Address("email", principal.acts_for)
