"""All that is served over HTTP: our pages where there is a public address, and what other surfaces mount."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from bot.web import place as places
from bot.web import saying, statics
from bot.web.render import Renderer
from bot.web.shell import Shell

Handler = Callable[[Request], Awaitable[Response]]


def site(public_url: str, *, mounted: Mapping[str, Handler]) -> ASGIApp:
    """`mounted`: what takes POSTs at a path, for instance Slack's deliveries."""
    at = places.place(public_url)
    pages = Renderer(at)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _plain(app)
    for path, handler in mounted.items():
        app.add_route(path, handler, methods=["POST"])
    _errors(app, pages)
    heads = {one.path.split("/", 2)[1] for one in app.router.routes if hasattr(one, "path")}
    app.add_middleware(Shell, at=at, heads=heads, broken=lambda said: pages.said(saying.broken(said)))
    return app


def _plain(app: FastAPI) -> None:
    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def robots(_: Request) -> Response:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")

    async def static(request: Request) -> Response:
        found = next((one for one in statics.statics().values() if one.name == request.path_params["name"]), None)
        if found is None:
            raise HTTPException(404)
        kept = {"Content-Type": found.kind, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(found.content, headers=kept)

    app.add_route(places.HEALTH, health, methods=["GET"])
    app.add_route(places.ROBOTS, robots, methods=["GET"])
    app.add_route(f"{places.STATIC}/{{name}}", static, methods=["GET"])


def _errors(app: FastAPI, pages: Renderer) -> None:
    known = {404: saying.NOT_FOUND, 405: saying.WRONG_METHOD, 413: saying.TOO_LARGE}

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer = pages.said(known.get(error.status_code, saying.UNREADABLE))
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(HTTPException, refused)
