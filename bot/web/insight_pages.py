"""Handlers of the page of insights: what became of the requests of the workflows that a person owns or reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import dates, gate_changes, insight_report, insight_sentences, owner_figures, refusals
from bot.presentation.insight_report import InsightTable
from bot.presentation.owner_figures import OwnerFigures
from bot.web import form_data, insight_plots
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE, ReaderVisit, signed_in
from bot.web.status_pages import Notice
from engine.domain import Origin, Refusal
from engine.domain.gate_change_commands import OpenGateChange
from engine.errors import ChannelError
from engine.insights import MOST_WEEKS, WEEKS, InsightQuery, Insights
from engine.off_loop import off_loop

_PERIODS: Final = ((4, "4 weeks"), (WEEKS, "13 weeks"), (26, "half a year"), (MOST_WEEKS, "a year"))


_ABOUT: Final = "insights"
_LATER: Final = "No one was asked. Signoff cannot look up the people at the moment. Try again in a minute."


class InsightPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the tables and the plots. Nothing is written."""
        visit = await signed_in(self._context, request)
        return visit if isinstance(visit, Response) else await self._show(request, visit)

    async def act(self, request: Request, form: FormData) -> Response:
        """Ask people for a change that is recommended, and go to what waits for their answer."""
        visit = await signed_in(self._context, request)
        if isinstance(visit, Response):
            return visit
        salt = self._context.salt(request, form, _ABOUT)
        if salt is None:
            return await self._show(request, visit, notice=STALE, status=422)
        workflow, step, kind = (form_data.text(form, name) for name in ("workflow", "step", "kind"))
        command = OpenGateChange(
            workflow=workflow,
            step=step,
            kind=kind,
            weeks=_weeks({"weeks": form_data.text(form, "weeks")}),
            actor=visit.actor,
            origin=Origin(surface="web", place={"form": salt}),
        )
        try:
            result = await self._context.service.engine.open_gate_change(command, self._context.clock.now())
        except ChannelError:
            return await self._show(request, visit, notice=_LATER, status=503)
        if isinstance(result, Refusal):
            return await self._show(request, visit, notice=refusals.phrase(result), status=409)
        return self._context.to(self._context.at.run(result.run))

    async def _show(self, request: Request, visit: ReaderVisit, *, notice: Notice = "", status: int = 200) -> Response:
        zone = dates.zone_of(visit.reader.person)
        workflow, weeks = request.query_params.get("workflow") or None, _weeks(request.query_params)
        query = InsightQuery.of(visit.reader, workflow=workflow, weeks=weeks, zone=zone or UTC)
        insights = await self._context.service.engine.insights(query, self._context.clock.now())
        looks = await self._looks(visit, query, insights)
        return await off_loop(lambda: self._page(request, visit, query, insights, looks, notice=notice, status=status))

    async def _looks(self, visit: ReaderVisit, query: InsightQuery, insights: Insights) -> InsightTable:
        engine, reader = self._context.service.engine, visit.reader.person.id
        return owner_figures.table(
            [
                OwnerFigures(
                    workflow=one,
                    looks=await engine.shared_figures(one.name, reader),
                    caught=await engine.shared_detection(one.name, reader),
                )
                for one in owner_figures.owned(insights, reader, query.workflow)
            ]
        )

    def _page(
        self,
        request: Request,
        visit: ReaderVisit,
        query: InsightQuery,
        insights: Insights,
        looks: InsightTable,
        *,
        notice: Notice,
        status: int,
    ) -> Response:
        zone = dates.zone_of(visit.reader.person)
        return self._context.form(
            "insights",
            request,
            _ABOUT,
            status=status,
            notice_text=notice,
            offers=gate_changes.offers(insights),
            ask_label=gate_changes.ASK,
            may_ask=visit.reader.is_admin or not visit.reader.is_auditor,
            address=visit.address,
            insights=insights,
            period=insight_report.period(insights, dates.in_zone(zone)),
            highlights=insight_sentences.observations(insights),
            tables=(*insight_report.tables(insights), looks),
            plots=insight_plots.plots(insights),
            zone="UTC" if zone is None else str(zone),
            chosen=query.workflow or "",
            weeks=query.weeks,
            periods=_PERIODS,
            reads_everything=visit.reader.reads_everything,
        )


def _weeks(params: Mapping[str, str]) -> int:
    typed = params.get("weeks", "")
    return next((weeks for weeks, _ in _PERIODS if str(weeks) == typed), WEEKS)
