"""Handlers of the pages of runs: the list of those that a person sees, and one run with what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import refusals
from bot.web import form_data, run_list_view, run_page_view, workflow_diagram
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE, ReaderVisit, hidden, signed_in
from bot.web.run_page_view import RunActions, RunPage
from bot.web.status_pages import Notice
from engine.access import may_see_run
from engine.domain import Cancel, Done, NotWaiting, Origin, Refusal, RunStatus, TriggerKind, TryAgain
from engine.domain.autonomy_commands import ReportIncident
from engine.errors import ChannelError
from engine.off_loop import off_loop
from engine.read_models import RequestView, RunView

ROWS: Final = 30
"""Runs on one page of the list."""
CANCEL: Final = "cancel"
TRY_AGAIN: Final = "try-again"
REPORT: Final = "report"
_LATER: Final = "Nothing was done. Signoff cannot look up the next approvers at the moment. Try again in a minute."
_ENDED: Final = "Nothing was cancelled, because the run has already ended."
_NOT_NOW: Final = "Nothing was done, because this is not possible any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVisit:
    """A visit by a person who may see a run. `mark`: changes with the run."""

    reader: ReaderVisit
    run: RunView
    requests: tuple[RequestView, ...]
    mark: str


def _about(run: str) -> str:
    return f"run:{run}"


class RunPages:
    """The handlers."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def list(self, request: Request) -> Response:
        """Show a page of the runs that the person sees."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        page = run_list_view.query(request.query_params, size=ROWS)
        engine = self._context.service.engine
        runs = await engine.runs_of(reader.reader, page)
        latest = await engine.latest_requests([run.id for run in runs])
        listed = run_list_view.run_list(runs, latest, reader.reader, page)
        return self._context.pages.page("runs", address=reader.address, page=listed)

    async def show(self, request: Request) -> Response:
        """Show the run. Nothing is written."""
        visit = await self.visit(request)
        return visit if isinstance(visit, Response) else await self._page(request, visit)

    async def act(self, request: Request, form: FormData) -> Response:
        """Cancel the run or try it again: the first time ask for a confirmation, then do it."""
        visit = await self.visit(request)
        if isinstance(visit, Response):
            return visit
        salt, act = self._context.salt(request, form, _about(visit.run.id)), form_data.text(form, "act")
        if salt is None or act not in (CANCEL, TRY_AGAIN, REPORT):
            return await self._page(request, visit, notice=STALE, status=422)
        if form_data.text(form, "confirmed") != "yes":
            return await self._confirmation(request, visit, act)
        origin = Origin(surface="web", place={"form": salt})
        try:
            return await self._acted(request, visit, form, origin, act)
        except ChannelError:
            return await self._page(request, visit, notice=_LATER, status=503)

    async def visit(self, request: Request) -> RunVisit | Response:
        """Return the visit that a request makes, or the page that refuses it."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        engine, run_id = self._context.service.engine, request.path_params["run"]
        # Read first: a change in between makes the page look older than it is, never newer.
        mark, run = await engine.run_mark(run_id), await engine.run(run_id)
        requests = tuple(await engine.requests_of_run(run_id))
        if run is None or mark is None or not may_see_run(reader.reader, run, requests):
            return self._context.status_page(hidden("run", self._context.at))
        return RunVisit(reader=reader, run=run, requests=requests, mark=mark)

    # -- acting --

    async def _acted(self, request: Request, visit: RunVisit, form: FormData, origin: Origin, act: str) -> Response:
        engine, run, actor = self._context.service.engine, visit.run.id, visit.reader.actor
        if act == CANCEL:
            reason = form_data.text(form, "reason").replace("\r\n", "\n").strip() or None
            result = await engine.cancel(Cancel(run=run, actor=actor, origin=origin, reason=reason))
        elif act == REPORT:
            return await self._report(request, visit, form_data.text(form, "reason"), origin)
        else:
            step, visited = run_page_view.read_failed(form_data.text(form, "failed"))
            result = await engine.try_again(TryAgain(run=run, actor=actor, origin=origin, step=step, visit=visited))
        if isinstance(result, Done) or await self._was_done_before(result, run, origin.place):
            return self._context.to(self._context.at.run(run))
        notice = _ENDED if isinstance(result, NotWaiting) else refusals.phrase(result)
        return await self._page(request, visit, notice=notice, status=409)

    async def _report(self, request: Request, visit: RunVisit, reason: str, origin: Origin) -> Response:
        """Record that something is wrong with the run. Its page says what follows."""
        command = ReportIncident(run=visit.run.id, reason=reason, actor=visit.reader.actor, origin=origin)
        result = await self._context.service.engine.report_incident(command)
        if isinstance(result, Refusal):
            return await self._page(request, visit, notice=refusals.phrase(result), status=409)
        return self._context.to(self._context.at.run(visit.run.id))

    async def _was_done_before(self, result: Refusal, run: str, place: Mapping[str, str]) -> bool:
        """Return whether the button was pressed twice, or another person cancelled the run first."""
        if isinstance(result, NotWaiting):
            return result.status is RunStatus.CANCELLED or not result.status.ended
        story = await self._context.service.engine.story(run)
        return any(entry.content is not None and entry.content.get("place") == dict(place) for entry in story)

    async def _confirmation(self, request: Request, visit: RunVisit, act: str) -> Response:
        page = await self._build(visit)
        if not _is_possible(page.actions, act):
            return await self._page(request, visit, notice=_NOT_NOW, status=409)
        address = visit.reader.address
        return self._context.form("run-confirm", request, _about(visit.run.id), page=page, act=act, address=address)

    # -- pages --

    async def _build(self, visit: RunVisit) -> RunPage:
        engine = self._context.service.engine
        copies, entries = await engine.deliveries(run=visit.run.id), await engine.story(visit.run.id)
        reader, is_scheduled = visit.reader.reader, visit.run.requester.automation == TriggerKind.SCHEDULE
        next_at = await engine.next_run(visit.run.workflow) if is_scheduled else None
        return await off_loop(
            lambda: run_page_view.run_page(visit.run, visit.requests, copies, entries, reader, next_at=next_at)
        )

    async def _page(self, request: Request, visit: RunVisit, *, notice: Notice = "", status: int = 200) -> Response:
        page, workflow = await self._build(visit), await self._context.service.engine.workflow_of(visit.run.id)

        def build_page() -> Response:
            diagram = workflow_diagram.diagram(workflow, visit.run, visit.requests) if workflow is not None else None
            return self._context.form(
                "run",
                request,
                _about(visit.run.id),
                status=status,
                visit=visit,
                address=visit.reader.address,
                page=page,
                diagram=diagram,
                notice_text=notice,
                give_file=partial(self._context.at.run_file, visit.run.id),
            )

        return await off_loop(build_page)


def _is_possible(actions: RunActions, act: str) -> bool:
    possible = {CANCEL: actions.can_cancel, TRY_AGAIN: actions.can_try_again, REPORT: actions.can_report}
    return possible[act]
