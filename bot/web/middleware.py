"""The middleware of all pages: security headers, the prefix, HEAD, and the place where errors become pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.log import report_incident
from bot.web import site_urls
from bot.web.site_urls import SiteUrls

MOST_BYTES: Final = 2 * 1024 * 1024
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    # With no-referrer, browsers send our own forms with the origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
STRICT_TRANSPORT: Final = "max-age=31536000"

Broken = Callable[[str], Response]
"""Makes the page for an incident."""


class Middleware:
    """Wraps the site. `broken` makes the page for an unexpected error; `heads`: the first segments of our paths."""

    def __init__(self, app: ASGIApp, *, at: SiteUrls, heads: Iterable[str], broken: Broken) -> None:
        self._app, self._at, self._heads, self._broken = app, at, frozenset(heads), broken
        self._headers = {**HEADERS, **({"Strict-Transport-Security": STRICT_TRANSPORT} if at.is_secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = False

        async def with_headers(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        inner = self._inner(scope)
        try:
            await self._app(inner, receive, with_headers)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 the one boundary: an unexpected error becomes an incident
            incident = report_incident(error)
            if began:
                raise _CutOff from None
            await self._broken(incident)(inner, receive, with_headers)

    def _inner(self, scope: Scope) -> Scope:
        """Handle HEAD as GET, because the server leaves the body out, and ignore a slash at the end."""
        head = scope["method"] == "HEAD"
        path = site_urls.inside(scope["path"], self._at.prefix, self._heads).rstrip("/") or "/"
        return {**scope, "method": "GET" if head else scope["method"], "is_head": head, "path": path, "root_path": ""}


class _CutOff(Exception):
    """Raised after a response has begun: it cannot be replaced, so the server closes the connection."""
