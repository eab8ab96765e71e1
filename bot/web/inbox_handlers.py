"""Handlers of the inbox: a person's waiting requests and remembered browsers, after signing in with a code."""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters
from bot.web import client_limits, form_data, user_agents
from bot.web.client_limits import ClientLimits
from bot.web.context import RequestContext
from engine import fields
from engine.domain import RememberedBrowser, SignIn
from engine.errors import InvalidValue
from engine.fields import Field, FieldType

_ABOUT: Final = "inbox"
_EMAIL: Final = Field(type=FieldType.EMAIL)
_STALE: Final = "Nothing was done yet. Press the button again."

log = logging.getLogger(__name__)


class InboxHandlers:
    """The handlers."""

    def __init__(self, context: RequestContext) -> None:
        self._context, self._clients, self._logged = context, ClientLimits(), ClientLimits(most=1)

    async def lead(self, _: Request) -> Response:
        """Redirect from the bare public address, which people remember, to the inbox."""
        return self._context.to(self._context.at.inbox)

    async def show(self, request: Request) -> Response:
        """Show the inbox, or the form to sign in."""
        browser = await self._browser(request)
        return self._sign_in(request) if browser is None else await self._list(request, browser)

    async def act(self, request: Request, form: FormData) -> Response:
        """Sign in, sign out, or have a browser forgotten."""
        salt = self._context.salt(request, form, _ABOUT)
        browser = await self._browser(request)
        if form_data.text(form, "act") == "sign-in":
            return await self._ask(request, form, salt)
        if salt is None or browser is None:
            return await self.show(request)
        return await self._forget(request, form, browser)

    async def _browser(self, request: Request) -> RememberedBrowser | None:
        secret = self._context.browser(request)
        return await self._context.service.identity.browser(secret) if secret else None

    async def _ask(self, request: Request, form: FormData, salt: str | None) -> Response:
        """Send a code. The answer does not reveal whether the address is known."""
        typed = form_data.text(form, "email").strip()
        try:
            email = str(fields.validate(_EMAIL, typed))
        except InvalidValue as error:
            return self._sign_in(request, typed=typed, error=f"The address {error}.", status=422)
        if salt is None:
            return self._sign_in(request, typed=typed, error=_STALE, status=422)
        wait = self._clients.take(client_limits.client(request), self._context.clock.now())
        if wait is not None:
            return self._too_often(request, typed, wait)
        label = user_agents.browser(request.headers.get("user-agent", ""))
        command = SignIn(email=email, holder=self._context.holder(request), form=salt, label=label)
        sent = await self._context.service.identity.sign_in(command)
        return self._context.to(self._context.at.code(sent.challenge))

    def _too_often(self, request: Request, typed: str, wait: timedelta) -> Response:
        """Return the page for a client that asked for too many codes."""
        who = client_limits.client(request)
        if self._logged.take(who, self._context.clock.now()) is None:
            proxied = "x-forwarded-for" in request.headers
            hint = " If it is a proxy of yours, name it in SIGNOFF_TRUSTED_PROXIES." if proxied else ""
            log.warning("client %s asks for too many codes to sign in, and gets none for a while.%s", who, hint)
        minutes = max(1, math.ceil(wait.total_seconds() / 60))
        error = (
            "Too many codes were asked for from your network. "
            f"Try again in {minutes} minute{'' if minutes == 1 else 's'}, or open the link in the email that asks you."
        )
        answer = self._sign_in(request, typed=typed, error=error, status=429)
        answer.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
        return answer

    async def _forget(self, request: Request, form: FormData, browser: RememberedBrowser) -> Response:
        """Forget this browser, or another one of the same person."""
        which = browser.id if form_data.text(form, "act") == "sign-out" else form_data.text(form, "browser")
        await self._context.service.identity.forget(self._context.browser(request) or "", which)
        answer = self._context.to(self._context.at.inbox)
        if which == browser.id:
            self._context.forget(answer)
        return answer

    def _sign_in(self, request: Request, *, typed: str = "", error: str = "", status: int = 200) -> Response:
        return self._context.form("sign-in", request, _ABOUT, status=status, typed=typed, error=error)

    async def _list(self, request: Request, browser: RememberedBrowser) -> Response:
        waiting = await self._context.service.waiting(browser.person)
        asking = await self._context.service.engine.runs_waiting_for(browser.person.id)
        browsers = await self._context.service.identity.browsers(browser.person.id)
        return self._context.form(
            "inbox",
            request,
            _ABOUT,
            me=characters.line(browser.person.label),
            address=browser.address,
            waiting=[
                (
                    request,
                    characters.line(request.title),
                    characters.line(request.workflow_title),
                    self._context.at.review(request.id),
                )
                for request in waiting
            ],
            asking=[(run, characters.line(run.workflow_title), self._context.at.attention(run.id)) for run in asking],
            browsers=[(remembered, characters.line(remembered.label)) for remembered in browsers],
            this=browser.id,
        )
