"""Pages that say how a sign-in with Slack went wrong, and what to do, pure."""

from __future__ import annotations

from typing import Final

from bot.presentation import refusals
from bot.web.status_pages import PageLink, StatusPage
from engine import durations
from engine.domain import CODE_LIFETIME, SignedInAsOther

_NOTHING: Final = "Nothing was decided."
_KEPT: Final = "What you typed is kept."


def gone(back: str, *, decides: bool) -> StatusPage:
    """Return the page for a sign-in that no longer works. `back`: where to press the button again."""
    lasts = f"A sign-in works once, within {durations.in_words(CODE_LIFETIME)}, in the browser that began it."
    label = "Back to the request" if decides else "Sign in"
    again = "Go back and press the button again." if decides else "Sign in again."
    return StatusPage(
        status=410,
        title="This sign-in no longer works",
        lines=(lasts, f"{_NOTHING} {again}"),
        ways=(PageLink(label, back),),
    )


def elsewhere(inbox: str) -> StatusPage:
    """Return the page for a browser that did not begin this sign-in."""
    return StatusPage(
        status=410,
        title="This sign-in does not work in this browser",
        lines=(
            "It was started in another browser, or started again in this one.",
            "Nothing was decided here. Open your request to see where it stands.",
        ),
        ways=(PageLink("See your requests", inbox),),
    )


def unavailable(again: str) -> StatusPage:
    """Return the page for a provider that does not answer."""
    return StatusPage(
        status=503,
        title="Slack does not answer right now",
        lines=(f"You could not sign in. {_NOTHING} {_KEPT}", "Try again in a moment."),
        ways=(PageLink("Try again", again),),
    )


def not_set_up(inbox: str) -> StatusPage:
    """Return the page for an app that Slack does not accept, or that has no settings for it."""
    return StatusPage(
        status=503,
        title="Signing in with Slack does not work here",
        lines=(
            f"You could not sign in. {_NOTHING}",
            "Tell the person who runs this Signoff: the command “signoff doctor” says what is missing.",
        ),
        ways=(PageLink("See your requests", inbox),),
    )


def not_proven(again: str) -> StatusPage:
    """Return the page for an answer of Slack that does not prove who signed in."""
    return StatusPage(
        status=403,
        title="Slack did not confirm who you are",
        lines=(
            f"{_NOTHING} {_KEPT}",
            "Try again. If you use several Slack workspaces, choose the one of your team.",
        ),
        ways=(PageLink("Try again", again),),
    )


def cancelled(again: str) -> StatusPage:
    """Return the page for a person who pressed Cancel at Slack."""
    return StatusPage(
        status=403,
        title="You did not sign in",
        lines=(f"{_NOTHING} {_KEPT}",),
        ways=(PageLink("Sign in with Slack", again),),
    )


def other_person(refusal: SignedInAsOther, again: str) -> StatusPage:
    """Return the page for a person who was not asked."""
    return StatusPage(
        status=403,
        title="This decision is not yours",
        lines=(refusals.phrase(refusal),),
        ways=(PageLink("Sign in with another account", again),),
    )
