"""Handlers of the inbox: a person's waiting requests, after signing in with a code."""

from __future__ import annotations

import logging
import math
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot import client_limits
from bot.client_limits import ClientLimits
from bot.presentation import refusals
from bot.web import absence_form, form_data, user_agents
from bot.web.context import RequestContext
from bot.web.inbox_pages import ABOUT, BACK, STALE, InboxPages
from engine import fields
from engine.domain import AskSignIn, RememberedBrowser, SignIn, TooManyCodes
from engine.errors import InvalidValue
from engine.fields import Field, FieldType

_EMAIL: Final = Field(type=FieldType.EMAIL)

log = logging.getLogger(__name__)


class InboxHandlers:
    """The handlers."""

    def __init__(self, context: RequestContext, pages: InboxPages) -> None:
        self._context, self._pages, self._logged = context, pages, ClientLimits(most=1)

    async def lead(self, _: Request) -> Response:
        """Redirect from the bare public address, which people remember, to the inbox."""
        return self._context.to(self._context.at.inbox)

    async def show(self, request: Request) -> Response:
        """Show the inbox, or the form to sign in."""
        browser = await self._pages.browser(request)
        return self._sign_in(request) if browser is None else await self._pages.show(request, browser)

    async def act(self, request: Request, form: FormData) -> Response:
        """Sign in, sign out, or save an absence."""
        salt = self._context.salt(request, form, ABOUT)
        browser = await self._pages.browser(request)
        if form_data.text(form, "act") == "sign-in":
            return await self._ask(request, form, salt)
        if form_data.text(form, "act") == "sign-in-with-account":
            return await self._ask_account(request, salt)
        if salt is None or browser is None:
            return await self.show(request)
        act = form_data.text(form, "act")
        if act not in ("away", "back"):
            return await self._sign_out(request, browser)
        return await self._absence(request, form, browser, salt, is_back=act == "back")

    async def _absence(
        self, request: Request, form: FormData, browser: RememberedBrowser, salt: str, *, is_back: bool
    ) -> Response:
        """Save that the person is away or back."""
        engine, now = self._context.service.engine, self._context.clock.now()
        if is_back:
            await absence_form.ended(engine, browser, salt=salt)
            return self._context.to(f"{self._context.at.inbox}?done={BACK}")
        wrong = await absence_form.submitted(engine, form, browser, now=now, salt=salt)
        if wrong is None:
            return self._context.to(self._context.at.inbox)
        return await self._pages.show(request, browser, absence=wrong, status=422)

    async def _ask(self, request: Request, form: FormData, salt: str | None) -> Response:
        """Send a code. The answer does not reveal whether the address is known."""
        typed = form_data.text(form, "email").strip()
        try:
            email = str(fields.validate(_EMAIL, typed))
        except InvalidValue as error:
            return self._sign_in(request, typed=typed, error=f"The address {error}.", status=422)
        if salt is None:
            return self._sign_in(request, typed=typed, error=STALE, status=422)
        command = SignIn(
            email=email,
            holder=self._context.holder(request),
            form=salt,
            label=user_agents.browser(request.headers.get("user-agent", "")),
            client=client_limits.client(request),
        )
        sent = await self._context.service.identity.sign_in(command)
        if isinstance(sent, TooManyCodes):
            return self._too_often(request, typed, sent)
        return self._context.to(self._context.at.code(sent.challenge))

    async def _ask_account(self, request: Request, salt: str | None) -> Response:
        """Begin a sign-in with an account."""
        if salt is None:
            return self._sign_in(request, error=STALE, status=422)
        command = AskSignIn(
            decide=None, holder=self._context.holder(request), form=salt, client=client_limits.client(request)
        )
        sign_in = await self._context.service.identity.ask_sign_in(command)
        if isinstance(sign_in, TooManyCodes):
            return self._too_often(request, "", sign_in)
        assert isinstance(sign_in, str), "without a decision, nothing else is refused"
        # Not to the provider at once: a browser follows a form to our own pages only (`form-action`).
        return self._context.to(self._context.at.sign_in(sign_in))

    def _too_often(self, request: Request, typed: str, refusal: TooManyCodes) -> Response:
        """Return the page for a client that asked for too many codes."""
        who = client_limits.client(request)
        if self._logged.take(who, self._context.clock.now()) is None:
            proxied = "x-forwarded-for" in request.headers
            hint = " If it is a proxy of yours, name it in SIGNOFF_TRUSTED_PROXIES." if proxied else ""
            log.warning("client %s asks for too many codes to sign in, and gets none for a while.%s", who, hint)
        answer = self._sign_in(request, typed=typed, error=refusals.sentence(refusal), status=429)
        answer.headers["Retry-After"] = str(math.ceil(refusal.wait.total_seconds()))
        return answer

    async def _sign_out(self, request: Request, browser: RememberedBrowser) -> Response:
        """Forget this browser."""
        await self._context.service.identity.forget(self._context.browser(request) or "", browser.id)
        answer = self._context.to(self._context.at.inbox)
        self._context.forget(answer)
        return answer

    def _sign_in(self, request: Request, *, typed: str = "", error: str = "", status: int = 200) -> Response:
        has_provider = self._context.provider is not None
        return self._context.form(
            "sign-in", request, ABOUT, status=status, typed=typed, error=error, has_provider=has_provider
        )
