"""The middleware of all pages: security headers, the prefix, HEAD, and the place where errors become pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.datastructures import FormData, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.log import is_busy, report_incident
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

TypedForm: TypeAlias = Sequence[tuple[str, str]]
"""The fields of the form that was sent, by name."""
_FORM: Final = "signoff.form"


@dataclass(frozen=True, slots=True)
class ErrorPages:
    """Make the pages for errors of a sentence: an incident, or a busy database, which keeps what was typed."""

    broken: Callable[[str], Response]
    busy: Callable[[str, TypedForm], Response]


def keep_form(scope: Scope, form: FormData) -> None:
    """Keep the fields of a form for the page that asks to send it again."""
    scope[_FORM].extend((name, value) for name, value in form.multi_items() if isinstance(value, str))


class Middleware:
    """Wraps the site. `errors` makes the pages for unexpected errors; `heads`: the first segments of our paths."""

    def __init__(self, app: ASGIApp, *, at: SiteUrls, heads: Iterable[str], errors: ErrorPages) -> None:
        self._app, self._at, self._heads, self._errors = app, at, frozenset(heads), errors
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
            page = self._page(error, inner)
            if began:
                raise _CutOff from None
            await page(inner, receive, with_headers)

    def _page(self, error: Exception, scope: Scope) -> Response:
        sentence = report_incident(error)
        return self._errors.busy(sentence, scope[_FORM]) if is_busy(error) else self._errors.broken(sentence)

    def _inner(self, scope: Scope) -> Scope:
        """Handle HEAD as GET, because the server leaves the body out, and ignore a slash at the end."""
        head = scope["method"] == "HEAD"
        path = site_urls.inside(scope["path"], self._at.prefix, self._heads).rstrip("/") or "/"
        return {
            **scope,
            "method": "GET" if head else scope["method"],
            "is_head": head,
            "path": path,
            "root_path": "",
            _FORM: [],
        }


class _CutOff(Exception):
    """Raised after a response has begun: it cannot be replaced, so the server closes the connection."""
