"""Everything that is served over HTTP: our pages if there is a public address, and mounted endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bot import page_urls
from bot.web import site_urls as places
from bot.web import static_files, status_pages
from bot.web.attention_handlers import AttentionHandlers
from bot.web.code_handlers import CodeHandlers
from bot.web.context import RequestContext
from bot.web.inbox_handlers import InboxHandlers
from bot.web.live_updates import LiveUpdates
from bot.web.middleware import Middleware
from bot.web.renderer import Renderer
from bot.web.review_handlers import ReviewHandlers
from bot.web.service import ReviewService
from engine.ports import Clock

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ReviewPages:
    """What our own pages need. `key`: the server's key, for signing forms."""

    service: ReviewService
    clock: Clock
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """The application of a server. `closing`: set it to end open streams."""

    app: ASGIApp
    closing: asyncio.Event


def site(
    public_url: str,
    *,
    mounted: Mapping[str, Handler],
    review: ReviewPages | None = None,
    proxies: Sequence[str] = (),
) -> Site:
    """Return the site. `mounted`: endpoints for POST by path, such as Slack's deliveries. `review`: for our own pages.

    `proxies`: addresses and networks of proxies whose forwarded client address is trusted.
    """
    at = places.place(public_url)
    pages = Renderer(at)
    # Starlette's redirects for slashes use the Host header; `Middleware` removes the slashes instead.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    _plain(app)
    closing = asyncio.Event()
    if review is not None:
        held = RequestContext(
            service=review.service, clock=review.clock, at=at, pages=pages, key=review.key, closing=closing
        )
        _pages(app, held)
    for path, handler in mounted.items():
        app.add_route(path, handler, methods=["POST"])
    _errors(app, pages)
    heads = {one.path.split("/", 2)[1] for one in app.router.routes if hasattr(one, "path")}
    app.add_middleware(Middleware, at=at, heads=heads, broken=lambda said: pages.said(status_pages.broken(said)))
    if proxies:
        # It changes the scheme of a request too, which nothing here uses.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[*proxies])
    return Site(app, closing)


def _pages(app: FastAPI, held: RequestContext) -> None:
    reviewing, inbox = ReviewHandlers(held), InboxHandlers(held)
    attention = AttentionHandlers(held)
    coding, live = CodeHandlers(held, reviewing, attention), LiveUpdates(held, reviewing)
    routes: dict[str, tuple[Handler, Handler | None]] = {
        f"{page_urls.OPEN}/{{token}}": (reviewing.follow, None),
        f"{page_urls.REVIEW}/{{request}}": (reviewing.show, reviewing.decide),
        f"{page_urls.REVIEW}/{{request}}/events": (live.events, None),
        f"{page_urls.ATTENTION}/{{run}}": (attention.show, attention.answer),
        f"{places.CODE}/{{challenge}}": (coding.show, coding.give),
        page_urls.INBOX: (inbox.show, inbox.act),
    }
    app.add_route("/", inbox.lead, methods=["GET"])
    for path, (get, post) in routes.items():
        app.add_route(path, get if post is None else _either(get, post), methods=["GET", *(["POST"] if post else [])])


def _either(get: Handler, post: Handler) -> Handler:
    """Return one route for GET and POST, so that `Allow` names both for any other method."""

    async def handle(request: Request) -> Response:
        return await (post if request.method == "POST" else get)(request)

    return handle


def _plain(app: FastAPI) -> None:
    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def robots(_: Request) -> Response:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")

    async def static(request: Request) -> Response:
        found = next((one for one in static_files.statics().values() if one.name == request.path_params["name"]), None)
        if found is None:
            raise HTTPException(404)
        kept = {"Content-Type": found.kind, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(found.content, headers=kept)

    app.add_route(places.HEALTH, health, methods=["GET"])
    app.add_route(places.ROBOTS, robots, methods=["GET"])
    app.add_route(f"{places.STATIC}/{{name}}", static, methods=["GET"])


def _errors(app: FastAPI, pages: Renderer) -> None:
    known = {404: status_pages.NOT_FOUND, 405: status_pages.WRONG_METHOD, 413: status_pages.TOO_LARGE}

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = pages.said(known.get(error.status_code, status_pages.UNREADABLE))
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(HTTPException, refused)
