"""The sentences for refusals about links, codes and signing in. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation import people
from bot.presentation.characters import line
from engine.domain import (
    Assurance,
    CannotConfirm,
    CodeExpired,
    ConfirmElsewhere,
    LinkState,
    NeedsCode,
    NeedsSignIn,
    NoLink,
    Phrase,
    Refusal,
    SignedInAsOther,
    SignInExpired,
    TooManyCodes,
    WrongCode,
)


def _needs_code(refusal: NeedsCode) -> Phrase:
    return (f"Please confirm with a code. It is sent to {refusal.address}.",)


def _needs_sign_in(refusal: NeedsSignIn) -> Phrase:  # noqa: ARG001
    return ("Please sign in with Slack to confirm that it is you.",)


def _confirm_elsewhere(refusal: ConfirmElsewhere) -> Phrase:
    if refusal.how is Assurance.SSO:
        return ("You have to sign in with Slack to decide this request. Decide it in Slack or on its review page.",)
    return (
        "Each decision on this request is confirmed with a code from an email, and a terminal cannot ask for one. "
        "Decide it in Slack or on its review page.",
    )


def _cannot_confirm(refusal: CannotConfirm) -> Phrase:
    return (_UNCONFIRMED[refusal.why],)


_UNCONFIRMED: Final[Mapping[str, str]] = {
    "no_email": "This request asks for a code by email, and Signoff knows no email address of yours. "
    "Ask the person who runs Signoff to add it.",
    "many_codes": "Nothing was decided yet. You got many codes that were not used, so no other one can be sent now. "
    "Try again in an hour.",
    "too_large": "Nothing was decided yet. Your text is too long to be confirmed with a code. "
    "Shorten it, then try again.",
}


def _signed_in_as_other(refusal: SignedInAsOther) -> Phrase:
    asked = people.joined([line(name) for name in refusal.asked], "or")
    return (
        f"You are signed in to Slack as {line(refusal.who)}, and this decision is for {asked}. Nothing was decided. "
        "Sign in with the account that was asked, or leave the decision to them.",
    )


def _sign_in_expired(refusal: SignInExpired) -> Phrase:  # noqa: ARG001
    return ("This sign-in no longer works. Go back and press the button again.",)


def _wrong_code(refusal: WrongCode) -> Phrase:
    if refusal.left is None:
        return ("That is not the right code. Use the one in your newest sign-in email.",)
    left = "one try" if refusal.left == 1 else f"{refusal.left} tries"
    return (
        f"That is not the right code. Use the one in the email with the reference {refusal.reference}. "
        f"You have {left} left.",
    )


def _too_many_codes(refusal: TooManyCodes) -> Phrase:
    minutes = max(1, math.ceil(refusal.wait.total_seconds() / 60))
    return (
        "Too many people on your network asked for a code. "
        f"Try again in {minutes} minute{'' if minutes == 1 else 's'}, or open the link in the email that asks you.",
    )


def _code_expired(refusal: CodeExpired) -> Phrase:  # noqa: ARG001
    return ("This code no longer works. Go back and send your answer again. You will get a new code.",)


def _no_link(refusal: NoLink) -> Phrase:
    return (f"{link_state(refusal.state)}. Sign in with your email address to see your open requests.",)


def link_state(state: LinkState | None) -> str:
    """Return why a link cannot be used, without a full stop. `state`: None if no link is known by this token."""
    return f"This link {_LINKS[state]}"


_LINKS: Final[Mapping[LinkState | None, str]] = {
    None: "is not valid",
    LinkState.LIVE: "is not valid",
    LinkState.EXPIRED: "has expired",
    LinkState.REVOKED: "was revoked",
}


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {
    NeedsCode: _needs_code,
    NeedsSignIn: _needs_sign_in,
    ConfirmElsewhere: _confirm_elsewhere,
    CannotConfirm: _cannot_confirm,
    SignedInAsOther: _signed_in_as_other,
    SignInExpired: _sign_in_expired,
    WrongCode: _wrong_code,
    TooManyCodes: _too_many_codes,
    CodeExpired: _code_expired,
    NoLink: _no_link,
}
"""The function that writes each of these refusals. `refusals` registers them."""
