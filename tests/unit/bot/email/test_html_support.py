"""Every tag, attribute and CSS property of our emails is known to the big email programs, or harmless there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.email import message
from engine.domain import DeliveryKind, Tone
from tests.support.email_env import (
    ALERT_CARD,
    ANSWERED_CARD,
    CLOSED_CARD,
    CODE_CARD,
    OUTCOME_CARD,
    QUESTION_CARD,
    REQUEST_CARD,
    HtmlContent,
    envelope,
    html_of,
)

DATA: Final = json.loads((Path(__file__).parents[3] / "data/email/caniemail.json").read_text(encoding="utf-8"))
SUPPORT: Final[dict[str, dict[str, str]]] = DATA["support"]
"""The support of each feature by each program: y (yes), a (partly), n (no) or u (unknown)."""

MISSING_WITHOUT_HARM: Final = {
    "css-at-media": "only dark mode needs it",
    "css-at-media-prefers-color-scheme": "the light colours are shown, or the program darkens them itself",
    "css-border-radius": "corners are square",
    "css-color-scheme": "as for the dark mode",
    "css-max-height": "used beside display:none, which is enough without it",
    "css-overflow": "as for max-height",
    "css-overflow-wrap": "used beside word-break, and <wbr> in texts that look like an address",
    "css-white-space": "lines are kept by <br>; runs of spaces become one",
    "css-word-break": "a long word makes the sheet wider",
    "html-aria-hidden": "an icon is read out before the words that say the same",
    "html-body": "its background is on the table inside as well",
    "html-doctype": "the program sets its own",
    "html-meta-color-scheme": "as for the dark mode",
    "html-role": "a table for layout is read out as a table",
    "html-wbr": "a long address breaks elsewhere, or may become a link as in any email",
}
PROPERTY_FEATURES: Final = {
    **dict.fromkeys(("font-family",), "css-font"),
    **dict.fromkeys(("border-top", "border-left", "border-color"), "css-border"),
    "padding-left": "css-padding",
    "color": None,
    # Not in the data. Without it, the lines of a difference have the direction of the first one.
    "unicode-bidi": None,
}
TAG_FEATURES: Final = {
    **dict.fromkeys(("table", "tr", "td"), "html-table"),
    **dict.fromkeys(("html", "head", "title", "meta", "br", "a"), None),
    "h1": "html-h1-h6",
    "h2": "html-h1-h6",
}
PLAIN_ATTRIBUTES: Final = {"class", "style", "href", "charset", "content", "name", "border"}


def render_all_cards() -> str:
    """Return the HTML of every kind of email, of every tone, with texts of both directions, and of the short one."""
    cards = (REQUEST_CARD, CLOSED_CARD, CODE_CARD, ALERT_CARD, QUESTION_CARD, ANSWERED_CARD, OUTCOME_CARD)
    closed = [replace(CLOSED_CARD, tone=tone) for tone in Tone]
    others = (
        replace(REQUEST_CARD, kind=DeliveryKind.REMINDER),
        replace(
            REQUEST_CARD,
            values=(replace(REQUEST_CARD.values[0], text="one\n\u05e9\u05dc\u05d5\u05dd\nthree"),),
        ),
        replace(ALERT_CARD, about="Refund?", requester="Cleo"),
    )
    messages = [message.mail(card, envelope(name="Acme")) for card in (*cards, *closed, *others)]
    short = message.short_mail(REQUEST_CARD, envelope(name="Acme"))
    assert short is not None
    return "".join(map(html_of, (*messages, short)))


def find_used_properties() -> set[str]:
    styles = re.findall(r'style="([^"]*)"', render_all_cards()) + re.findall(r"\{([^{}]*)\}", render_all_cards())
    return {property_name for style in styles for property_name in re.findall(r"(?:^|;)\s*([a-z-]+)\s*:", style)}


def find_used_features() -> set[str]:
    content = HtmlContent(render_all_cards())
    names = {PROPERTY_FEATURES.get(name, f"css-{name}") for name in find_used_properties()}
    names |= {TAG_FEATURES.get(tag, f"html-{tag}") for tag in content.tags}
    names |= {f"html-{name}" for name in content.attributes - PLAIN_ATTRIBUTES}
    return {name for name in names if name is not None}


def test_every_feature_that_we_use_was_looked_up() -> None:
    assert find_used_features() <= SUPPORT.keys()


def test_every_feature_that_a_program_lacks_is_known_to_be_harmless() -> None:
    incomplete = {name for name, programs in SUPPORT.items() if set(programs.values()) & {"n", "u"}}
    assert incomplete == MISSING_WITHOUT_HARM.keys()


def test_the_most_used_email_programs_were_looked_up() -> None:
    programs = {program.partition("/")[0] for support in SUPPORT.values() for program in support}
    assert programs == {"gmail", "outlook", "apple-mail", "yahoo", "thunderbird", "samsung-email"}
