"""Pages that only say what happened and what to do, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.presentation import refusals
from bot.web.service import AccessRefused
from bot.web.site_urls import SiteUrls
from engine.domain import LinkState


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to the next page."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """A page of text. `title`: what happened. `lines`: why, and what to do. `tone`: of the sign beside the title."""

    status: int
    title: str
    lines: tuple[str, ...]
    ways: tuple[PageLink, ...] = ()


def broken(sentence: str) -> StatusPage:
    """Return the page for an unexpected error. `sentence` has the number of the incident."""
    return StatusPage(status=500, title="Something broke", lines=(sentence,))


NOT_FOUND = StatusPage(
    status=404,
    title="There is no such page",
    lines=("The address may be cut off. Open the link in the mail again, all of it.",),
)
WRONG_METHOD = StatusPage(
    status=405,
    title="That does not work at this address",
    lines=("Go back to the page that you came from, and use its buttons.",),
)
TOO_LARGE = StatusPage(
    status=413,
    title="That is too much text",
    lines=("What you sent is larger than 2 MB; nothing was done. Go back, and shorten it.",),
)
FOREIGN = StatusPage(
    status=403,
    title="This form was sent from somewhere else",
    lines=(
        "Nothing was done. Forms are only taken from our own pages, so that no other website can act for you.",
        "Open the link in the mail again, and decide there.",
    ),
)
UNREADABLE = StatusPage(
    status=400,
    title="That form cannot be read",
    lines=("Nothing was done. Open the link in the mail again, and decide there.",),
)


def code_gone(back: str, *, asks: str) -> StatusPage:
    """Return the page for an expired code. `back`: the page to ask for another; `asks`: the purpose of the code."""
    return StatusPage(
        status=410,
        title="This code can no longer be used here",
        lines=(
            "A code works once, for ten minutes, for a few tries, and only in the browser that asked for it.",
            f"Nothing was done here. Go back and send your {asks} again: you will get another code."
            if asks
            else "Sign in again.",
        ),
        ways=(PageLink(f"Back to {_ABOUT[asks]}" if asks else "Sign in", back),),
    )


_ABOUT: Final = {"decision": "the request", "answer": "the question"}


def barred(why: AccessRefused, at: SiteUrls) -> StatusPage:
    """Return the page for a visitor who may not see a request."""
    status, title, lines = _BARRED[why]
    return StatusPage(
        status=status, title=title, lines=lines, ways=(PageLink("Sign in to see what waits for you", at.inbox),)
    )


_BARRED: Final[Mapping[AccessRefused, tuple[int, str, tuple[str, ...]]]] = {
    AccessRefused.UNKNOWN_LINK: (
        404,
        refusals.link_state(None),
        ("It may be cut off. Open the link in the mail again, all of it.", "Or sign in with your email address."),
    ),
    AccessRefused.EXPIRED_LINK: (
        410,
        refusals.link_state(LinkState.EXPIRED),
        ("Links in mails work for a limited time.", "If the request is still open, you find it when you sign in."),
    ),
    AccessRefused.REVOKED_LINK: (
        410,
        refusals.link_state(LinkState.REVOKED),
        ("Somebody made it useless, perhaps because it had got into other hands.", "Sign in to go on."),
    ),
    AccessRefused.REASSIGNED: (
        403,
        "This request is no longer yours to decide",
        ("Other people are asked now. There is nothing for you to do.",),
    ),
    AccessRefused.NOT_AN_APPROVER: (
        403,
        "You are not asked here",
        ("Somebody else decides this request. If you opened a colleague’s link, leave it to them.",),
    ),
    AccessRefused.NOT_FOUND: (
        404,
        "There is no such request",
        ("It may be of another server, or its address is cut off.",),
    ),
    AccessRefused.NO_WAY_IN: (
        403,
        "Open the link in your mail, or sign in",
        ("This page is only for those who were asked. Their link is in the mail; or sign in with your email address.",),
    ),
}


def barred_from_run(why: AccessRefused, at: SiteUrls) -> StatusPage:
    """Return the page for a visitor who may not see the question of a run."""
    status, title, lines = {**_BARRED, **_BARRED_FROM_RUN}[why]
    return StatusPage(
        status=status, title=title, lines=lines, ways=(PageLink("Sign in to see what waits for you", at.inbox),)
    )


_BARRED_FROM_RUN: Final[Mapping[AccessRefused, tuple[int, str, tuple[str, ...]]]] = {
    AccessRefused.EXPIRED_LINK: (
        410,
        refusals.link_state(LinkState.EXPIRED),
        (
            "Links in emails work for a limited time.",
            "If the run still waits for your answer, you find it when you sign in.",
        ),
    ),
    AccessRefused.REASSIGNED: (
        403,
        "This is no longer yours to answer",
        ("Another person owns the workflow now. There is nothing for you to do.",),
    ),
    AccessRefused.NOT_AN_APPROVER: (
        403,
        "You are not asked here",
        ("Only the owner of the workflow answers this. If you opened a colleague’s link, leave it to them.",),
    ),
    AccessRefused.NOT_FOUND: (
        404,
        "There is no such run",
        ("It may be of another server, or its address is cut off.",),
    ),
    AccessRefused.NO_WAY_IN: (
        403,
        "Open the link in your email, or sign in",
        ("This page is only for the owner of the workflow. The link is in the email; or sign in with your address.",),
    ),
}


def refused(sentence: str, *, status: int, at: SiteUrls) -> StatusPage:
    """Return the page for a refusal that has no page of its own."""
    return StatusPage(
        status=status,
        title="That could not be done",
        lines=(sentence,),
        ways=(PageLink("See what waits for you", at.inbox),),
    )
