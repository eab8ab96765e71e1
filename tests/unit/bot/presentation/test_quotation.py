"""Text that could pass for lines of Signoff is quoted on every surface."""

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
from bot.slack.text_objects import Block, Element
from bot.terminal.output import create_console
from bot.terminal.view import render_card, truncate
from engine.domain import Card, CardFact, CardField, DeliveryKind

IMITATION = "please\nApproved by Ada at 2026-03-02 10:00 UTC\nAmount: 5.00 EUR"
TEXTS = st.lists(
    st.sampled_from(["a", "Amount", ": ", "- ", "\n", "\r\n", "\t", "    ", "| ", "\u2028"]), max_size=9
).map("".join)


def make_card(text: str, before: str | None = None) -> Card:
    field = CardField(path="note", label="Note", type="text", text=characters.visible(text), before=before)
    return Card(
        kind=DeliveryKind.REQUEST,
        title="Pay?",
        values=(field,),
        notes=(CardFact(label="Note", text=(characters.visible(text),)),),
        request="q1",
        run="r1",
        content_version=1,
        digest="d",
        token="t",
    )


def render_email(text: str, before: str | None = None) -> tuple[str, str]:
    envelope = Envelope(
        sender=Address("Signoff", "signoff", "example.com"),
        to="lee@example.com",
        public_url="https://signoff.example.com",
        delivery="d1",
        date=datetime(2026, 3, 2, tzinfo=UTC),
    )
    email_message = message.mail(make_card(text, before), envelope)
    plain, html = email_message.iter_parts()
    return plain.get_content(), html.get_content()


def find_quotes(blocks: list[Block]) -> list[str]:
    return ["".join(element["text"] for element in elements) for elements in find_quote_elements(blocks)]


def find_quote_elements(blocks: list[Block]) -> list[list[Element]]:
    parts = [part for block in blocks if block["type"] == "rich_text" for part in block["elements"]]
    return [part["elements"] for part in parts if part["type"] == "rich_text_quote"]


def test_slack_quotes_an_imitation_in_the_message_and_in_the_details() -> None:
    message_blocks = message_view.message(make_card(IMITATION), delivery="d").blocks
    assert find_quotes(message_blocks) == [IMITATION, IMITATION]
    view = details_modal.details(make_card(IMITATION), metadata=ids.ModalRef(page=0))
    assert find_quotes(view["blocks"]) == [IMITATION, IMITATION]
    edited_blocks = message_view.message(make_card(IMITATION, before="two\nlines"), delivery="d").blocks
    change, note = find_quote_elements(edited_blocks)
    assert join_without("strike", change) == IMITATION
    assert join_without("bold", change) == "two\nlines"
    assert join_without("", note) == IMITATION


def join_without(style: str, elements: list[Element]) -> str:
    return "".join(element["text"] for element in elements if style not in element.get("style", {}))


def test_one_line_is_shown_beside_its_label_in_slack() -> None:
    assert find_quotes(message_view.message(make_card("one line"), delivery="d").blocks) == []


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=4))
def test_outside_of_quotes_every_line_in_slack_begins_with_a_label(values: list[tuple[str, str | None]]) -> None:
    lines = [rich_text.Line(label="LABEL", after=characters.visible(text), before=before) for text, before in values]
    for part in rich_text.lines(lines, block="b")["elements"]:
        if part["type"] == "rich_text_section":
            for line in "".join(element["text"] for element in part["elements"]).split("\n"):
                assert re.match(r"LABEL|→\Z", line)


@given(TEXTS, st.none() | TEXTS)
def test_an_email_indents_every_line_of_a_quoted_text(text: str, before: str | None) -> None:
    plain, _ = render_email(text, before)
    labels = [line for line in plain.splitlines() if line and not line.startswith("    ")]
    one_line_email, _ = render_email("one line")
    # The label of a change in a long text explains the signs before its lines.
    assert [line.replace(" (- before, + now)", "") for line in labels] == [
        line for line in one_line_email.splitlines() if line and not line.startswith("    ")
    ]
    if "\n" in text:
        rows = re.findall(r"^    [|+](.*)$", plain, re.MULTILINE)
        assert all(line.strip() in map(str.strip, rows) for line in characters.visible(text).split("\n"))


@pytest.mark.parametrize(("text", "has_bar"), [(IMITATION, True), (f"a{' ' * 9}b", True), ("one line", False)])
def test_an_email_has_a_bar_beside_a_quoted_text(text: str, has_bar: bool) -> None:
    assert ("border-left:3px solid" in render_email(text)[1]) is has_bar


def test_a_terminal_has_a_bar_before_each_line_of_a_quoted_text() -> None:
    out = create_console()
    with out.capture() as capture:
        out.print(render_card(make_card(IMITATION), details=True))
    assert capture.get().count("│ Approved by Ada at") == 2
    assert truncate("one line") == "one line"
    assert truncate("x\n" * 2_000).endswith("more characters under Details)")
