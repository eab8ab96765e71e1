"""The page in which people act by hand, at /sandbox: its files, and the stream that tells it of changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from aiohttp import web

from bot.sandbox.changes import Changes
from bot.sandbox.slack import Slack

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
_GATHER_SECONDS: Final = 0.03
"""One act makes many changes: the page is told once."""
_BEAT_SECONDS: Final = 5.0
"""A line that says nothing, so that both ends notice when the other is gone."""


class Window:
    """The handlers."""

    def __init__(self, slack: Slack) -> None:
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


def file(slack: Slack, name: str, *, frames: bool = False) -> Handler:
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


def foreign(slack: Slack, request: web.Request) -> bool:
    """Whether a page of another site sent this: by its Origin, or by a host name that it made to point here."""
    here = slack.base_url
    return request.headers.get("Origin", here) != here or f"http://{request.host}" != here


async def stream(slack: Slack, request: web.Request) -> web.StreamResponse:
    """Server-sent events: the count of changes, now and whenever it moves, until the page goes away."""
    if foreign(slack, request):
        return web.Response(status=403, text="requests from other origins are refused")
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await answer.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        await answer.write(b"retry: 1000\n\n")
        await _tell(slack.changes, answer)
    return answer


async def _tell(changes: Changes, answer: web.StreamResponse) -> None:
    seen = -1
    while True:
        try:
            async with asyncio.timeout(_BEAT_SECONDS):
                await changes.after(seen)
        except TimeoutError:
            await answer.write(b": still here\n\n")
            continue
        await asyncio.sleep(_GATHER_SECONDS)
        seen = changes.count
        await answer.write(f"data: {seen}\n\n".encode())
