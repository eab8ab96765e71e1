"""Replies below a request in a channel that look like decisions, and the answer to them. Pure.

A reply decides nothing. People who type one may believe that they have decided, so they are told where the buttons are.
"""

from __future__ import annotations

import re
from typing import Final

from bot.presentation import people, request_card
from bot.presentation.characters import line
from bot.slack import message_view, text_objects
from bot.slack.message_view import SlackMessage
from engine.domain import Person, Verdict
from engine.read_models import RequestView

_APPROVALS: Final = frozenset(
    {
        *("+1", ":+1:", ":thumbsup:", ":white_check_mark:", ":heavy_check_mark:", "👍", "✅", "✔", "lgtm", "sgtm"),
        *("ok", "okay", "yes", "yep", "yeah", "approve", "approved", "agree", "agreed", "accept", "accepted"),
        *("confirm", "confirmed", "i approve", "i approve this", "approve this", "approve it", "approved by me"),
        *("this is approved", "i agree", "looks good", "looks good to me", "looks fine", "looks ok", "looks great"),
        *("all good", "sounds good", "fine by me", "fine with me", "good to go", "go ahead", "go for it", "ship it"),
        "do it",
    }
)
_REJECTIONS: Final = frozenset(
    {
        *("-1", ":-1:", ":thumbsdown:", ":x:", "👎", "❌", "no", "nope", "no way", "reject", "rejected", "deny"),
        *("denied", "decline", "declined", "disapprove", "disagree", "i reject", "i reject this", "reject this"),
        *("reject it", "rejected by me", "i decline", "i disagree", "not approved", "do not approve", "dont approve"),
        *("dont do it", "do not do it", "not ok"),
    }
)
_POLITE: Final = re.compile(r"^(?:please|ok|okay|yes|no)?[ ,]*(.*?)[ ,]*(?:please|thanks|thank you|thx)?$", re.DOTALL)
_MENTION: Final = re.compile(r"<[@!][^<>]*>")
_SKIN_TONE: Final = re.compile(r":skin-tone-\d:|[\U0001F3FB-\U0001F3FF\uFE0F]")
_PUNCTUATION: Final = re.compile(r"[.!?…,;\"'’“”*_~`()\s]+")
_MOST: Final = 200
"""Longest reply that is looked at, in characters. A longer one is a discussion."""


def verdict(text: str) -> Verdict | None:
    """Return the decision that a reply looks like, or None for any other reply."""
    if len(text) > _MOST:
        return None
    words = _PUNCTUATION.sub(" ", _SKIN_TONE.sub("", _MENTION.sub(" ", text)).replace("’", "").replace("'", ""))
    plain = words.strip().casefold()
    for candidate in (plain, _bare(plain)):
        if candidate in _APPROVALS:
            return Verdict.APPROVE
        if candidate in _REJECTIONS:
            return Verdict.REJECT
    return None


def _bare(plain: str) -> str:
    """Return a reply without the words around it that say nothing: "ok, approved, thanks" is "approved"."""
    match = _POLITE.match(plain)
    return plain if match is None else match[1]


def answer(request: RequestView, typed: Verdict, person: Person | None) -> SlackMessage:
    """Return the answer to a person who typed a decision, with a button that opens the request."""
    card = request_card.request_card(request)
    waiting = request.model.tally.waiting
    is_asked = person is not None and any(approver.person.id == person.id for approver in waiting)
    label = next(
        (action.label for action in card.actions if (action.verdict == "reject") is (typed is Verdict.REJECT)), ""
    )
    if is_asked:
        sentence = f"Use the {label} button above. A reply decides nothing."
    else:
        sentence = f"A reply decides nothing. {people.asked([line(name) for name in card.approvers], closed=False)}"
    review = message_view.review_button(card)
    blocks = [text_objects.section(sentence.rstrip()), *([text_objects.actions([review])] if review else [])]
    return SlackMessage(text_objects.escape(sentence.rstrip()), blocks)
