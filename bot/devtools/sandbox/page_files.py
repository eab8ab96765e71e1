"""Serves the files of the page at /sandbox, to its own origin only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from aiohttp import web

from bot import palette, template_files
from bot.devtools.sandbox.slack import SlackSandbox

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

FOLDER: Final = Path(__file__).parent / "page"
_SHARED: Final = (palette.CSS, palette.MARK)
"""The files that the page has in common with the pages of the product."""
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
    """The handlers of the page and its files."""

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    async def _home(self, _: web.Request) -> web.StreamResponse:
        """Redirect the bare address to the page."""
        raise web.HTTPFound("/sandbox")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the page and of its files. Only files that are in the folder now are served."""
        own = sorted(file for file in FOLDER.iterdir() if file.suffix in _TYPES and file.suffix != ".html")
        shared = (template_files.folder() / name for name in _SHARED)
        return [
            web.get("/", self._home),
            web.get("/sandbox", serve_file(self.slack, FOLDER / "index.html")),
            *(web.get(f"/sandbox/page/{file.name}", serve_file(self.slack, file)) for file in (*own, *shared)),
        ]


def serve_file(slack: SlackSandbox, path: Path, *, frames: bool = False) -> Handler:
    """Build a handler that serves a file of the page. `frames`: the page may show our pages in frames."""
    headers = {**HEADERS, "Content-Type": f"{_TYPES[path.suffix]}; charset=utf-8"}
    if frames:
        headers["Content-Security-Policy"] += "; frame-src 'self'"

    async def handler(request: web.Request) -> web.StreamResponse:
        if is_foreign(slack, request):
            return web.Response(status=403, text="This page answers to its own address only.", headers=HEADERS)
        return web.FileResponse(path, headers=headers)

    return handler


def is_foreign(slack: SlackSandbox, request: web.Request) -> bool:
    """Return whether a page of another site sent the request, by its Origin or by a host name that points here."""
    own = slack.base_url
    return request.headers.get("Origin", own) != own or f"http://{request.host}" != own
