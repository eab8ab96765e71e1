"""Everything that is served over HTTP: our pages if there is a public address, and mounted endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bot import page_urls
from bot.log import RETRY_SECONDS
from bot.monitor import Monitor
from bot.web import form_data, static_files, status_pages
from bot.web import site_urls as places
from bot.web.attention_handlers import AttentionHandlers
from bot.web.code_handlers import CodeHandlers
from bot.web.context import RequestContext
from bot.web.export_pages import ExportPages
from bot.web.file_pages import FilePages
from bot.web.gallery_pages import GalleryPages
from bot.web.inbox_decisions import InboxDecisions
from bot.web.inbox_handlers import InboxHandlers
from bot.web.inbox_pages import InboxPages
from bot.web.insight_pages import InsightPages
from bot.web.item_pages import ItemPages
from bot.web.live_updates import LiveUpdates
from bot.web.middleware import ErrorPages, Middleware, TypedForm
from bot.web.mounted_apps import MountedApps
from bot.web.new_file_page import NewFilePage
from bot.web.preferences_handlers import PreferencesPages
from bot.web.question_handlers import QuestionFormHandlers
from bot.web.rating_handlers import RatingPages
from bot.web.renderer import Renderer
from bot.web.request_ids import RequestIds, named
from bot.web.request_pages import RequestPages
from bot.web.review_handlers import ReviewHandlers
from bot.web.run_pages import RunPages
from bot.web.service import ReviewService
from bot.web.session_pages import SessionPages
from bot.web.sign_in_handlers import SignInHandlers
from bot.web.succession_handlers import SuccessionPages
from bot.web.undo_handlers import UndoPages
from bot.web.workflow_checks import WorkflowChecks
from bot.web.workflow_editor import WorkflowEditor
from bot.web.workflow_pages import WorkflowPages
from bot.web.workflow_starts import WorkflowStarts
from bot.web.workflow_trials import WorkflowTrials
from engine.ports import Clock

if TYPE_CHECKING:
    from bot.openid.provider import IdentityProvider

Handler = Callable[[Request], Awaitable[Response]]
FormHandler = Callable[[Request, FormData], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ReviewPages:
    """The services of our own pages. `key`: the server's key, for signing forms.

    `provider`: where people sign in with their account, if that is set up.
    """

    service: ReviewService
    clock: Clock
    key: bytes = field(repr=False)
    provider: IdentityProvider | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """The application of a server. `closing`: set it to end open streams. `close`: ends what else is open."""

    app: ASGIApp
    closing: asyncio.Event
    close: Callable[[], None] = lambda: None


def site(
    public_url: str,
    *,
    mounted: Mapping[str, Handler],
    review: ReviewPages | None = None,
    proxies: Sequence[str] = (),
    name: str = "",
    monitoring: Monitor | None = None,
    apps: Mapping[str, ASGIApp] | None = None,
    close: Callable[[], None] = lambda: None,
) -> Site:
    """Return the site. `mounted`: endpoints for POST by path, such as Slack's deliveries. `review`: for our own pages.

    `apps`: applications for programs, by the path below which they answer everything, the longest path first.
    `close`: ends the calls to them that wait.
    `proxies`: addresses and networks of proxies whose forwarded client address is trusted. `name`: who runs this.
    `monitoring` is told about each request.
    """
    at = places.place(public_url)
    pages, closing = Renderer(at, name), asyncio.Event()
    routes = [*_plain_routes(), *(Route(path, handler, methods=["POST"]) for path, handler in mounted.items())]
    if review is not None:
        context = RequestContext(
            service=review.service,
            clock=review.clock,
            at=at,
            pages=pages,
            key=review.key,
            provider=review.provider,
            closing=closing,
        )
        routes += _page_routes(context)
    app = Starlette(routes=[*map(named, routes)], exception_handlers={HTTPException: _error_pages(pages)})
    # Starlette's redirects for slashes use the Host header; `Middleware` removes the slashes instead.
    app.router.redirect_slashes = False
    heads = {route.path.split("/", 2)[1] for route in routes}
    app.add_middleware(Middleware, at=at, heads=heads, errors=_middleware_pages(pages))
    # What follows is outside of Starlette's own handling of errors, which would keep a part of each call that waits.
    whole: ASGIApp = MountedApps(app, apps=apps, prefix=at.prefix) if apps else app
    if proxies:
        # This middleware also changes the scheme of a request, which no code here uses.
        whole = ProxyHeadersMiddleware(whole, trusted_hosts=[*proxies])  # type: ignore[arg-type, assignment]
    return Site(RequestIds(whole, monitoring=monitoring or Monitor()), closing, close)


def _page_routes(context: RequestContext) -> Iterator[Route]:
    review, pages = ReviewHandlers(context), InboxPages(context)
    inbox, decisions = InboxHandlers(context, pages), InboxDecisions(context, pages)
    attention, succession = AttentionHandlers(context), SuccessionPages(context)
    request_pages, runs, insights = RequestPages(context), RunPages(context), InsightPages(context)
    code = CodeHandlers(context, review, attention)
    live = LiveUpdates(context, review, pages, request_pages, runs)
    sign_in, sessions = SignInHandlers(context, code), SessionPages(context)
    preferences, export = PreferencesPages(context), ExportPages(context)
    rating, undo = RatingPages(context, review), UndoPages(context, review)
    handlers: dict[str, tuple[Handler, FormHandler | None]] = {
        "/": (inbox.lead, None),
        f"{page_urls.OPEN}/{{token}}": (review.follow, None),
        f"{page_urls.REVIEW}/{{request}}/events": (live.events, None),
        f"{page_urls.REQUESTS}/{{request}}": (request_pages.show, request_pages.act),
        f"{page_urls.REQUESTS}/{{request}}/events": (live.request_events, None),
        page_urls.RUNS: (runs.list, None),
        f"{page_urls.RUNS}/{{run}}": (runs.show, runs.act),
        f"{page_urls.RUNS}/{{run}}/events": (live.run_events, None),
        f"{page_urls.REVIEW}/{{request}}/{places.RATE}": (rating.show, rating.rate),
        f"{page_urls.REVIEW}/{{request}}/{places.UNDO}": (undo.show, undo.undo),
        f"{page_urls.ATTENTION}/{{run}}": (attention.show, attention.answer),
        f"{page_urls.SUCCESSION}/{{request}}": (succession.show, succession.pass_on),
        f"{places.CODE}/{{challenge}}": (code.show, code.give),
        f"{page_urls.SIGN_IN}/{{sign_in}}": (sign_in.show, None),
        f"{page_urls.SIGN_IN}/{{sign_in}}/{places.BEGIN}": (sign_in.begin, None),
        page_urls.SIGNED_IN: (sign_in.finish, None),
        page_urls.SESSIONS: (sessions.show, sessions.act),
        page_urls.INSIGHTS: (insights.show, insights.act),
        page_urls.EXPORT: (export.show, export.download),
        page_urls.PREFERENCES: (preferences.show, preferences.save),
        page_urls.INBOX: (inbox.show, inbox.act),
        f"{page_urls.INBOX}/{places.DECIDE}": (inbox.show, decisions.decide),
        f"{page_urls.INBOX}/{places.EVENTS}": (live.inbox_events, None),
    }
    yield from _review_routes(context, review)
    yield from _workflow_routes(context)
    yield from _file_routes(FilePages(context, review, request_pages, runs))
    yield from _item_routes(ItemPages(context, review, request_pages, runs))
    yield from _routes_of(context, handlers)


def _routes_of(context: RequestContext, handlers: Mapping[str, tuple[Handler, FormHandler | None]]) -> Iterator[Route]:
    for path, (get, post) in handlers.items():
        methods = ["GET", *(["POST"] if post else [])]
        yield Route(path, get if post is None else _either(context, get, post), methods=methods)


def _workflow_routes(context: RequestContext) -> Iterator[Route]:
    """Yield the routes of the pages of workflows."""
    workflows, checks = WorkflowPages(context), WorkflowChecks(context)
    editor, page = WorkflowEditor(context, workflows, checks), f"{page_urls.WORKFLOWS}/{{name}}"
    new, new_file = GalleryPages(context), NewFilePage(context, workflows, checks)
    trials, starts = WorkflowTrials(context, workflows), WorkflowStarts(context, workflows)
    handlers: dict[str, tuple[Handler, FormHandler | None]] = {
        page_urls.WORKFLOWS: (workflows.list, None),
        page: (workflows.show, workflows.act),
        f"{page}/{places.VERSIONS}": (workflows.compare, None),
        f"{page}/{places.EDIT}": (editor.show, editor.save),
        f"{page}/{places.TRY}": (trials.show, trials.play),
        page_urls.NEW_WORKFLOW: (new.list, None),
        f"{page_urls.NEW_WORKFLOW}/{{template}}": (new.show, new.answer),
        page_urls.NEW_WORKFLOW_FILE: (new_file.show, new_file.save),
        page_urls.WORKFLOW_FILE: (checks.schema, checks.check),
    }
    start = _either(context, starts.show, starts.start, may_upload=starts.may_upload)
    yield Route(f"{page}/{places.START}", start, methods=["GET", "POST"])
    yield from _routes_of(context, handlers)


def _review_routes(context: RequestContext, review: ReviewHandlers) -> Iterator[Route]:
    """Yield the routes of the forms on the page of a request."""
    page, questions = f"{page_urls.REVIEW}/{{request}}", QuestionFormHandlers(context, review)
    for name, sent in (("ask", questions.ask), ("answer", questions.answer)):
        yield Route(f"{page}/{name}", _either(context, review.show, sent), methods=["GET", "POST"])
    yield Route(f"{page}/changes", _either(context, review.show, review.changes), methods=["POST"])
    decide = _either(context, review.show, review.decide, may_upload=review.may_upload)
    yield Route(page, decide, methods=["GET", "POST"])


def _file_routes(files: FilePages) -> Iterator[Route]:
    for page, give in (
        (f"{page_urls.REVIEW}/{{request}}", files.of_review),
        (f"{page_urls.REQUESTS}/{{request}}", files.of_request),
        (f"{page_urls.RUNS}/{{run}}", files.of_run),
    ):
        yield Route(f"{page}/{places.FILES}/{{file}}", give, methods=["GET"])


def _item_routes(items: ItemPages) -> Iterator[Route]:
    yield Route(f"{page_urls.REVIEW}/{{request}}/{places.ITEMS}", items.of_review, methods=["GET"])
    yield Route(f"{page_urls.REQUESTS}/{{request}}/{places.ITEMS}", items.of_request, methods=["GET"])
    yield Route(f"{page_urls.RUNS}/{{run}}/{places.ITEMS}/{{visit}}", items.of_run, methods=["GET"])


def _either(
    context: RequestContext,
    get: Handler,
    post: FormHandler,
    *,
    may_upload: Callable[[Request], Awaitable[bool]] | None = None,
) -> Handler:
    """Return one route for GET and POST, so that `Allow` names both for any other method.

    A form that another site sent is refused here, before it is read: no page can forget to. `may_upload`: on a page
    whose form takes files, whether this visitor may send any; others are shown what a visitor sees, and nothing of
    their form is read.
    """
    largest = context.service.engine.files.max_size if may_upload is not None else None

    async def handle(request: Request) -> Response:
        if request.method != "POST":
            return await get(request)
        refusal = context.refuse_foreign(request)
        if refusal is not None:
            return refusal
        if may_upload is not None and form_data.may_be_large(request) and not await may_upload(request):
            return await get(request)
        form = await form_data.read_form(request, largest_file=largest)
        try:
            return await post(request, form)
        finally:
            await form.close()

    return handle


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _robots(_: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    file = next((file for file in static_files.statics().values() if file.name == name), None)
    if file is None:
        raise HTTPException(404)
    headers = {
        "Content-Type": file.kind,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, headers=headers)
    return Response(file.compressed, headers={**headers, "Content-Encoding": "gzip"})


def _plain_routes() -> Iterator[Route]:
    yield Route(places.HEALTH, _health, methods=["GET"])
    yield Route(places.ROBOTS, _robots, methods=["GET"])
    yield Route(f"{places.STATIC}/{{name}}", _static, methods=["GET"])


def _middleware_pages(pages: Renderer) -> ErrorPages:
    def busy(sentence: str, form: TypedForm) -> Response:
        response = pages.status_page(status_pages.busy(sentence), again=form)
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response

    return ErrorPages(broken=lambda sentence: pages.status_page(status_pages.broken(sentence)), busy=busy)


def _error_pages(pages: Renderer) -> Callable[[Request, Exception], Awaitable[Response]]:
    pages_by_status = {404: status_pages.NOT_FOUND, 405: status_pages.WRONG_METHOD, 413: status_pages.TOO_LARGE}

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = pages.status_page(pages_by_status.get(error.status_code, status_pages.UNREADABLE))
        response.headers.update(error.headers or {})
        return response

    return refuse
