"""Handlers of the pages of workflows: the list of those that a person owns, one with its versions, and two compared."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import autonomy, refusals
from bot.web import form_data, version_comparison, workflow_page_view
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE, ReaderVisit, hidden, signed_in
from bot.web.status_pages import Notice
from engine.access import may_build_workflow, may_see_workflow
from engine.domain import NotFound, Origin, Refusal
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.errors import ChannelError, DefinitionError
from engine.off_loop import off_loop
from engine.read_models import WorkflowView
from engine.version_views import VersionView
from engine.workflowfile import Workflow, difference_words

ROLL_BACK: Final = "roll-back"
_STATES: Final = {
    "disable": WorkflowState.DISABLED,
    "enable": WorkflowState.ACTIVE,
    "delete": WorkflowState.DELETED,
}
_LATER: Final = "Nothing was changed. Signoff cannot look up the people at the moment. Try again in a minute."


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowVisit:
    """A visit by a person who may see a workflow."""

    reader: ReaderVisit
    view: WorkflowView
    versions: tuple[VersionView, ...]


def about(name: str) -> str:
    """Return what the forms about a workflow are signed for."""
    return f"workflow:{name}"


class WorkflowPages:
    """The handlers."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def list(self, request: Request) -> Response:
        """Show the workflows that the person owns, or all of them."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        engine = self._context.service.engine
        views = await engine.workflows()
        owner = await engine.with_owners(reader.reader, reader.actor, views)
        names = await engine.startable([view.name for view in views], reader.actor)
        rows = [workflow_page_view.row(view) for view in views if may_see_workflow(owner, view)]
        others = [workflow_page_view.row(view) for view in views if not may_see_workflow(owner, view)]
        may_make = await engine.is_named(reader.actor, self._context.service.builders)
        starts = [row for row in others if row.name in names]
        everything = owner.reads_everything
        return self._context.pages.page(
            "workflows",
            address=reader.address,
            rows=rows,
            starts=starts,
            may_make=may_make,
            reads_everything=everything,
        )

    async def show(self, request: Request) -> Response:
        """Show the workflow. Nothing is written."""
        visit = await self.visit(request)
        return visit if isinstance(visit, Response) else await self._page(request, visit)

    async def act(self, request: Request, form: FormData) -> Response:
        """Disable, enable or delete the workflow, or go back to a version: first ask for a confirmation, then do it."""
        visit = await self.visit(request)
        if isinstance(visit, Response):
            return visit
        name, act, number = visit.view.name, form_data.text(form, "act"), form_data.text(form, "version")
        salt, version = self._context.salt(request, form, about(name)), _version(visit, number)
        if salt is None or (act not in _STATES and (act != ROLL_BACK or version is None)):
            return await self._page(request, visit, notice=STALE, status=422)
        if form_data.text(form, "confirmed") != "yes":
            wanted = version.version if version else None
            address = visit.reader.address
            return self._context.form(
                "workflow-confirm", request, about(name), visit=visit, act=act, version=wanted, address=address
            )
        origin = Origin(surface="web", place={"form": salt})
        try:
            result = await self._acted(visit, act, version, origin, form_data.text(form, "base"))
        except ChannelError:
            return await self._page(request, visit, notice=_LATER, status=503)
        if isinstance(result, Refusal):
            return await self._page(request, visit, notice=refusals.phrase(result), status=409)
        if isinstance(result, Proposed):
            return self._context.to(self._context.at.run(result.run))
        is_gone = isinstance(result, WorkflowStateChanged) and result.state is WorkflowState.DELETED
        return self._context.to(self._context.at.workflows if is_gone else self._context.at.workflow(name))

    async def _acted(
        self, visit: WorkflowVisit, act: str, version: VersionView | None, origin: Origin, base: str
    ) -> object:
        engine, name, actor = self._context.service.engine, visit.view.name, visit.reader.actor
        if act == ROLL_BACK and version is not None:
            seen = _version(visit, base)
            command = RollBack(
                workflow=name, version=version.version, actor=actor, origin=origin, base=seen.version if seen else None
            )
            return await engine.roll_back(command)
        return await engine.change_state(
            ChangeWorkflowState(workflow=name, state=_STATES[act], actor=actor, origin=origin)
        )

    async def compare(self, request: Request) -> Response:
        """Show two versions side by side, and what differs in words."""
        visit = await self.visit(request)
        if isinstance(visit, Response):
            return visit
        before, after = (_version(visit, request.query_params.get(name, "")) for name in ("from", "to"))
        if before is None or after is None:
            return self._context.status_page(hidden("workflow", self._context.at))

        def build_page() -> Response:
            old, new = self.compiled(before.source), self.compiled(after.source)
            words = [] if new is None or old is None else difference_words.sentences(old, new)
            return self._context.pages.page(
                "workflow-compare",
                address=visit.reader.address,
                view=visit.view,
                before=before,
                after=after,
                words=words,
                rows=version_comparison.compare(before.source, after.source),
                versions=visit.versions,
            )

        return await off_loop(build_page)

    async def visit(self, request: Request) -> WorkflowVisit | Response:
        """Return the visit that a request makes, or the page that refuses it."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        engine, name = self._context.service.engine, request.path_params["name"]
        view = await engine.workflow(name)
        if isinstance(view, NotFound):
            return self._context.status_page(hidden("workflow", self._context.at))
        reader = replace(reader, reader=await engine.with_owners(reader.reader, reader.actor, [view]))
        if not may_see_workflow(reader.reader, view):
            return self._context.status_page(hidden("workflow", self._context.at))
        return WorkflowVisit(reader=reader, view=view, versions=tuple(await engine.versions(name)))

    def compiled(self, source: bytes) -> Workflow | None:
        """Return a version compiled, or None if this version of Signoff cannot read it."""
        with suppress(DefinitionError):
            return self._context.service.engine.context.advancer.registered(source)
        return None

    async def _page(
        self, request: Request, visit: WorkflowVisit, *, notice: Notice = "", status: int = 200
    ) -> Response:
        engine, name = self._context.service.engine, visit.view.name
        plans = await engine.plan_views(name)
        detection = await engine.shared_detection(name, visit.reader.reader.person.id)
        may_start = bool(await engine.startable([name], visit.reader.actor))

        def build_page() -> Response:
            compiled = self.compiled(visit.view.source)
            words = autonomy.gates(compiled, plans, detection) if compiled is not None else []
            page = workflow_page_view.page(visit.view, compiled, visit.versions, words)
            return self._context.form(
                "workflow",
                request,
                about(name),
                status=status,
                address=visit.reader.address,
                page=page,
                is_active=visit.view.state is WorkflowState.ACTIVE,
                may_start=may_start,
                may_change=may_build_workflow(visit.reader.reader, visit.view),
                notice_text=notice,
            )

        return await off_loop(build_page)


def _version(visit: WorkflowVisit, typed: str) -> VersionView | None:
    return next((one for one in visit.versions if str(one.version) == typed), None)
