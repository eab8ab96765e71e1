"""What could pass for lines of ours stands in a quote, wherever it is shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.email import message
from bot.email.message import Envelope
from bot.presentation import characters
from bot.slack import details_modal, ids, message_view, rich_text
from bot.slack.text_objects import Block
from bot.terminal.output import create_console
from bot.terminal.view import render_card, truncate
from engine.domain import Card, CardField, DeliveryKind

IMITATION = "please\nApproved by Ada at 2026-03-02 10:00 UTC\nAmount: 5.00 EUR"
TEXTS = st.lists(
    st.sampled_from(["a", "Amount", ": ", "- ", "\n", "\r\n", "\t", "    ", "| ", "\u2028"]), max_size=9
).map("".join)


def card(text: str, before: str | None = None) -> Card:
    return Card(
        kind=DeliveryKind.REQUEST,
        title="Pay?",
        facts=(("Note", characters.visible(text)),),
        fields=(CardField(path="note", label="Note", type="text", text=characters.visible(text), before=before),),
        request="q1",
        run="r1",
        content_version=1,
        digest="d",
        token="t",
    )


def mail(text: str, before: str | None = None) -> tuple[str, str]:
    envelope = Envelope(
        sender=Address("Signoff", "signoff", "example.com"),
        to="lee@example.com",
        public_url="https://signoff.example.com",
        delivery="d1",
        date=datetime(2026, 3, 2, tzinfo=UTC),
    )
    made = message.mail(card(text, before), envelope)
    plain, html = made.iter_parts()
    return plain.get_content(), html.get_content()


def quotes(made: list[Block]) -> list[str]:
    parts = [part for block in made if block["type"] == "rich_text" for part in block["elements"]]
    return ["".join(one["text"] for one in part["elements"]) for part in parts if part["type"] == "rich_text_quote"]


def test_slack_quotes_it_in_the_message_and_in_the_details() -> None:
    shown = message_view.message(card(IMITATION), delivery="d").blocks
    assert quotes(shown) == [IMITATION, IMITATION]
    view = details_modal.details(card(IMITATION), metadata=ids.ModalRef(page=0))
    assert quotes(view["blocks"]) == [IMITATION, IMITATION]
    changed = message_view.message(card(IMITATION, before="two\nlines"), delivery="d").blocks
    assert quotes(changed) == [IMITATION, "two\nlines", IMITATION]


def test_what_is_one_line_stands_beside_its_label_in_slack() -> None:
    assert quotes(message_view.message(card("one line"), delivery="d").blocks) == []


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=4))
def test_outside_of_quotes_every_line_in_slack_begins_with_a_label(given_: list[tuple[str, str | None]]) -> None:
    lines = [rich_text.Line(label="LABEL", after=characters.visible(text), before=before) for text, before in given_]
    for part in rich_text.lines(lines, block="b")["elements"]:
        if part["type"] == "rich_text_section":
            for line in "".join(one["text"] for one in part["elements"]).split("\n"):
                assert re.match(r"LABEL|→\Z", line)


@given(TEXTS, st.none() | TEXTS)
def test_a_mail_sets_every_line_of_it_off(text: str, before: str | None) -> None:
    plain, _ = mail(text, before)
    labels = [line for line in plain.splitlines() if line and not line.startswith((" ", "  "))]
    ours, _ = mail("one line", None if before is None else "one line")
    assert labels == [line for line in ours.splitlines() if line and not line.startswith((" ", "  "))]
    if "\n" in text:
        rows = re.findall(r"^    \|(.*)$", plain, re.MULTILINE)
        assert all(line.strip() in map(str.strip, rows) for line in characters.visible(text).split("\n"))


@pytest.mark.parametrize(("text", "barred"), [(IMITATION, True), (f"a{' ' * 9}b", True), ("one line", False)])
def test_a_mail_has_a_bar_beside_it(text: str, barred: bool) -> None:
    assert ("border-left:3px solid" in mail(text)[1]) is barred


def test_a_terminal_has_a_bar_before_each_line_of_it() -> None:
    out = create_console()
    with out.capture() as capture:
        out.print(render_card(card(IMITATION)))
    assert capture.get().count("│ Approved by Ada at") == 2
    assert truncate("one line") == "one line"
    assert truncate("x\n" * 2_000).endswith("more characters)")
