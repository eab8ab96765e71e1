"""The card in a terminal: the order of its parts, changed texts, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.presentation import characters, dates
from bot.terminal import next_commands
from bot.terminal.view import MAX_TEXT, render_card, render_value
from engine.domain import Card, CardAction, CardFact, CardField, CardOutcome, DeliveryKind, Tone

AT = datetime(2026, 12, 12, 22, 47, tzinfo=UTC)
CARD = Card(
    kind=DeliveryKind.REQUEST,
    title="Refund 120.00 EUR for order A-1007?",
    lead=(("Cleo asks.",), ("Over 100 EUR.",)),
    expires_at=AT,
    values=(
        CardField(path="json.amount", label="Amount", type="money", text="120.00 EUR", editable=True),
        CardField(path="json.note", label="Note", type="text", text="", editable=True),
        CardField(path="json.order", label="Order", type="text", text="A-1007"),
    ),
    notes=(CardFact(label="Please check", text=("The address is new.",)),),
    approvers=("Ada", "Ben"),
    actions=(
        CardAction(verdict="approve", label="Pay"),
        CardAction(verdict="edit", label="Edit"),
        CardAction(verdict="reject", label="Keep"),
    ),
    details=(CardFact(label="Step", text=("pay (http)",)), CardFact(label="Started", text=("Cleo, ", AT))),
    request="q1",
    run="r1",
)
TEXTS = st.lists(st.sampled_from(["one", "two", " ", "\n", "120", "é", "    ", "│"]), max_size=40).map("".join)


def printed(card: Card, *, width: int = 80, details: bool = False) -> list[str]:
    """Return the lines of a card without its frame."""
    out = Console(width=width, markup=False, highlight=False)
    with out.capture() as capture:
        out.print(render_card(card, dates.in_zone(None), details=details))
    return [line[2:-2].rstrip() for line in capture.get().splitlines()[1:-1]]


def value(before: str | None, text: str, *, whole: bool = False) -> str:
    field = CardField(path="x", label="X", type="long_text", text=text, before=before)
    return render_value(field, whole=whole).plain


def test_an_open_request_is_in_the_order_of_every_surface() -> None:
    assert printed(CARD) == [
        "Refund 120.00 EUR for order A-1007?",
        "Cleo asks. Over 100 EUR. Expires Dec 12, 2026, 10:47 PM UTC.",
        "",
        "Amount ✎  120.00 EUR",
        "Note ✎    (empty)",
        "Order     A-1007",
        "",
        "Please check  The address is new.",
        "",
        "Ada or Ben can decide. ✎ marks what can be changed.",
    ]
    waiting = Card(kind=DeliveryKind.REQUEST, title="Go?", lead=(("Cleo asks.",),), expires_after=timedelta(weeks=2))
    assert printed(waiting) == ["Go?", "Cleo asks. Expires in 2 weeks.", "", "No approver is left."]


def test_the_technical_details_come_last_and_only_when_asked_for() -> None:
    assert printed(CARD, details=True)[10:] == [
        "",
        "Details",
        "Step     pay (http)",
        "Started  Cleo, Dec 12, 2026, 10:47 PM UTC",
    ]


def test_a_closed_request_says_how_it_ended_before_its_values() -> None:
    outcome = CardOutcome(line=("Rejected by Ada, ", AT), reason="no money\nleft", effect="Pay the refund: not run")
    fields = (CardField(path="json.amount", label="Amount", type="money", text="120", editable=True),)
    card = Card(
        kind=DeliveryKind.REQUEST, title="Go?", tone=Tone.REJECTED, outcome=outcome, values=fields, approvers=("Ada",)
    )
    assert printed(card) == [
        "Go?",
        "✕ Rejected by Ada, Dec 12, 2026, 10:47 PM UTC",
        "Reason:",
        "│ no money",
        "│ left",
        "Pay the refund: not run",
        "",
        "Amount  120",
        "",
        "Ada was asked.",
    ]


def test_an_alert_has_the_sign_of_its_state() -> None:
    card = Card(kind=DeliveryKind.ALERT, title="Refund failed", tone=Tone.FAILED, lead=(("Find out why.",),))
    assert printed(card) == ["✕ Refund failed", "Find out why."]


def test_a_short_change_shows_both_texts_and_a_long_one_what_differs() -> None:
    assert value("120.50", "99.50") == "120.50 → 99.50"
    assert value("", "ok") == "(empty) → ok"
    words = " ".join(f"word{number}" for number in range(400))
    changed = value(words, words.replace("word200", "WORD"))
    assert "[-word200 -]{+WORD +}" in changed
    assert "unchanged characters" in changed
    assert len(changed) < 300
    assert "unchanged characters" not in value(words, words.replace("word200", "WORD"), whole=True)


@pytest.mark.parametrize(("before", "length"), [(None, MAX_TEXT + 123), ("y " * 2_000, MAX_TEXT * 2)])
def test_what_is_left_out_is_counted_and_is_in_the_details(before: str | None, length: int) -> None:
    text = "x" * length
    assert "more characters under Details)" in value(before, text)
    assert text in value(before, text, whole=True)


def test_a_long_label_leaves_room_for_the_value() -> None:
    field = CardField(path="x", label="label " * 30, type="text", text="the value")
    assert any("the value" in line for line in printed(Card(kind=DeliveryKind.REQUEST, title="Go?", values=(field,))))


@given(TEXTS, st.none() | TEXTS)
def test_every_line_of_a_value_stands_beside_its_label_and_never_at_the_edge(text: str, before: str | None) -> None:
    field = CardField(path="x", label="LABEL", type="text", text=characters.visible(text), before=before)
    lines = printed(Card(kind=DeliveryKind.REQUEST, title="Go?", values=(field,), approvers=("Ada",)), width=200)
    assert (lines[:2], lines[-2:]) == (["Go?", ""], ["", "Ada can decide."])
    assert lines[2].startswith("LABEL")
    assert all(line.startswith("       ") or not line for line in lines[3:-2])


def test_the_commands_name_the_fields_and_no_more_than_can_be_done() -> None:
    assert next_commands.decide(CARD).splitlines() == [
        "  Approve it: signoff decide q1 approve",
        "  Edit it:    signoff decide q1 edit json.amount=… json.note=…",
        '  Reject it:  signoff decide q1 reject --reason "…"',
        "  Details:    signoff requests q1 --details",
    ]
    form = Card(
        kind=DeliveryKind.REQUEST,
        title="Go?",
        values=tuple(CardField(path=f"a b{n}", label="X", type="text", text="", editable=True) for n in range(5)),
        actions=(CardAction(verdict="edit", label="Fill in", primary=True),),
        request="q1",
    )
    assert next_commands.decide(form, details=False) == (
        "  Fill it in: signoff decide q1 edit 'a b0'=… 'a b1'=… 'a b2'=… …"
    )
