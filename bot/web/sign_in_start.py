"""Begins a sign-in that leads back to the page of a request: with a code by email, or with an account."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bot import client_limits
from bot.web import user_agents
from bot.web.context import RequestContext
from engine.domain import AskSignIn, FormDraft, Refusal, SignIn, TooManyCodes


async def with_code(
    context: RequestContext, request: Request, about: str, *, address: str, salt: str, draft: FormDraft | None = None
) -> Response | TooManyCodes:
    """Send a code to the address, and return the redirect to the page that takes it. `draft`: a form that is kept."""
    label, client = user_agents.browser(request.headers.get("user-agent", "")), client_limits.client(request)
    holder = context.holder(request)
    command = SignIn(email=address, holder=holder, form=salt, label=label, client=client, request=about, draft=draft)
    sent = await context.service.identity.sign_in(command)
    return sent if isinstance(sent, TooManyCodes) else context.to(context.at.code(sent.challenge))


async def with_account(
    context: RequestContext, request: Request, about: str, *, salt: str, draft: FormDraft | None = None
) -> Response | Refusal:
    """Return the redirect to the page that begins the sign-in. `draft`: a form that is kept meanwhile."""
    holder, client = context.holder(request), client_limits.client(request)
    command = AskSignIn(decide=None, holder=holder, form=salt, client=client, request=about, draft=draft)
    sign_in = await context.service.identity.ask_sign_in(command)
    return sign_in if isinstance(sign_in, Refusal) else context.to(context.at.sign_in(sign_in))
