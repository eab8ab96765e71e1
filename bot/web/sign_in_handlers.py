"""Handlers of the sign-in with Slack: the page that says what for, the way to Slack, and the way back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot import client_limits
from bot.openid.errors import ProviderRefusesApp, ProviderUnavailable, TokenRefused
from bot.presentation import changes, characters
from bot.web import sign_in_pages, user_agents
from bot.web.code_handlers import CodeHandlers
from bot.web.context import RequestContext
from engine.domain import (
    Address,
    FinishSignIn,
    ProvenIdentity,
    SignedInAsOther,
    SignInExpired,
    SignInStart,
    SignInView,
)
from engine.domain.people import ACCOUNT
from engine.off_loop import off_loop
from engine.requests import label_of_verdict

if TYPE_CHECKING:
    from bot.openid.id_token import SignedInAccount

_LONGEST: Final = 2_000
"""Maximum length of a parameter that comes back from the provider, in characters."""

log = logging.getLogger(__name__)


class SignInHandlers:
    """The handlers."""

    def __init__(self, context: RequestContext, code: CodeHandlers) -> None:
        self._context, self._code = context, code

    async def show(self, request: Request) -> Response:
        """Show what the person signs in for, with the button that leads to Slack."""
        sign_in = await self._sign_in(request)
        if isinstance(sign_in, Response):
            return sign_in
        decision = sign_in.decision
        asked = await self._context.service.engine.request(decision.request) if decision is not None else None

        def build_page() -> Response:
            label = ""
            if asked is not None and decision is not None:
                label = label_of_verdict(decision.verdict, asked.approve_label, asked.reject_label)
            return self._context.form(
                "account-sign-in",
                request,
                sign_in.id,
                sign_in=sign_in,
                title=characters.line(asked.title) if asked is not None else "",
                label=characters.line(label),
                changes=tuple(changes.proposed(asked, decision.edits)) if asked and decision else (),
                reason=characters.visible(decision.reason or "") if decision is not None else "",
                back=self._back(sign_in),
            )

        return await off_loop(build_page)

    async def begin(self, request: Request) -> Response:
        """Send the browser to Slack. What was sent there before no longer works."""
        sign_in = await self._sign_in(request)
        if isinstance(sign_in, Response):
            return sign_in
        holder, provider = self._context.holder(request), self._context.provider
        if not holder:
            # The page gives the browser what identifies it.
            return self._context.to(self._context.at.sign_in(sign_in.id))
        if provider is None:
            return self._context.status_page(sign_in_pages.not_set_up(self._context.at.inbox))
        start = await self._context.service.identity.begin_sign_in(sign_in.id, holder)
        if isinstance(start, SignInExpired):
            return self._gone(sign_in)
        try:
            return RedirectResponse(await provider.authorization_url(start), 303)
        except ProviderUnavailable as error:
            log.warning("a person cannot be sent to sign in: %s", error)
            return self._context.status_page(sign_in_pages.unavailable(self._context.at.sign_in(sign_in.id)))

    async def finish(self, request: Request) -> Response:
        """Take the browser back from Slack, and carry out the decision that waits."""
        holder, state = self._context.holder(request), _parameter(request, "state")
        taken = await self._context.service.identity.take_state(state, holder) if holder and state else None
        if taken is None or isinstance(taken, SignInExpired):
            return self._context.status_page(sign_in_pages.elsewhere(self._context.at.inbox))
        if isinstance(taken, SignInView):
            # The page of the sign-in leads on if it was completed.
            return self._context.to(self._context.at.sign_in(taken.id))
        sign_in, start = taken
        account = await self._account(request, sign_in, start)
        if isinstance(account, Response):
            return account
        command = FinishSignIn(
            sign_in=sign_in.id,
            holder=holder,
            account=Address(ACCOUNT, account.id),
            name=account.name,
            browser=self._context.browser(request),
            label=user_agents.browser(request.headers.get("user-agent", "")),
        )
        answer = await self._context.service.identity.finish_sign_in(command)
        if isinstance(answer, ProvenIdentity):
            return await self._code.go_on(request, answer)
        if isinstance(answer, SignedInAsOther):
            again = self._context.at.sign_in(sign_in.id)
            return self._context.status_page(sign_in_pages.other_person(answer, again))
        return self._gone(sign_in)

    async def _account(self, request: Request, sign_in: SignInView, start: SignInStart) -> SignedInAccount | Response:
        """Return the account that Slack vouches for, or the page that says why there is none."""
        provider, again = self._context.provider, self._context.at.sign_in(sign_in.id)
        if provider is None:
            return self._context.status_page(sign_in_pages.not_set_up(self._context.at.inbox))
        code = _parameter(request, "code")
        if not code:
            return self._context.status_page(sign_in_pages.cancelled(again))
        try:
            return await provider.account(start, code)
        except ProviderUnavailable as error:
            log.warning("a person cannot sign in: %s", error)
            return self._context.status_page(sign_in_pages.unavailable(again))
        except ProviderRefusesApp as error:
            log.error("the identity provider refuses this app: %s. `signoff doctor` says what to do.", error)
            return self._context.status_page(sign_in_pages.not_set_up(self._context.at.inbox))
        except TokenRefused as error:
            log.warning("a sign-in of client %s was refused: %s", client_limits.client(request), error)
            return self._context.status_page(sign_in_pages.not_proven(again))

    async def _sign_in(self, request: Request) -> SignInView | Response:
        """Return the open sign-in of this browser, or the page that is shown in its place."""
        holder = self._context.holder(request)
        sign_in = await self._context.service.identity.sign_in_view(request.path_params["sign_in"], holder)
        if sign_in is None:
            return self._context.status_page(sign_in_pages.elsewhere(self._context.at.inbox))
        if sign_in.used:
            return self._context.to(self._back(sign_in, typed=False))
        return self._gone(sign_in) if sign_in.until <= self._context.clock.now() else sign_in

    def _gone(self, sign_in: SignInView) -> Response:
        decides = sign_in.request is not None
        return self._context.status_page(sign_in_pages.gone(self._back(sign_in), decides=decides))

    def _back(self, sign_in: SignInView, *, typed: bool = True) -> str:
        """Return the page of the request, filled with the typed values, or the inbox."""
        if sign_in.request is None:
            return self._context.at.inbox
        return f"{self._context.at.review(sign_in.request)}{'?typed=1' if typed else ''}"


def _parameter(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    return value if len(value) <= _LONGEST else ""
