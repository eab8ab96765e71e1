"""A closed card has at most three lines, and says how much of it is behind Details."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import closed_view, columns, details_modal, message_view, rich_text, text_objects
from engine.domain import Card, CardField, CardOutcome, Tone
from tests.support import samples, slack_rules
from tests.support.examples import example_count

DECIDED = samples.NOW
ADA = CardOutcome(line=("Approved with edits by Ada Approver, ", DECIDED), effect="Pay the refund: done")
AMOUNT = CardField(path="amount", label="Amount", type="money", text="99.50 EUR", before="120.50 EUR")
SENTENCES = [f"This is sentence number {number}." for number in range(100)]


def change(label: str, before: str, after: str) -> CardField:
    return CardField(path=label, label=label, type="text", text=after, before=before)


def written(**changes: Any) -> list[str]:
    """Return the lines of a closed card as they stand in the message: removed [-…-], added {+…+}, notes _…_."""
    return [*map(_written, parts(samples.closed_card(**{"outcome": ADA, "values": (), **changes})))]


def parts(card: Card) -> list[dict[str, Any]]:
    message = message_view.message(card, delivery="d1")
    assert slack_rules.problems_of_message(message.text, message.blocks) == []
    block = message.blocks[0]
    assert [block["type"] for block in message.blocks[1:]] == ["actions"]
    assert block["type"] == "rich_text"
    return [*block["elements"]]


def button(**changes: Any) -> str:
    """Return the label of the one button of a closed card."""
    card = samples.closed_card(**{"outcome": ADA, "values": (), **changes})
    (element,) = message_view.message(card, delivery="d1").blocks[1]["elements"]
    return str(element["text"]["text"])


def _written(part: dict[str, Any]) -> str:
    return "".join(map(_element, part["elements"]))


def _element(element: dict[str, Any]) -> str:
    if element["type"] != "text":
        return f"<{element['type']}>"
    style = element.get("style", {})
    marks = "[-{}-]" if "strike" in style else "_{}_" if "italic" in style else "*{}*" if "bold" in style else "{}"
    return marks.format(element["text"])


def width(part: dict[str, Any]) -> int:
    """Return the columns of a line, as this test counts them: East Asian letters and emoji are two."""
    texts = (element.get("text", "x" * len("Dec 30, 2026 at 11:47 PM")) for element in part["elements"])
    return sum(map(columns.width, texts))


# -- any card -----------------------------------------------------------------------------------------------

CLOSED = samples.cards().filter(lambda card: card.outcome is not None)


@settings(max_examples=example_count(20), deadline=None)
@given(CLOSED)
def test_any_closed_card_has_three_short_lines_and_what_is_folded_is_counted_and_whole_in_the_details(
    card: Card,
) -> None:
    # One test, because these cards are large: rendering them takes nearly all of its time.
    lines = parts(card)
    assert 1 <= len(lines) <= 3
    for line in lines[:-1]:
        _check_line(line)
    # The last line is whole in two lines, or it is cut to one.
    _check_line(lines[-1], most=closed_view.COLUMNS * (1 if "…" in _written(lines[-1]) else 2))
    changed = [field for field in card.values if field.before is not None]
    assert _told(lines) >= sum(field.before != field.text for field in changed)
    _check_details(card, changed)


def _check_line(line: dict[str, Any], most: int = closed_view.COLUMNS) -> None:
    assert line["type"] == "rich_text_section"
    assert "\n" not in _written(line)
    assert width(line) <= most


def _told(lines: list[dict[str, Any]]) -> int:
    """Return how many changes the lines show or count."""
    text = "\n".join(map(_written, lines))
    statements = [statement for line in lines for statement in slack_rules.statements(line["elements"])]
    inline = text.count(rich_text.ARROW) + sum(map(slack_rules.is_inline_difference, statements))
    folded = re.search(r"_([\d,]+) (?:more )?(?:long )?changes? in Details_", text)
    return inline + (int(folded[1].replace(",", "")) if folded else 0)


def _check_details(card: Card, changed: list[CardField]) -> None:
    """Check that the details have the changes, the outcome and its reason whole."""
    whole = "".join(_details_texts(card))
    # Each value once: these cards repeat their fields.
    for text in {text for field in changed for text in (field.text, field.before or "")}:
        assert _solid(text) in whole
    assert card.outcome is not None
    for part in (card.outcome.effect or "", card.outcome.reason or "", *card.outcome.line):
        assert not isinstance(part, str) or _solid(part) in whole


def _details_texts(card: Card) -> list[str]:
    """Return the values of all lines of the details, without blanks."""
    return [_solid("".join(line.texts)) for page in details_modal.paginate(card) for line in page]


def _solid(text: str) -> str:
    return "".join(text_objects.shown(text).split())


@pytest.mark.parametrize(
    "outcome",
    [
        CardOutcome(line=("Approved, ", samples.NOW), reason="\x1f"),
        CardOutcome(line=("Approved, ", samples.NOW, ". It goes on", ". Then it waits")),
        CardOutcome(line=(samples.NOW, "\x1f", ".\x1c")),
    ],
)
def test_what_a_closed_card_says_of_its_end_is_in_its_text(outcome: CardOutcome) -> None:
    """A separator is a blank to Python, and a hidden character to people, who see its code point."""
    assert parts(samples.closed_card(outcome=outcome, values=()))


# -- samples ------------------------------------------------------------------------------------------------

WHEN = "*Approved with edits by Ada Approver, *<date>"


def test_a_short_change_stands_beside_the_question() -> None:
    assert written(title="Refund 120.50 EUR for order A-1007?", values=(AMOUNT,)) == [
        f"✓ {WHEN}",
        "Refund 120.50 EUR for order A-1007? · *Amount*  [-120.50 EUR-] → *99.50 EUR*",
        "Pay the refund: done",
    ]


def test_the_changes_that_fit_keep_the_order_of_the_card() -> None:
    values = (change("Subject", "Hello", "Good morning"), change("To", "Ada", "Ben"))
    assert written(title="Send it?", values=values)[1] == (
        "Send it? · *Subject*  [-Hello-] → *Good morning* · *To*  [-Ada-] → *Ben*"
    )


def test_of_many_changes_the_shortest_are_shown_and_the_others_counted() -> None:
    values = tuple(
        change(f"Field {number}", f"the old value {number}", f"the new value {number}") for number in range(9)
    )
    assert written(values=(*values, AMOUNT))[1] == (
        "Pay 90 EUR back? · *Amount*  [-120.50 EUR-] → *99.50 EUR* · _9 more changes in Details_"
    )


def test_changes_that_are_all_too_long_are_counted() -> None:
    before, after = (" ".join(f"{word}{number}" for number in range(900)) for word in ("old", "new"))
    long = change("Body", before, after)
    assert written(values=(long,))[1] == "Pay 90 EUR back? · _1 long change in Details_"
    assert written(values=(long, long))[1] == "Pay 90 EUR back? · _2 long changes in Details_"
    medium = change("Place", "a" * 50, "b" * 50)
    assert written(values=(long, medium, long))[1] == "Pay 90 EUR back? · _3 changes in Details_"
    assert written(values=(long, AMOUNT, long, medium))[1] == (
        "Pay 90 EUR back? · *Amount*  [-120.50 EUR-] → *99.50 EUR* · _3 more changes in Details_"
    )


def test_one_changed_digit_of_a_long_text_is_shown_with_its_surroundings() -> None:
    changed = [*SENTENCES[:50], "This is sentence number 5O.", *SENTENCES[51:]]
    body = change("Body", " ".join(SENTENCES), " ".join(changed))
    assert written(title="Send it?", values=(body,))[1] == (
        "Send it? · *Body*  _…_sentence number [-50-]*5O*. This is _…_"
    )


def test_a_changed_line_break_can_be_seen_in_one_line() -> None:
    assert written(title="Send it?", values=(change("Body", "one\n\ntwo", "one\ntwo"),))[1] == (
        "Send it? · *Body*  [-one↵↵-] *one↵* two"
    )


def test_a_long_question_makes_room_for_the_changes_and_says_how_much_was_cut() -> None:
    title = "Refund " + "a long story about it " * 10 + "now?"
    _, question, result = written(title=title, values=(AMOUNT,))
    assert question.endswith("… · *Amount*  [-120.50 EUR-] → *99.50 EUR*")
    assert result == "Pay the refund: done"
    missing = len(title) - len(question.split("…")[0])
    assert button(title=title, values=(AMOUNT,)) == f"Details ({missing} more characters)"
    assert button(values=(AMOUNT,)) == "Details"


def test_values_that_tell_a_question_from_others_give_way_to_its_changes() -> None:
    order = CardField(path="order", label="Order", type="text", text="Twelve chairs and a table for eight")
    title = "Pay the bill of the new supplier?"
    assert written(title=title, values=(order,))[1] == f"{title} · {order.text}"
    assert written(title=title, values=(order, AMOUNT))[1] == f"{title} · *Amount*  [-120.50 EUR-] → *99.50 EUR*"


def test_a_long_reason_and_a_long_result_share_the_last_line() -> None:
    effect = "Pay the refund: failed. The payment service answered that the account is closed"
    reason = "Paid already by bank transfer on Monday. See the thread with Dan, and the bill of March."
    outcome = CardOutcome(line=("Approved by Ada, ", DECIDED), effect=effect, reason=reason)
    assert written(outcome=outcome)[2] == (
        "Pay the refund: failed. The payment… · *Reason*  Paid already by bank transfer…"
    )
    assert button(outcome=outcome) == "Details (104 more characters)"
    outcome = CardOutcome(line=("Rejected by Ada, ", DECIDED), reason=reason)
    assert written(outcome=outcome)[2] == f"*Reason*  {reason}"


def test_what_two_lines_hold_is_not_folded() -> None:
    effect = "Pay: failed. POST https://payments.example.com/refunds answered 404 Not Found, three times in ten seconds"
    outcome = CardOutcome(line=("Approved by Ada, ", DECIDED), effect=effect)
    assert written(outcome=outcome)[2] == f"{effect}."
    assert button(outcome=outcome) == "Details"


def test_an_expired_request_says_what_that_led_to() -> None:
    outcome = CardOutcome(line=("Expired without a decision, ", DECIDED, ". The run goes on."))
    assert written(tone=Tone.EXPIRED, outcome=outcome) == [
        "◷ *Expired without a decision, *<date>",
        "Pay 90 EUR back?",
        "The run goes on.",
    ]


def test_what_is_a_sentence_ends_with_a_full_stop() -> None:
    stopped = CardOutcome(line=("Expired without a decision, ", DECIDED, ". The run was stopped"))
    assert written(tone=Tone.EXPIRED, outcome=stopped)[2] == "The run was stopped."
    failed = CardOutcome(line=("Approved by Ada, ", DECIDED), effect="Pay: failed. The service answered 500")
    assert written(outcome=failed)[2] == "Pay: failed. The service answered 500."


def test_a_very_long_name_is_cut_and_the_moment_stays() -> None:
    outcome = CardOutcome(line=(f"Approved by {'Wolfeschlegelstein' * 9}, ", DECIDED))
    first, _ = written(outcome=outcome)
    assert first.startswith("✓ *Approved by Wolfe")
    assert first.endswith("… *<date>")
    assert button(outcome=outcome).startswith("Details (")


def test_many_approvers_are_in_the_details_only() -> None:
    card = samples.closed_card(approvers=tuple(f"Person {number}" for number in range(300)))
    assert "Person" not in "".join(map(_written, parts(card)))
    assert "Person299" in "".join(_details_texts(card))


def test_letters_that_are_two_columns_wide_count_twice() -> None:
    wide = written(title="払い戻しを承認しますか" * 20)[1]
    assert len(wide) <= closed_view.COLUMNS // 2


@pytest.mark.parametrize(
    ("text", "room", "cut"),
    [
        ("short", 5, ("short", 0)),
        ("shorter", 5, ("shor…", 3)),
        ("one two", 5, ("one…", 4)),
        ("漢字漢字", 5, ("漢字…", 2)),
        ("👍🏽👍🏽", 5, ("👍🏽…", 2)),
        ("e\u0301e\u0301", 3, ("e\u0301…", 2)),
    ],
)
def test_texts_are_cut_between_characters(text: str, room: int, cut: tuple[str, int]) -> None:
    assert columns.cut(text, room) == cut


@given(st.text(max_size=40), st.integers(1, 40))
def test_a_cut_text_is_never_wider_than_its_room(text: str, room: int) -> None:
    shown, missing = columns.cut(text, room)
    assert columns.width(shown) <= max(room, columns.width(text) if not missing else 0)
    assert (missing == 0) == (shown == text)


def test_the_names_of_several_people_take_two_lines_before_they_are_cut() -> None:
    line = ("Approved with edits by Wilhelmina Vandenberg and Maximilian Hohenstein, ", DECIDED)
    assert line[0] in written(outcome=CardOutcome(line=line, names_several=True))[0]
    many = ("Approved by " + ", ".join(["Maximilian Hohenstein"] * 12) + ", ", DECIDED)
    headline = written(outcome=CardOutcome(line=many, names_several=True))[0]
    assert "…" in headline
    assert len(headline) <= 2 * closed_view.COLUMNS
