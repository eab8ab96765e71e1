"""The door. Writes go through one transaction each, reads through connections that cannot write."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Literal, TypeVar

from msgspec import structs

from engine.delivery.recipients import Resolved, answered
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AddressReturned,
    AnswerAttention,
    Cancel,
    Contested,
    Decide,
    Decided,
    Done,
    Erase,
    Erased,
    NotFound,
    NotWaiting,
    Person,
    Refusal,
    Register,
    Registered,
    Resume,
    ReturnAddress,
    Start,
    Started,
    Work,
)
from engine.errors import ChannelError, Conflict
from engine.read_models import AttentionView, DeliveryView, PageQuery, RequestView, RunView, StoryEntry, WorkflowView
from engine.service import (
    answer_attention,
    cancel,
    decide,
    erase,
    process_due,
    register,
    resume,
    return_address,
    start,
)
from engine.service.context import CommandContext
from engine.store import audit_log, deliveries, people, queries, request_rows, run_rows
from engine.store.port import Store
from engine.store.transaction import Connection, Tx
from engine.worker.advance import Advancer

T = TypeVar("T")
_TRIES: Final = 5
_LOOKUP_SECONDS: Final = 1.2
"""What finding out who people are may take while somebody waits for an answer: Slack gives up after three seconds."""


class Engine:
    """Everything that can be asked of Signoff. `admins`: who may replace, cancel and resume what others own."""

    def __init__(self, store: Store, advancer: Advancer, *, admins: frozenset[Address] = frozenset()) -> None:
        self.store, self.context = store, CommandContext(advancer, admins)

    # -- commands --

    async def register(self, command: Register) -> Registered | Refusal:
        """Make these bytes the current version of the workflow that they name.

        Raises `DefinitionError` with everything that is wrong in them.
        """
        workflow = self.context.advancer.compiled(command.source)
        answer = await self.knowing(
            lambda tx, resolved: register.register(self.context, tx, command, workflow, resolved), patient=False
        )
        if not isinstance(answer, Registered):
            return answer
        # What only others know is asked once it is registered: it keeps nobody from doing so.
        doubts = await register.doubts(self.context, workflow)
        return structs.replace(answer, warnings=(*answer.warnings, *doubts))

    async def start(self, command: Start) -> Started | Refusal:
        """Start a run, and take it to its first request, effect or wait in the same transaction."""
        try:
            return await self.knowing(lambda tx, resolved: start.start(self.context, tx, command, resolved))
        except ChannelError:
            # Who is asked can be found out later; that the run was asked for is known now.
            later = self.knowing(
                lambda tx, resolved: start.start(self.context, tx, command, resolved, may_open_requests=False),
                patient=False,
                seconds=_LOOKUP_SECONDS / 4,
            )
            return await later

    async def decide(self, command: Decide) -> Decided | Refusal:
        """Decide a request. When this returns `Decided`, the decision is on the disk and no other will ever count."""
        decision = self.knowing(lambda tx, resolved: decide.decide(self.context, tx, command, resolved), patient=False)
        return await _or_contested(decision, "request")

    async def cancel(self, command: Cancel) -> Done | Refusal:
        """End a run: its open request is withdrawn at once; a step under way is left to finish and is the last."""
        cancellation = self.knowing(
            lambda tx, resolved: cancel.cancel(self.context, tx, command, resolved), patient=False
        )
        return await _or_contested(cancellation, "run")

    async def resume(self, command: Resume) -> Done | Refusal:
        """Answer for a step of unknown outcome. Raises `ChannelError` if who is asked next cannot be found out now."""
        resumption = self.knowing(lambda tx, resolved: resume.resume(self.context, tx, command, resolved))
        return await _or_contested(resumption, "run")

    async def answer(self, command: AnswerAttention) -> Done | Refusal:
        """Answer for a step of unknown outcome as whoever holds a link or a remembered browser.

        A link alone needs a code: `NeedsCode`. Raises `ChannelError` as `resume`.
        """
        answer = self.knowing(lambda tx, resolved: answer_attention.answer(self.context, tx, command, resolved))
        return await _or_contested(answer, "run")

    async def attention(self, run: str) -> AttentionView | NotWaiting | NotFound:
        """What a run asks of its owner: which call has an unknown outcome, and what to say if it happened."""
        return await self.transact(lambda tx: resume.attention(self.context, tx, run))

    async def return_address(self, command: ReturnAddress) -> AddressReturned | Refusal:
        """Give an address back to the person who had it before."""
        return await self.knowing(
            lambda tx, resolved: return_address.give_back(self.context, tx, command, resolved), patient=False
        )

    async def erase(self, command: Erase) -> Erased | Refusal:
        """Erase the contents of a run that has ended; the chain stays, and says who erased them and why."""
        return await self.knowing(lambda tx, resolved: erase.erase(self.context, tx, command, resolved), patient=False)

    async def process_due(self, request: str) -> None:
        """Do what time has brought to a request: tell the owner that nobody saw it, or let it expire."""
        await self.transact(lambda tx: process_due.process_due(self.context, tx, request))

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit of work of this package, again where somebody else was faster."""
        for _ in range(_TRIES):
            try:
                return await self.store.transact(unit)
            except Conflict as conflict:
                last = conflict
        raise last

    async def knowing(
        self, unit: Callable[[Tx, Resolved], T], *, patient: bool = True, seconds: float = _LOOKUP_SECONDS
    ) -> T:
        """Run a unit that may need to know who people are. Raises `ChannelError` only while `patient`."""
        directory = self.context.advancer.directory
        return await answered(self.transact, unit, directory, patient=patient, seconds=seconds)

    # -- reads --

    async def due(self, now: datetime, limit: int = 200) -> list[Work]:
        """Work that is ready, found by index: what makes the loss of any hint harmless."""

        def query(connection: Connection) -> list[Work]:
            found = {
                "advance": run_rows.due_runs(connection, now, limit),
                "deliver": deliveries.due_deliveries(connection, now, limit),
                "process_due": request_rows.due_requests(connection, now, limit),
            }
            return [Work(kind, one) for kind, ids in found.items() for one in ids]  # type: ignore[arg-type]

        return await self.store.read(query)

    async def person(self, address: Address, *, workspace: str = DEFAULT_WORKSPACE) -> Person | None:
        """Who is known by this address."""
        return await self.store.read(lambda connection: people.find_person(connection, workspace, address))

    async def runs(self, page: PageQuery, *, workspace: str = DEFAULT_WORKSPACE) -> list[RunView]:
        return await self.store.read(lambda connection: queries.run_views(connection, workspace, page))

    async def asking(self, person: str, *, workspace: str = DEFAULT_WORKSPACE, limit: int = 200) -> list[RunView]:
        """Return the runs that wait for this person, as their owner, to say what became of a step."""
        return await self.store.read(lambda connection: queries.runs_asking(connection, workspace, person, limit))

    async def run(self, run: str) -> RunView | None:
        return await self.store.read(lambda connection: queries.run_view(connection, run))

    async def requests(
        self, page: PageQuery, *, workspace: str = DEFAULT_WORKSPACE, person: str | None = None
    ) -> list[RequestView]:
        return await self.store.read(
            lambda connection: queries.request_views(connection, workspace, page, person=person)
        )

    async def requests_of_run(self, run: str) -> list[RequestView]:
        return await self.store.read(lambda connection: queries.requests_of_run(connection, run))

    async def request(self, request: str) -> RequestView | None:
        return await self.store.read(lambda connection: queries.request_view(connection, request))

    async def standing(self, request: str) -> tuple[int, int] | None:
        """What differs whenever the request or its run was written; cheaper than to look what it is."""
        return await self.store.read(lambda connection: queries.standing(connection, request))

    async def request_in_run(self, request: str) -> tuple[RequestView, RunView, list[RequestView]] | None:
        """A request with its run, and every request in it, the oldest first."""
        return await self.store.read(lambda connection: queries.request_in_run(connection, request))

    async def deliveries(self, *, run: str | None = None, request: str | None = None) -> list[DeliveryView]:
        return await self.store.read(lambda connection: queries.delivery_views(connection, run=run, request=request))

    async def workflow(self, name: str, *, workspace: str = DEFAULT_WORKSPACE) -> WorkflowView | NotFound:
        """The current version of a workflow."""
        found = await self.workflows(workspace=workspace)
        known = {one.name: one for one in found}
        if name in known:
            return known[name]
        close = difflib.get_close_matches(name, known, n=1)
        return NotFound(what="workflow", name=name, suggestion=close[0] if close else None)

    async def workflows(self, *, workspace: str = DEFAULT_WORKSPACE) -> list[WorkflowView]:
        return await self.store.read(lambda connection: queries.workflow_views(connection, workspace))

    async def story(self, run: str, *, after: int = 0) -> list[StoryEntry]:
        return await self.store.read(lambda connection: audit_log.story(connection, run, after))


async def _or_contested(unit: Awaitable[T], what: Literal["request", "run"]) -> T | Contested:
    """Return what a unit answers, or the refusal if others were faster each time that it was tried."""
    try:
        return await unit
    except Conflict:
        return Contested(what=what)
