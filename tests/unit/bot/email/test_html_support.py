"""Every tag, attribute and CSS property of our mails is known to the big mail programs, or it does no harm there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from bot.email import message
from tests.support.email_env import ALERT_CARD, CODE_CARD, REQUEST_CARD, HtmlContent, envelope, html_of

DATA: Final = json.loads((Path(__file__).parents[3] / "data/email/caniemail.json").read_text(encoding="utf-8"))
SUPPORT: Final[dict[str, dict[str, str]]] = DATA["support"]
"""Feature -> program -> y, a (partly), n or u (unknown), in the newest version that was looked at."""

NOTED: Final = {
    "css-at-media": "only dark mode hangs on it",
    "css-at-media-prefers-color-scheme": "the light colours are shown, or the program darkens them itself",
    "css-border-radius": "corners are square",
    "css-color-scheme": "as for the dark mode",
    "css-max-height": "beside display:none, which is enough where this is missing",
    "css-overflow": "as for max-height",
    "css-overflow-wrap": "beside word-break, and <wbr> in what looks like an address",
    "css-white-space": "lines are kept by <br>; runs of spaces become one",
    "css-word-break": "a long word makes the sheet wider",
    "html-body": "its background is on the table inside as well",
    "html-doctype": "the program sets its own",
    "html-meta-color-scheme": "as for the dark mode",
    "html-role": "a table for layout is read out as a table",
    "html-wbr": "a long address breaks elsewhere, or may become a link as in any mail",
}
SAME: Final = {
    **dict.fromkeys(("font-family",), "css-font"),
    **dict.fromkeys(("border-top", "border-color"), "css-border"),
    "color": None,
}
TAGS: Final = {
    **dict.fromkeys(("table", "tr", "td"), "html-table"),
    **dict.fromkeys(("html", "head", "title", "meta", "br", "a"), None),
    "h1": "html-h1-h6",
}
PLAIN: Final = {"class", "style", "href", "charset", "content", "name", "border"}


def html() -> str:
    return "".join(html_of(message.mail(card, envelope())) for card in (REQUEST_CARD, CODE_CARD, ALERT_CARD))


def properties() -> set[str]:
    styles = re.findall(r'style="([^"]*)"', html()) + re.findall(r"\{([^{}]*)\}", html())
    return {found for style in styles for found in re.findall(r"(?:^|;)\s*([a-z-]+)\s*:", style)}


def features() -> set[str]:
    reading = HtmlContent(html())
    found = {SAME.get(name, f"css-{name}") for name in properties()}
    found |= {TAGS.get(tag, f"html-{tag}") for tag in reading.tags}
    found |= {f"html-{name}" for name in reading.attributes - PLAIN}
    return {one for one in found if one is not None}


def test_every_feature_that_we_use_was_looked_up() -> None:
    assert features() <= SUPPORT.keys()


def test_what_a_big_program_lacks_does_no_harm_there() -> None:
    lacking = {name for name, programs in SUPPORT.items() if set(programs.values()) & {"n", "u"}}
    assert lacking == NOTED.keys()


def test_the_programs_that_most_people_use_were_looked_at() -> None:
    programs = {program.partition("/")[0] for one in SUPPORT.values() for program in one}
    assert programs == {"gmail", "outlook", "apple-mail", "yahoo", "thunderbird", "samsung-email"}
