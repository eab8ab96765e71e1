"""The reads of the engine: each uses a read-only connection, and changes nothing."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.access import Reader
from engine.child_views import ItemPage
from engine.domain import (
    DEFAULT_WORKSPACE,
    Absence,
    Address,
    NotFound,
    Offer,
    Person,
    PreferencesSet,
    Receipt,
    TriggerKind,
    Work,
)
from engine.domain.api_keys import ApiKeyView
from engine.errors import DefinitionError
from engine.inbox import InboxPage, InboxQuery
from engine.insights import InsightQuery, Insights
from engine.off_loop import off_loop
from engine.oversight.attention import Figures, SharedFigures, shared_figures
from engine.oversight.draw import UnreviewedVisit, VisitKey
from engine.plan_views import PlanView
from engine.read_models import (
    DecisionFilter,
    DeliveryView,
    ExportedDecision,
    PageQuery,
    RequestView,
    RunView,
    WorkflowName,
    WorkflowView,
)
from engine.service import current_gates, preferences
from engine.service.context import CommandContext
from engine.store import (
    absences,
    api_keys,
    attention,
    decision_export,
    delivery_queries,
    due_work,
    inbox_queries,
    insight_queries,
    item_queries,
    last_views,
    oversight_views,
    people,
    reader_runs,
    reader_workflows,
    request_queries,
    run_queries,
    sampling_queries,
    seeded_requests,
    trigger_rows,
    workflows,
)
from engine.store.connection import Connection
from engine.store.item_rows import ForeachVisit
from engine.store.port import Store
from engine.story_entries import StoryEntry
from engine.workflowfile import Workflow


class Queries:
    """What the engine is asked, without a change. `Engine` adds the commands."""

    def __init__(self, store: Store, context: CommandContext) -> None:
        self.store, self.context = store, context

    async def due(self, now: datetime, limit: int = 200, *, grace: timedelta = timedelta()) -> list[Work]:
        """Return the work that is due, found by index. It makes the loss of a hint harmless.

        `grace`: how long work must have been ready, because its hint may be under way. There is no hint of a lease that
        lapsed or of a deadline that came.
        """
        return await self.store.read(lambda connection: due_work.due_work(connection, now, limit, ready=now - grace))

    async def absence(self, person: str, now: datetime, *, workspace: str = DEFAULT_WORKSPACE) -> Absence | None:
        """Return the absence of a person that has not ended, also one that has not begun."""
        found = await self.store.read(lambda connection: absences.load_open(connection, workspace, now))
        return next((one for one in found if one.person.id == person), None)

    def preferences(self, person: Person) -> PreferencesSet:
        """Return when a person is told of what waits for them, and in which time zone."""
        return preferences.of_person(self.context, person)

    async def person(self, address: Address, *, workspace: str = DEFAULT_WORKSPACE) -> Person | None:
        """Return the person who has this address now."""
        return await self.store.read(lambda connection: people.find_person(connection, workspace, address))

    def reader(self, person: Person) -> Reader:
        """Return a person with what this server lets them read."""
        return self.context.reader(person)

    async def inbox(self, query: InboxQuery, *, workspace: str = DEFAULT_WORKSPACE) -> InboxPage:
        """Return one page of a part of a reader's inbox."""
        return await self.store.read(lambda connection: inbox_queries.inbox_page(connection, workspace, query))

    async def last_view(self, address: Address, *, workspace: str = DEFAULT_WORKSPACE) -> str | None:
        """Return what a person last looked at on a surface, as the surface wrote it, or None."""
        return await self.store.read(lambda connection: last_views.load(connection, workspace, address))

    async def figures(self, person: str) -> Figures:
        """Return how long a person looked at what they decided last, and what they changed, for them alone."""
        return await self.store.read(lambda connection: attention.figures_of(connection, person))

    async def shared_figures(
        self, workflow: str, reader: str, *, workspace: str = DEFAULT_WORKSPACE
    ) -> SharedFigures | None:
        """Return the figures of all who decide about a workflow, or None if they are too few besides the reader."""
        looks = await self.store.read(lambda connection: attention.looks_of_workflow(connection, workspace, workflow))
        return shared_figures(looks, without=reader)

    async def shared_detection(
        self, workflow: str, reader: str, *, workspace: str = DEFAULT_WORKSPACE
    ) -> tuple[int, int] | None:
        """Return how many seeded requests people caught, and of how many, or None if too few others had one."""
        return await self.store.read(
            lambda connection: seeded_requests.shared_detection(connection, workspace, workflow, without=reader)
        )

    async def runs(self, page: PageQuery, *, workspace: str = DEFAULT_WORKSPACE) -> list[RunView]:
        return await self.store.read(lambda connection: run_queries.run_views(connection, workspace, page))

    async def runs_of(self, reader: Reader, page: PageQuery, *, workspace: str = DEFAULT_WORKSPACE) -> list[RunView]:
        """Return a page of the runs that a person sees, the newest first."""
        return await self.store.read(lambda connection: reader_runs.reader_runs(connection, workspace, reader, page))

    async def run_mark(self, run: str) -> str | None:
        """Return a text that changes with the run, its requests and its copies: a cheap way to see a stale page."""
        return await self.store.read(lambda connection: reader_runs.run_mark(connection, run))

    async def workflow_of(self, run: str) -> Workflow | None:
        """Return the version of the workflow that a run started with, or None if this server cannot read it."""
        source = await self.store.read(lambda connection: run_queries.load_source(connection, run))
        if source is None:
            return None
        with contextlib.suppress(DefinitionError):
            return await off_loop(lambda: self.context.advancer.registered(source))
        return None

    async def next_run(self, workflow: str, *, workspace: str = DEFAULT_WORKSPACE) -> datetime | None:
        """Return when the schedules of a workflow start its next run, or None if it has none."""
        return await self.store.read(lambda connection: trigger_rows.next_at(connection, workspace, workflow))

    async def offers(self, kind: TriggerKind, *, workspace: str = DEFAULT_WORKSPACE) -> list[Offer]:
        """Return the triggers of a kind by which people start runs, by the titles of their workflows."""
        return await self.store.read(lambda connection: trigger_rows.offers(connection, workspace, kind))

    async def runs_waiting_for(
        self, person: str, *, workspace: str = DEFAULT_WORKSPACE, limit: int = 200
    ) -> list[RunView]:
        """Return the runs that wait for this owner to answer for a step of unknown outcome."""
        return await self.store.read(
            lambda connection: run_queries.runs_waiting_for_owner(connection, workspace, person, limit)
        )

    async def items(self, run: str, step: str, visit: int, *, after: int = 0, limit: int = 100) -> ItemPage | None:
        """Return items of a visit to a foreach, those that follow the one with the number `after`."""
        of = ForeachVisit(run, step, visit)
        return await self.store.read(
            lambda connection: item_queries.load_page(connection, of, after=after, limit=limit)
        )

    async def run(self, run: str) -> RunView | None:
        return await self.store.read(lambda connection: run_queries.run_view(connection, run))

    async def requests(
        self, page: PageQuery, *, workspace: str = DEFAULT_WORKSPACE, person: str | None = None
    ) -> list[RequestView]:
        return await self.store.read(
            lambda connection: request_queries.request_views(connection, workspace, page, person=person)
        )

    async def requests_asking(self, person: str, limit: int = 50) -> list[RequestView]:
        """Return the waiting requests about which this person was asked a question that has no answer."""
        return await self.store.read(lambda connection: request_queries.requests_asking(connection, person, limit))

    async def requests_of_run(self, run: str) -> list[RequestView]:
        return await self.store.read(lambda connection: request_queries.requests_of_run(connection, run))

    async def latest_requests(self, runs: Sequence[str]) -> dict[str, RequestView]:
        """Return the latest request of each of these runs, by run."""
        return await self.store.read(lambda connection: request_queries.latest_requests(connection, runs))

    async def request(self, request: str) -> RequestView | None:
        return await self.store.read(lambda connection: request_queries.request_view(connection, request))

    async def revisions(self, request: str) -> tuple[int, int] | None:
        """Return the `rev` of the request and of its run: a cheap way to see whether a page is stale."""
        return await self.store.read(lambda connection: request_queries.revisions(connection, request))

    async def request_in_run(self, request: str) -> tuple[RequestView, RunView, list[RequestView]] | None:
        """Return a request, its run, and every request of the run, the oldest first."""
        return await self.store.read(lambda connection: request_queries.request_in_run(connection, request))

    async def request_at(self, receipt: Receipt) -> RequestView | None:
        """Return the request whose shared copy is the message with this receipt, or None."""
        return await self.store.read(lambda connection: delivery_queries.request_at(connection, receipt))

    async def deliveries(self, *, run: str | None = None, request: str | None = None) -> list[DeliveryView]:
        return await self.store.read(
            lambda connection: delivery_queries.delivery_views(connection, run=run, request=request)
        )

    async def workflow(self, name: str, *, workspace: str = DEFAULT_WORKSPACE) -> WorkflowView | NotFound:
        """Return the current version of a workflow, or a refusal with the closest name."""
        by_name = {view.name: view for view in await self.workflows(workspace=workspace)}
        if name in by_name:
            return by_name[name]
        close = difflib.get_close_matches(name, by_name, n=1)
        return NotFound(what="workflow", name=name, suggestion=close[0] if close else None)

    async def workflows(self, *, workspace: str = DEFAULT_WORKSPACE) -> list[WorkflowView]:
        return await self.store.read(lambda connection: workflows.workflow_views(connection, workspace))

    async def api_keys(self, *, workspace: str = DEFAULT_WORKSPACE) -> list[ApiKeyView]:
        """Return the API keys, the newest first."""
        return await self.store.read(lambda connection: api_keys.views(connection, workspace))

    async def asked_workflows(self, views: Sequence[WorkflowView]) -> frozenset[str]:
        """Return the names of those workflows that only an ask starts."""
        return await off_loop(lambda: frozenset(view.name for view in views if self._is_asked(view)))

    def _is_asked(self, view: WorkflowView) -> bool:
        with contextlib.suppress(DefinitionError):
            return self.context.advancer.registered(view.source).is_asked
        return False

    async def workflow_names(self, *, workspace: str = DEFAULT_WORKSPACE) -> list[WorkflowName]:
        """Return the names, titles and owners of the workflows, without their files."""
        return await self.store.read(lambda connection: workflows.workflow_names(connection, workspace))

    async def workflows_of(self, reader: Reader, *, workspace: str = DEFAULT_WORKSPACE) -> list[WorkflowName]:
        """Return the workflows of which a person sees requests, by name."""
        return await self.store.read(lambda connection: reader_workflows.of_reader(connection, workspace, reader))

    async def exported(
        self, wanted: DecisionFilter, after: str = "", *, workspace: str = DEFAULT_WORKSPACE
    ) -> list[ExportedDecision]:
        """Return the decisions of an export that follow the one with the id `after`; none at its end."""
        return await self.store.read(lambda connection: decision_export.page(connection, workspace, wanted, after))

    async def plan_views(self, workflow: str, *, workspace: str = DEFAULT_WORKSPACE) -> list[PlanView]:
        """Return the sampling plans of the current version of a workflow, by step."""
        return await self.store.read(
            lambda connection: sampling_queries.plan_views(connection, workspace, workflow=workflow)
        )

    async def unreviewed_visits(
        self, wanted: DecisionFilter, after: VisitKey | None = None, *, workspace: str = DEFAULT_WORKSPACE
    ) -> list[UnreviewedVisit]:
        """Return the visits of an export that went through without review and follow this one; none at its end."""
        return await self.store.read(lambda connection: sampling_queries.page(connection, workspace, wanted, after))

    async def insights(self, query: InsightQuery, now: datetime, *, workspace: str = DEFAULT_WORKSPACE) -> Insights:
        """Return what became of the requests of the workflows that a reader owns or reads."""

        def read(connection: Connection) -> tuple[Insights, list[tuple[str, bytes]]]:
            counted = insight_queries.insights(connection, workspace, query, now)
            chosen = [workflow.id for workflow in counted.workflows if query.workflow in (None, workflow.name)]
            return counted, insight_queries.load_sources(connection, workspace, chosen)

        counted, sources = await self.store.read(read)
        return await off_loop(lambda: current_gates.complete(self.context.advancer.registered, counted, sources))

    async def story(self, run: str, *, after: int = 0) -> list[StoryEntry]:
        """Return the entries of a run after number `after`, oldest first.

        Of a seeded request that waits, those are left out that tell what it is.
        """
        return await self.store.read(lambda connection: oversight_views.story(connection, run, after))
