"""The context of the handlers of every page."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.web import csrf, form_data, status_pages
from bot.web.renderer import Renderer
from bot.web.service import ReviewService
from bot.web.site_urls import SiteUrls
from bot.web.status_pages import StatusPage
from engine.domain import FormDraft
from engine.ports import Clock

if TYPE_CHECKING:
    from bot.openid.provider import IdentityProvider

_HOLDS: Final = timedelta(days=1)
"""How long a browser is known as the one that asked for a code: a person may leave it to read the email."""

SHORT: Final = timedelta(minutes=10)
"""How long a link that is no longer valid is remembered, so that its page can say so."""
_TYPED: Final = "typed"
"""Query parameter of a page: show what was typed before a code was asked for."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`key`: signs forms. `provider`: where people sign in with their account. `closing`: set when the server ends."""

    service: ReviewService
    clock: Clock
    at: SiteUrls
    pages: Renderer
    key: bytes = field(repr=False)
    provider: IdentityProvider | None = None
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    # -- cookies --

    @property
    def _host(self) -> str:
        return "__Host-signoff-" if self.at.is_secure else "signoff-"

    @property
    def _view(self) -> str:
        """Return the name of the cookie with a token. It is for one page only, so it cannot be a `__Host-` cookie."""
        return "__Secure-signoff-view" if self.at.is_secure else "signoff-view"

    def token(self, request: Request) -> str | None:
        """Return the token of the link that opened the page."""
        return request.cookies.get(self._view) or None

    def browser(self, request: Request) -> str | None:
        """Return the secret of a remembered browser."""
        return request.cookies.get(f"{self._host}browser") or None

    def holder(self, request: Request) -> str:
        """Return the secret that identifies this browser, or an empty text if it has none yet."""
        return request.cookies.get(f"{self._host}holder") or ""

    def view(self, answer: Response, path: str, token: str, *, lasts: timedelta) -> None:
        """Set the token of a link as a cookie for the page at this path only."""
        self._set(answer, self._view, token, path=path, lasts=lasts)

    def remember(self, answer: Response, secret: str, *, lasts: timedelta) -> None:
        self._set(answer, f"{self._host}browser", secret, path="/", lasts=lasts)

    def forget(self, answer: Response) -> None:
        self._set(answer, f"{self._host}browser", "", path="/", lasts=timedelta())

    def _set(self, answer: Response, name: str, value: str, *, path: str, lasts: timedelta) -> None:
        answer.set_cookie(
            name,
            value,
            max_age=int(lasts.total_seconds()),
            path=path,
            secure=self.at.is_secure,
            httponly=True,
            samesite="lax",
        )

    # -- forms --

    def form(self, template: str, request: Request, about: str, *, status: int = 200, **view: Any) -> Response:
        """Return a page with a form, with a nonce and a cookie that identifies the browser."""
        holder = self.holder(request) or secrets.token_urlsafe(32)
        salt = view.pop("salt", None) or secrets.token_urlsafe(18)
        answer = self.pages.page(
            template, status=status, nonce=csrf.nonce(self.key, holder=holder, about=about, salt=salt), **view
        )
        self._set(answer, f"{self._host}holder", holder, path="/", lasts=_HOLDS)
        return answer

    def salt(self, request: Request, form: FormData, about: str) -> str | None:
        """Return the single-use key of a form, or None if the form was not made for this browser."""
        return csrf.salt_of(self.key, form_data.text(form, "nonce"), holder=self.holder(request), about=about)

    def refuse_foreign(self, request: Request) -> Response | None:
        """Return the response to a form that another site sent, or None."""
        sites, origins = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
        return (
            None if csrf.is_from_us(sites, origins, origin=self.at.origin) else self.status_page(status_pages.FOREIGN)
        )

    async def draft(self, request: Request, about: str) -> FormDraft | None:
        """Return what this browser typed before a code was asked for, if the page is to show it again."""
        holder = self.holder(request)
        if _TYPED not in request.query_params or not holder:
            return None
        return await self.service.identity.draft(holder, about)

    # -- answers --

    def status_page(self, page: StatusPage) -> Response:
        return self.pages.status_page(page)

    def to(self, path: str) -> Response:
        """Return a redirect to another of our pages."""
        return RedirectResponse(path, 303)
