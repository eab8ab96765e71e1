"""Handlers of the page that lists the browsers in which a person has signed in, and signs them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters
from bot.web import form_data
from bot.web.context import RequestContext
from engine.domain import RememberedBrowser

_ABOUT: Final = "sessions"
_STALE: Final = "Nothing was done yet. Press the button again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBrowser:
    """A browser of the list. `how`: with what the person signed in there."""

    browser: str
    label: str
    how: str
    since: datetime
    used: datetime
    until: datetime
    is_this: bool


class SessionPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the list, or the page to sign in."""
        browser = await self._browser(request)
        if browser is None:
            return self._context.to(self._context.at.inbox)
        return await self._list(request, browser)

    async def act(self, request: Request, form: FormData) -> Response:
        """Sign out one browser of the person, or all others."""
        browser, secret = await self._browser(request), self._context.browser(request) or ""
        if browser is None:
            return self._context.to(self._context.at.inbox)
        if self._context.salt(request, form, _ABOUT) is None:
            return await self._list(request, browser, notice=_STALE, status=422)
        if form_data.text(form, "act") == "others":
            count = await self._context.service.identity.forget_others(secret)
            return await self._list(request, browser, done=_signed_out(count))
        which = form_data.text(form, "browser")
        was_theirs = await self._context.service.identity.forget(secret, which)
        if which != browser.id:
            return await self._list(request, browser, done=_signed_out(int(was_theirs)))
        answer = self._context.to(self._context.at.inbox)
        self._context.forget(answer)
        return answer

    async def _browser(self, request: Request) -> RememberedBrowser | None:
        secret = self._context.browser(request)
        return await self._context.service.identity.browser(secret) if secret else None

    async def _list(
        self, request: Request, browser: RememberedBrowser, *, done: str = "", notice: str = "", status: int = 200
    ) -> Response:
        browsers = await self._context.service.identity.browsers(browser.person.id)
        sessions = [_listed(one, this=browser.id) for one in browsers]
        return self._context.form(
            "sessions",
            request,
            _ABOUT,
            status=status,
            address=browser.address,
            sessions=sorted(sessions, key=lambda one: (not one.is_this, -one.used.timestamp())),
            done=done,
            notice_text=notice,
        )


def _listed(browser: RememberedBrowser, *, this: str) -> ListedBrowser:
    address = characters.line(browser.address)
    how = "with Slack" if browser.account is not None else f"with a code sent to {address}"
    return ListedBrowser(
        browser=browser.id,
        label=characters.line(browser.label),
        how=how,
        since=browser.created_at,
        used=browser.seen_at,
        until=browser.until,
        is_this=browser.id == this,
    )


def _signed_out(count: int) -> str:
    if count == 0:
        return "No other browser was signed in."
    return "You signed out 1 browser." if count == 1 else f"You signed out {count} browsers."
