"""The page in which people act by hand, at /sandbox: its files, for its own address alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from aiohttp import web

from bot.devtools.sandbox.slack import SlackSandbox

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FOLDER: Final = Path(__file__).parent / "page"
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageFiles:
    """The handlers."""

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    async def _home(self, _: web.Request) -> web.StreamResponse:
        """Whoever types the address alone wants the page."""
        raise web.HTTPFound("/sandbox")

    def routes(self) -> list[web.RouteDef]:
        """The page and its files. Nothing is served but what lies in the folder now."""
        files = sorted(one.name for one in _FOLDER.iterdir() if one.suffix in _TYPES and one.suffix != ".html")
        return [
            web.get("/", self._home),
            web.get("/sandbox", file(self.slack, "index.html")),
            *(web.get(f"/sandbox/page/{one}", file(self.slack, one)) for one in files),
        ]


def file(slack: SlackSandbox, name: str, *, frames: bool = False) -> Handler:
    """Serves a file of the page. `frames`: it may show pages of ours in frames."""
    path = _FOLDER / name
    headers = {**HEADERS, "Content-Type": f"{_TYPES[path.suffix]}; charset=utf-8"}
    if frames:
        headers["Content-Security-Policy"] += "; frame-src 'self'"

    async def handler(request: web.Request) -> web.StreamResponse:
        if foreign(slack, request):
            return web.Response(status=403, text="This page answers to its own address only.", headers=HEADERS)
        return web.FileResponse(path, headers=headers)

    return handler


def foreign(slack: SlackSandbox, request: web.Request) -> bool:
    """Whether a page of another site sent this: by its Origin, or by a host name that it made to point here."""
    here = slack.base_url
    return request.headers.get("Origin", here) != here or f"http://{request.host}" != here
