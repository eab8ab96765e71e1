"""Pages that only say what happened and what to do, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from bot.presentation import identity_refusals
from bot.web.service import AccessRefused
from bot.web.site_urls import SiteUrls
from engine import durations
from engine.domain import CODE_LIFETIME, LINK_LIFETIME, LinkState, Phrase


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to the next page."""

    label: str
    url: str


Notice: TypeAlias = str | Phrase
"""A sentence on a page, which writes the moments in it in the time zone of the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """A page of text. `title`: what happened. `lines`: why, and what to do."""

    status: int
    title: str
    lines: tuple[Notice, ...]
    ways: tuple[PageLink, ...] = ()


def broken(sentence: str) -> StatusPage:
    """Return the page for an unexpected error. `sentence` has the number of the incident."""
    return StatusPage(status=500, title="This page does not work right now", lines=(sentence,))


def busy(sentence: str) -> StatusPage:
    """Return the page for a database that was too slow. `sentence` says whether something may be saved."""
    return StatusPage(status=503, title="Please try again in a minute", lines=(sentence,))


_AGAIN: Final = "Open the link in your email again."
NOT_FOUND = StatusPage(
    status=404,
    title="This page does not exist",
    lines=("The address may be incomplete.", _AGAIN),
)
WRONG_METHOD = StatusPage(
    status=405,
    title="This address does not work that way",
    lines=("Go back to the page that you came from, and use its buttons.",),
)
TOO_LARGE = StatusPage(
    status=413,
    title="This is too much text",
    lines=("Nothing was done. You can send up to 2 MB at once.", "Go back and shorten the text."),
)
FILE_UNAVAILABLE = StatusPage(
    status=503,
    title="This file cannot be opened now",
    lines=("Its stored bytes cannot be read, or they were changed.", "Tell the person who runs Signoff."),
)
FOREIGN = StatusPage(
    status=403,
    title="This form came from another website",
    lines=("Nothing was done. Signoff only accepts forms from its own pages.", _AGAIN),
)
UNREADABLE = StatusPage(
    status=400,
    title="This form could not be read",
    lines=("Nothing was done.", _AGAIN),
)


def code_gone(back: str, *, asks: str, guessed: bool = False) -> StatusPage:
    """Return the page for a code that is no longer accepted.

    `back`: where to ask for another; `asks`: what it confirms; `guessed`: too many wrong codes were typed.
    """
    again = f"Nothing was done. Go back and send your {asks} again. You will get a new code."
    lasts = f"A code works once, within {durations.in_words(CODE_LIFETIME)}, in the browser that asked for it."
    return StatusPage(
        status=410,
        title="Too many wrong codes" if guessed else "This code no longer works here",
        lines=(
            "The code in the email does not work any more." if guessed else lasts,
            again if asks else "Sign in again to get a new code.",
        ),
        ways=(PageLink(f"Back to the {_ABOUT[asks]}" if asks else "Sign in", back),),
    )


def code_elsewhere(sign_in: str) -> StatusPage:
    """Return the page for a browser that has not asked for this code. `sign_in`: where it can ask for one."""
    return StatusPage(
        status=410,
        title="This code does not work in this browser",
        lines=(
            "Type it into the page that asked for it, in the browser where you pressed the button.",
            "You can also sign in here with your email address.",
        ),
        ways=(PageLink("Sign in", sign_in),),
    )


_ABOUT: Final = {"decision": "request", "answer": "question"}
_LINKS: Final = f"Links in emails work for {durations.in_words(LINK_LIFETIME)}."
_INBOX: Final = "Sign in to see your requests"
_OR_THE_ADDRESS: Final = "The address may also be incomplete, or belong to another server."


def barred(why: AccessRefused, at: SiteUrls) -> StatusPage:
    """Return the page for a visitor who may not see a request."""
    status, title, lines = _BARRED[why]
    label = "See your requests" if why in _BARRED_PEOPLE else _INBOX
    return StatusPage(status=status, title=title, lines=lines, ways=(PageLink(label, at.inbox),))


_BARRED_PEOPLE: Final = frozenset({AccessRefused.REASSIGNED, AccessRefused.NOT_AN_APPROVER})
"""Refusals of people who may be signed in already."""
_BARRED: Final[Mapping[AccessRefused, tuple[int, str, tuple[str, ...]]]] = {
    AccessRefused.UNKNOWN_LINK: (
        404,
        identity_refusals.link_state(None),
        ("It may be incomplete. Open the link in your email again.", "You can also sign in with your email address."),
    ),
    AccessRefused.EXPIRED_LINK: (
        410,
        identity_refusals.link_state(LinkState.EXPIRED),
        (_LINKS, "Sign in to see whether you can still decide the request."),
    ),
    AccessRefused.REVOKED_LINK: (
        410,
        identity_refusals.link_state(LinkState.REVOKED),
        ("An operator revoked it, perhaps because it was forwarded.", "Sign in to continue."),
    ),
    AccessRefused.REASSIGNED: (
        403,
        "You no longer need to decide this request",
        ("Other people are asked now. There is nothing left for you to do.",),
    ),
    AccessRefused.NOT_AN_APPROVER: (
        403,
        "You were not asked to decide this request",
        ("If you opened a colleague’s link, leave the decision to them.", _OR_THE_ADDRESS),
    ),
    AccessRefused.NO_WAY_IN: (
        403,
        "Open the link in your email, or sign in",
        ("Only the people who were asked can see this page.",),
    ),
}


def barred_from_run(why: AccessRefused, at: SiteUrls) -> StatusPage:
    """Return the page for a visitor who may not see the question of a run."""
    status, title, lines = {**_BARRED, **_BARRED_FROM_RUN}[why]
    return StatusPage(status=status, title=title, lines=lines, ways=(PageLink(_INBOX, at.inbox),))


_BARRED_FROM_RUN: Final[Mapping[AccessRefused, tuple[int, str, tuple[str, ...]]]] = {
    AccessRefused.EXPIRED_LINK: (
        410,
        identity_refusals.link_state(LinkState.EXPIRED),
        (_LINKS, "Sign in to see whether your answer is still needed."),
    ),
    AccessRefused.REASSIGNED: (
        403,
        "You no longer need to answer this",
        ("Another person owns the workflow now. There is nothing left for you to do.",),
    ),
    AccessRefused.NOT_AN_APPROVER: (
        403,
        "You were not asked to answer this",
        (
            "Only the owner of the workflow can answer. If you opened a colleague’s link, leave the answer to them.",
            _OR_THE_ADDRESS,
        ),
    ),
    AccessRefused.NO_WAY_IN: (
        403,
        "Open the link in your email, or sign in",
        ("Only the owner of the workflow can see this page.",),
    ),
}


def refused(sentence: Notice, *, status: int, at: SiteUrls) -> StatusPage:
    """Return the page for a refusal that has no page of its own."""
    return StatusPage(
        status=status,
        title="Your answer was not counted",
        lines=(sentence,),
        ways=(PageLink("See your requests", at.inbox),),
    )
