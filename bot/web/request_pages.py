"""Handlers of the page of a whole request: GET shows it, POST has one of its copies sent again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import refusals
from bot.web import form_data, request_page_view
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE, ReaderVisit, hidden, signed_in
from bot.web.status_pages import Notice
from engine.access import may_see_request
from engine.domain import Done, NotFound, Origin, Refusal, RetryDelivery
from engine.off_loop import off_loop
from engine.read_models import RequestView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestVisit:
    """A visit by a person who may see a request. `mark`: changes with the run."""

    reader: ReaderVisit
    request: RequestView
    run: RunView
    together: list[RequestView]
    mark: str


def _about(request: str) -> str:
    return f"request:{request}"


class RequestPages:
    """The handlers."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the request. Nothing is written."""
        visit = await self.visit(request)
        return visit if isinstance(visit, Response) else await self._page(request, visit)

    async def act(self, request: Request, form: FormData) -> Response:
        """Have a copy sent again."""
        visit = await self.visit(request)
        if isinstance(visit, Response):
            return visit
        salt = self._context.salt(request, form, _about(visit.request.id))
        if salt is None:
            return await self._page(request, visit, notice=STALE, status=422)
        result = await self._retry(visit, form_data.text(form, "copy"), salt)
        if isinstance(result, Refusal):
            return await self._page(request, visit, notice=refusals.phrase(result), status=409)
        return self._context.to(self._context.at.request(visit.request.id))

    async def _retry(self, visit: RequestVisit, copy: str, salt: str) -> Done | Refusal:
        engine = self._context.service.engine
        sent = await engine.deliveries(request=visit.request.id)
        if all(each.id != copy for each in sent):
            return NotFound(what="copy", name=copy)
        origin = Origin(surface="web", place={"form": salt})
        return await engine.retry_delivery(RetryDelivery(delivery=copy, actor=visit.reader.actor, origin=origin))

    async def visit(self, request: Request) -> RequestVisit | Response:
        """Return the visit that a request makes, or the page that refuses it."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        engine = self._context.service.engine
        loaded = await engine.request_in_run(request.path_params["request"])
        # Read before the page is loaded again by its script: a change in between makes the page look older, not newer.
        mark = await engine.run_mark(loaded[1].id) if loaded is not None else None
        if loaded is None or mark is None or not may_see_request(reader.reader, loaded[0]):
            return self._context.status_page(hidden("request", self._context.at))
        return RequestVisit(reader=reader, request=loaded[0], run=loaded[1], together=loaded[2], mark=mark)

    async def _page(self, request: Request, visit: RequestVisit, *, notice: Notice = "", status: int = 200) -> Response:
        engine = self._context.service.engine
        sent, entries = await engine.deliveries(request=visit.request.id), await engine.story(visit.run.id)

        def build_page() -> Response:
            page = request_page_view.request_page(
                visit.request, visit.run, visit.together, sent, entries, visit.reader.reader
            )
            return self._context.form(
                "request",
                request,
                _about(visit.request.id),
                status=status,
                visit=visit,
                address=visit.reader.address,
                page=page,
                notice_text=notice,
                give_file=partial(self._context.at.request_file, visit.request.id),
            )

        return await off_loop(build_page)
