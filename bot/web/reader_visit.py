"""Who reads a page about a request or a run: a person who signed in, with what they may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from bot.presentation.builder_refusals import refused
from bot.web import status_pages
from bot.web.context import RequestContext
from bot.web.site_urls import SiteUrls
from bot.web.status_pages import PageLink, StatusPage
from engine.access import Reader
from engine.domain import Address, Refusal

STALE: Final = "Nothing was done yet. Press the button again."
"""The notice above a form that was not made for this browser, or is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderVisit:
    """A visit by a person who signed in. `actor`: the address from which they act. `secret`: that of their browser."""

    reader: Reader
    address: str
    actor: Address
    secret: str = field(repr=False)


async def reader_visit(context: RequestContext, request: Request) -> ReaderVisit | None:
    """Return the visit, or None if the person has not signed in."""
    secret = context.browser(request)
    browser = await context.service.identity.browser(secret) if secret else None
    if secret is None or browser is None:
        return None
    return ReaderVisit(
        reader=context.service.engine.reader(browser.person),
        address=browser.address,
        actor=browser.account or Address("email", browser.address),
        secret=secret,
    )


async def signed_in(context: RequestContext, request: Request) -> ReaderVisit | Response:
    """Return the visit, or the page that asks a visitor to sign in first."""
    visit = await reader_visit(context, request)
    return context.status_page(sign_in_first(context.at)) if visit is None else visit


async def no_builder(context: RequestContext, visit: ReaderVisit) -> Refusal | None:
    """Return why the person may not make workflows, or None if they may."""
    service = context.service
    return None if await service.engine.is_named(visit.actor, service.builders) else refused(service.builders)


def sign_in_first(at: SiteUrls) -> StatusPage:
    """Return the page for a visitor who has not signed in. They do not learn whether the page exists."""
    return StatusPage(
        status=403,
        title="Sign in to see this page",
        lines=("Only people who are part of it can see it. After you have signed in, open this address again.",),
        ways=(PageLink("Sign in", at.inbox),),
    )


def hidden(what: str, at: SiteUrls) -> StatusPage:
    """Return the page for what is not there, or what the person may not see: they are not told which."""
    return StatusPage(
        status=404,
        title=_TITLES.get(what, f"There is no such {what}, or you may not see it"),
        lines=(_WHO_SEES[what], *status_pages.NOT_FOUND.lines[:1]),
        ways=(PageLink("See your inbox", at.inbox), PageLink("See your runs", at.runs)),
    )


_TITLES: Final = {"start": "There is no such workflow, or you may not start it"}
_WHO_SEES: Final = {
    "request": "You see the requests that you started or were asked about, and those of workflows that you own.",
    "run": "You see the runs that you started or were asked about, and those of workflows that you own.",
    "start": "You can start the workflows that let you, while no one has disabled them.",
    "workflow": "You see the workflows that you own, also as a member of a role or group.",
}
