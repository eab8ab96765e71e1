"""Handlers of the page of insights: what became of the requests of the workflows that a person owns or reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import dates, insight_report, owner_figures
from bot.presentation.insight_report import InsightTable
from bot.presentation.owner_figures import OwnerFigures
from bot.web import insight_plots
from bot.web.context import RequestContext
from bot.web.reader_visit import ReaderVisit, signed_in
from engine.insights import MOST_WEEKS, WEEKS, InsightQuery, Insights
from engine.off_loop import off_loop

_PERIODS: Final = ((4, "4 weeks"), (WEEKS, "13 weeks"), (26, "half a year"), (MOST_WEEKS, "a year"))


class InsightPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the tables and the plots. Nothing is written."""
        visit = await signed_in(self._context, request)
        if isinstance(visit, Response):
            return visit
        zone = dates.zone_of(visit.reader.person)
        workflow, weeks = request.query_params.get("workflow") or None, _weeks(request.query_params)
        query = InsightQuery.of(visit.reader, workflow=workflow, weeks=weeks, zone=zone or UTC)
        insights = await self._context.service.engine.insights(query, self._context.clock.now())
        looks = await self._looks(visit, query, insights)
        return await off_loop(lambda: self._page(visit, query, insights, looks))

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

    def _page(self, visit: ReaderVisit, query: InsightQuery, insights: Insights, looks: InsightTable) -> Response:
        zone = dates.zone_of(visit.reader.person)
        return self._context.pages.page(
            "insights",
            address=visit.address,
            insights=insights,
            period=insight_report.period(insights, dates.in_zone(zone)),
            highlights=insight_report.highlights(insights),
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
