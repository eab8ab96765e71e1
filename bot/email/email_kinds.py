"""The kinds of emails: what each says about itself, and whether it has a link. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bot.presentation.alert_card import VOIDED
from engine.domain import DIGEST, Card, DeliveryKind
from engine.requests import questions

NO_REPLIES: Final = "Please do not reply to this email. Replies are not read."
_NO_LINK: Final = "No link in this email is from Signoff. A link that you see belongs to the content."


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailKind:
    """One kind of email.

    `because`: why the reader gets it, unless the card says so. `links`: which links are from Signoff. `tells`: whether
    it tells what happened, and asks nothing. `page`: the page behind its link. `harmless`: what opening that page does
    not do.
    """

    because: str
    links: str = _NO_LINK
    eyebrow: str | None = None
    tells: bool = False
    names_approvers: bool = False
    has_link: bool = False
    button: str = ""
    page: str = ""
    harmless: str = ""

    def footer(self, card: Card) -> tuple[str, ...]:
        """Return why the reader gets the email, which links are from Signoff, and that replies are not read."""
        return f"You get this email because {card.because or self.because}.", self.links, NO_REPLIES


_REQUEST: Final = EmailKind(
    because="you were asked to decide",
    links=(
        "Only one link in this email is from Signoff: it opens the review page. Any other link belongs to the content."
    ),
    names_approvers=True,
    has_link=True,
    button="Review and decide",
    page="review page",
    harmless="Opening the page does not approve anything.",
)
_FAILURE: Final = replace(
    _REQUEST,
    because="you were asked what to do about a step that failed",
    button="Review and answer",
    harmless="Opening the page does not try anything again.",
)
_FORM: Final = replace(
    _REQUEST,
    because="you were asked to fill in a form",
    button="Open the form",
    harmless="Opening the page does not send anything.",
)
_REMINDER: Final = replace(_REQUEST, eyebrow="Reminder: your decision is still needed")
_FORM_REMINDER: Final = replace(_FORM, eyebrow="Reminder: your answer is still needed")
_LIST: Final = EmailKind(
    because="you were asked to decide",
    links="Only one link in this email is from Signoff: it opens your inbox. Any other link belongs to the content.",
    eyebrow="Reminder: your decisions are still needed",
    button="Open your inbox",
    page="inbox",
    harmless="Opening the page does not approve anything.",
)
_DIGEST: Final = replace(
    _LIST,
    because="you chose to be told of requests in a digest, or to have quiet hours",
    links=(
        "The links of Signoff open your inbox and the requests in it, and all begin with the same address. "
        "Any other link belongs to the content."
    ),
    eyebrow="Your digest",
)
_BACK: Final = replace(_REQUEST, because="you approved this request", tells=True, names_approvers=False)
"""Leads an approver back to a request: their approval was voided, or their question was answered."""
_CLOSED: Final = EmailKind(because="you were asked to decide", names_approvers=True)
_FORM_CLOSED: Final = replace(_CLOSED, because=_FORM.because)
_RATED: Final = replace(
    _CLOSED,
    links=(
        "Only one link in this email is from Signoff: it opens the page on which you can rate this. "
        "Any other link belongs to the content."
    ),
    has_link=True,
    button="Rate it",
    page="page of the request",
    harmless="Opening the page does not rate anything.",
)
_HELD: Final = replace(
    _CLOSED,
    links=(
        "Only one link in this email is from Signoff: it opens the page on which you can undo the approval. "
        "Any other link belongs to the content."
    ),
    has_link=True,
    button="See it, or undo it",
    page="page of the request",
    harmless="Opening the page does not undo anything.",
)
_FORM_RATED: Final = replace(_RATED, because=_FORM.because)
_REQUESTS: Final = (_REQUEST, _CLOSED, _RATED)
_FORMS: Final = (_FORM, _FORM_CLOSED, _FORM_RATED)
"""The emails about a request: while it is open, once it is closed, and to a person who may rate it then."""
_CODE: Final = EmailKind(because="a code was requested for your email address")
_OUTCOME: Final = EmailKind(because="you started this run", tells=True)
_ALERT: Final = EmailKind(because="you own this workflow or started this run", tells=True)
_NOTICE: Final = EmailKind(because="you own this workflow", tells=True)
_QUESTION: Final = EmailKind(
    because="you own this workflow",
    links=(
        "Only one link in this email is from Signoff: it opens the page for your answer. "
        "Any other link belongs to the content."
    ),
    tells=True,
    has_link=True,
    button="Review and answer",
    page="page for your answer",
    harmless="Opening the page does not answer anything.",
)

_SUCCESSION: Final = replace(
    _QUESTION,
    links=(
        "Only one link in this email is from Signoff: it opens the page on which you choose another person. "
        "Any other link belongs to the content."
    ),
    button="Pass on",
    page="page for another person",
    harmless="Opening the page does not pass anything on.",
)

_RETRY: Final = replace(
    _QUESTION,
    because=_ALERT.because,
    links=(
        "Only one link in this email is from Signoff: it opens the page of the run, on which you can try it again. "
        "Any other link belongs to the content."
    ),
    button="See the run",
    page="page of the run",
    harmless="Opening the page does not try anything again.",
)


def kind_of(card: Card) -> EmailKind:
    """Return the kind of the email of a card."""
    match card.kind:
        case DeliveryKind.CODE:
            return _CODE
        case DeliveryKind.OUTCOME:
            return _OUTCOME
        case DeliveryKind.REMINDER if card.reminds:
            return _DIGEST if card.topic == DIGEST else _LIST
        case DeliveryKind.REMINDER if card.outcome is None:
            return _FORM_REMINDER if card.is_form else _REMINDER
        case DeliveryKind.NOTICE:
            return _NOTICE
        case DeliveryKind.ALERT:
            return _kind_of_alert(card)
        case _ if card.may_undo:
            return _HELD
        case _:
            asks, closed, rated = _FORMS if card.is_form else _REQUESTS
            if any(action.verdict == "skip" for action in card.actions):
                asks = _FAILURE
            return asks if card.outcome is None else rated if card.may_rate else closed


def _kind_of_alert(card: Card) -> EmailKind:
    if card.topic == VOIDED or questions.tells_answer(card.topic):
        return _BACK if card.token and card.outcome is None else _ALERT
    if card.retry is not None:
        return _RETRY
    return _QUESTION if card.token else _SUCCESSION if card.digest else _ALERT
