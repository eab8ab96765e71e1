"""Handlers that give out the files of a run, to people who may see the page on which they are."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from bot.web import file_responses, review_files, status_pages
from bot.web.context import RequestContext
from bot.web.request_pages import RequestPages
from bot.web.review_handlers import ReviewHandlers
from bot.web.run_pages import RunPages
from bot.web.service import AccessRefused
from engine.domain import RequestState
from engine.file_references import FileReference
from engine.file_storage import FilesUnavailable


class FilePages:
    """The handlers. Each looks who may see the page around the file, in the same way as the page does."""

    def __init__(self, context: RequestContext, review: ReviewHandlers, requests: RequestPages, runs: RunPages) -> None:
        self._context, self._review, self._requests, self._runs = context, review, requests, runs

    async def of_review(self, request: Request) -> Response:
        """Give out a file to an approver. Once the request is closed, a link alone opens none: it may be forwarded."""
        visit = await self._review.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        if not visit.remembered and visit.request.model.state is not RequestState.PENDING:
            return self._context.status_page(status_pages.NOT_FOUND)
        return await self._give(request, visit.request.run, review_files.of_request(visit.request, visit.run))

    async def of_request(self, request: Request) -> Response:
        """Give out a file to a person who may see the request."""
        visit = await self._requests.visit(request)
        if isinstance(visit, Response):
            return visit
        return await self._give(request, visit.run.id, review_files.of_request(visit.request, visit.run))

    async def of_run(self, request: Request) -> Response:
        """Give out a file to a person who may see the run."""
        visit = await self._runs.visit(request)
        if isinstance(visit, Response):
            return visit
        return await self._give(request, visit.run.id, review_files.of_run(visit.run))

    async def _give(self, request: Request, run: str, shown: Sequence[FileReference]) -> Response:
        """Give out a file that the page shows."""
        asked = request.path_params["file"]
        if all(file.id != asked for file in shown):
            return self._context.status_page(status_pages.NOT_FOUND)
        try:
            file = await self._context.service.engine.files.load(run, asked)
        except FilesUnavailable:
            return self._context.status_page(status_pages.FILE_UNAVAILABLE)
        if file is None:
            return self._context.status_page(status_pages.NOT_FOUND)
        return file_responses.answer(file, preview=file_responses.PREVIEW in request.query_params)
