"""Handlers of the pages with all items of a foreach, for people who may see the page around them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bot.web import item_view, status_pages
from bot.web.context import RequestContext
from bot.web.request_pages import RequestPages
from bot.web.review_handlers import ReviewHandlers
from bot.web.run_page_view import read_failed
from bot.web.run_pages import RunPages
from bot.web.service import AccessRefused
from engine.domain import RequestState
from engine.off_loop import off_loop
from engine.read_models import RequestView


class ItemPages:
    """The handlers. Each looks who may see the page around the items, in the same way as that page does."""

    def __init__(self, context: RequestContext, review: ReviewHandlers, requests: RequestPages, runs: RunPages) -> None:
        self._context, self._review, self._requests, self._runs = context, review, requests, runs

    async def of_review(self, request: Request) -> Response:
        """Show the items to an approver. Once the request is closed, a link alone opens nothing."""
        visit = await self._review.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        if not visit.remembered and visit.request.model.state is not RequestState.PENDING:
            return self._context.status_page(status_pages.NOT_FOUND)
        return await self._of(request, visit.request, self._context.at.review(visit.request.id))

    async def of_request(self, request: Request) -> Response:
        """Show the items to a person who may see the request about them."""
        visit = await self._requests.visit(request)
        if isinstance(visit, Response):
            return visit
        return await self._of(request, visit.request, self._context.at.request(visit.request.id))

    async def of_run(self, request: Request) -> Response:
        """Show the items of a visit to a person who may see the run."""
        visit = await self._runs.visit(request)
        if isinstance(visit, Response):
            return visit
        step, number = read_failed(request.path_params["visit"])
        back = self._context.at.run(visit.run.id)
        return await self._page(request, visit.run.id, step, number, visit.run.step_label(step), back)

    async def _of(self, request: Request, about: RequestView, back: str) -> Response:
        subject = about.model.subject
        return await self._page(request, subject.run, subject.step, subject.visit, about.title, back)

    async def _page(self, request: Request, run: str, step: str, visit: int, title: str, back: str) -> Response:
        asked = request.query_params.get("after", "0")
        after = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 0
        engine = self._context.service.engine
        page = await engine.items(run, step, visit, after=after, limit=item_view.PER_PAGE)
        if page is None:
            return self._context.status_page(status_pages.NOT_FOUND)
        shown = await off_loop(lambda: item_view.item_page(title, page, after=after))
        return self._context.pages.page("items", page=shown, back=back)
