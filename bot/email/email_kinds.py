"""The kinds of emails: what each says about itself, and whether it has a link. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.domain import Card, DeliveryKind

NO_REPLIES: Final = "Please do not reply to this email. Replies are not read."
_NO_LINK: Final = "Signoff put no link into this email. Any link that you see came with the data."


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailKind:
    """One kind of email.

    `footer`: why the reader gets it, and which links are from Signoff. `tells`: whether it tells what happened, and
    asks nothing. `page`: the page behind its link. `harmless`: what opening that page does not do.
    """

    footer: tuple[str, ...]
    eyebrow: str | None = None
    tells: bool = False
    names_approvers: bool = False
    has_link: bool = False
    button: str = ""
    page: str = "review page"
    harmless: str = ""


_REQUEST: Final = EmailKind(
    footer=(
        "You get this email because you were asked to decide.",
        "The only link from Signoff in this email opens the review page. Any other link came with the data.",
    ),
    names_approvers=True,
    has_link=True,
    button="Review and decide",
    harmless="Opening the page does not approve anything.",
)
_REMINDER: Final = EmailKind(
    footer=_REQUEST.footer,
    eyebrow="Reminder: your decision is still needed",
    names_approvers=True,
    has_link=True,
    button=_REQUEST.button,
    harmless=_REQUEST.harmless,
)
_CLOSED: Final = EmailKind(
    footer=("You get this email because you were asked to decide.", _NO_LINK), names_approvers=True
)
_CODE: Final = EmailKind(footer=("You get this email because a code for your address was asked for.", _NO_LINK))
_OUTCOME: Final = EmailKind(footer=("You get this email because you started this run.", _NO_LINK), tells=True)
_ALERT: Final = EmailKind(
    footer=("You get this email because you started this run or own the workflow.", _NO_LINK), tells=True
)
_QUESTION: Final = EmailKind(
    footer=(
        "You get this email because you own this workflow.",
        "The only link from Signoff in this email opens the page for your answer. Any other link came with the data.",
    ),
    tells=True,
    has_link=True,
    button="Answer",
    page="page",
    harmless="Opening the page does not answer anything.",
)
_ANSWERED: Final = EmailKind(
    footer=("You get this email because you got the first email about this.", _NO_LINK), tells=True
)
_FOLLOWS: Final = EmailKind(footer=("You get this email because you approved this.", _NO_LINK), tells=True)


def kind_of(card: Card) -> EmailKind:
    """Return the kind of the email of a card."""
    if card.about is not None:
        return _FOLLOWS
    match card.kind:
        case DeliveryKind.CODE:
            return _CODE
        case DeliveryKind.OUTCOME:
            return _OUTCOME
        case DeliveryKind.REMINDER if card.outcome is None:
            return _REMINDER
        case DeliveryKind.ALERT if card.outcome is not None:
            return _ANSWERED
        case DeliveryKind.ALERT:
            return _QUESTION if card.token else _ALERT
        case _:
            return _REQUEST if card.outcome is None else _CLOSED
