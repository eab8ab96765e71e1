"""What waits for somebody, once they have shown that they read their mail; and the browsers that are remembered."""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters
from bot.web import client_limits, context, user_agents
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

    def __init__(self, held: RequestContext) -> None:
        self._room, self._clients, self._told = held, ClientLimits(), ClientLimits(most=1)

    async def lead(self, _: Request) -> Response:
        """From the bare public address, which is what people remember."""
        return self._room.to(self._room.at.inbox)

    async def show(self, request: Request) -> Response:
        """The list; or the form to sign in."""
        browser = await self._browser(request)
        return self._sign_in(request) if browser is None else await self._list(request, browser)

    async def act(self, request: Request) -> Response:
        """Sign in, sign out, or have a browser forgotten."""
        foreign = self._room.refuse_foreign(request)
        if foreign is not None:
            return foreign
        form = await context.posted(request)
        salt = self._room.salt(request, form, _ABOUT)
        browser = await self._browser(request)
        if context.text(form, "act") == "sign-in":
            return await self._ask(request, form, salt)
        if salt is None or browser is None:
            return await self.show(request)
        return await self._forget(request, form, browser)

    async def _browser(self, request: Request) -> RememberedBrowser | None:
        secret = self._room.browser(request)
        return await self._room.desk.identity.browser(secret) if secret else None

    async def _ask(self, request: Request, form: FormData, salt: str | None) -> Response:
        """Have a code sent. Nobody learns here who is known."""
        typed = context.text(form, "email").strip()
        try:
            email = str(fields.validate(_EMAIL, typed))
        except InvalidValue as error:
            return self._sign_in(request, typed=typed, error=f"The address {error}.", status=422)
        if salt is None:
            return self._sign_in(request, typed=typed, error=_STALE, status=422)
        wait = self._clients.take(client_limits.client(request), self._room.clock.now())
        if wait is not None:
            return self._too_often(request, typed, wait)
        label = user_agents.browser(request.headers.get("user-agent", ""))
        command = SignIn(email=email, holder=self._room.holder(request), form=salt, label=label)
        sent = await self._room.desk.identity.sign_in(command)
        return self._room.to(self._room.at.code(sent.challenge))

    def _too_often(self, request: Request, typed: str, wait: timedelta) -> Response:
        """The answer to a client that asked for codes again and again, whoever they were for."""
        who = client_limits.client(request)
        if self._told.take(who, self._room.clock.now()) is None:
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
        """This browser, or another one of the same person."""
        which = browser.id if context.text(form, "act") == "sign-out" else context.text(form, "browser")
        await self._room.desk.identity.forget(self._room.browser(request) or "", which)
        answer = self._room.to(self._room.at.inbox)
        if which == browser.id:
            self._room.forget(answer)
        return answer

    def _sign_in(self, request: Request, *, typed: str = "", error: str = "", status: int = 200) -> Response:
        return self._room.form("sign-in", request, _ABOUT, status=status, typed=typed, error=error)

    async def _list(self, request: Request, browser: RememberedBrowser) -> Response:
        waiting = await self._room.desk.waiting(browser.person)
        asking = await self._room.desk.engine.asking(browser.person.id)
        browsers = await self._room.desk.identity.browsers(browser.person.id)
        return self._room.form(
            "inbox",
            request,
            _ABOUT,
            me=characters.line(browser.person.label),
            address=browser.address,
            waiting=[
                (one, characters.line(one.title), characters.line(one.workflow_title), self._room.at.review(one.id))
                for one in waiting
            ],
            asking=[(one, characters.line(one.workflow_title), self._room.at.attention(one.id)) for one in asking],
            browsers=[(one, characters.line(one.label)) for one in browsers],
            this=browser.id,
        )
