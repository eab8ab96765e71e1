"""Messages keep every limit of Slack with any card, and show the most important parts first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.presentation import answers, characters, request_card
from bot.presentation.alert_card import alert_card
from bot.presentation.text_diff import Part, Segment
from bot.slack import ids, message_view, rich_text
from bot.slack.message_view import SlackMessage
from engine.domain import (
    Card,
    CardFact,
    CardField,
    CardOutcome,
    DeliveryKind,
    Person,
    Phrase,
    RunStatus,
    Tone,
)
from engine.read_models import DeliveryContent, RequestView
from tests.support import samples, slack_rules
from tests.support.examples import example_count


def join_texts(message: SlackMessage) -> str:
    return "\n".join(slack_rules.texts(message.blocks))


def find_buttons(message: SlackMessage) -> dict[str, dict[str, Any]]:
    block_elements = [
        element
        for block in message.blocks
        for element in [*block.get("elements", []), block.get("accessory")]
        if element
    ]
    return {element["action_id"]: element for element in block_elements if element.get("type") == "button"}


def check_message(message: SlackMessage) -> SlackMessage:
    assert slack_rules.problems_of_message(message.text, message.blocks, message.metadata) == []
    return message


def build_message(card: Card, **changes: Any) -> SlackMessage:
    return check_message(message_view.message(card, **{"delivery": "d1", **changes}))


@pytest.mark.parametrize(
    "line",
    [
        ("",),
        (" ",),
        ("0" * 550,),
        ("0" * 5_000,),
        ("\u202e",),
        ("a" * 400, "b" * 900),
        ("a" * 400, samples.NOW, "b" * 900),
    ],
)
def test_a_line_about_the_end_of_any_length_fits(line: Phrase) -> None:
    card = samples.closed_card(outcome=CardOutcome(line=line), values=())
    build_message(card)
    check_message(message_view.minimal(card, delivery="d1"))


def test_a_decided_request_with_changes_an_effect_and_a_reason_of_many_lines_has_three_lines() -> None:
    field = CardField(path="a", label="Amount", type="money", text="90.00 EUR", before="120.00 EUR")
    outcome = CardOutcome(
        line=("Approved with edits by Lee, ", samples.NOW),
        effect="Pay the refund: done",
        reason="As agreed.\n\nBy phone.",
    )
    message = build_message(samples.closed_card(values=(field,), outcome=outcome))
    (block,) = [block for block in message.blocks if block["type"] == "rich_text"]
    assert [part["type"] for part in block["elements"]] == ["rich_text_section"] * 3
    assert "".join(element["text"] for element in block["elements"][2]["elements"]) == (
        "Pay the refund: done · Reason  As agreed. By phone."
    )


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_blank_effect_and_a_blank_reason_make_no_empty_part(text: str) -> None:
    outcome = CardOutcome(line=(samples.NOW,), effect=text, reason=text)
    build_message(samples.closed_card(outcome=outcome, values=()))


def test_many_long_texts_in_the_place_of_none_are_read_aloud_as_they_are_shown() -> None:
    values = tuple(CardField(path="", label="A", type="text", text="x" * 100, before="") for _ in range(7))
    build_message(samples.card(values=values))


def test_many_changes_of_many_lines_fit() -> None:
    lines = "00000\n" * 300
    values = tuple(
        CardField(path="", label="", type="text", text="" if number % 2 else "x" * 1_199, before=lines)
        for number in range(16)
    )
    build_message(samples.closed_card(values=values))


@settings(max_examples=example_count(40), deadline=None)
@given(samples.cards(), st.sampled_from([None, "needs_attention", "failed"]))
def test_every_limit_holds_for_any_card(card: Card, topic: str | None) -> None:
    # The text beside the blocks is checked here too: rendering these cards takes nearly all of the time.
    posted = build_message(card, topic=topic)
    if card.expires_at is not None:
        assert samples.EXPIRES in posted.text
    for text in slack_rules.texts(posted.blocks):
        assert not set(text) & {"\u202e", "\u2066", "\u200b", "\0", "\x1b", "\ud800"}
    if card.outcome is not None:
        assert find_buttons(posted).keys() <= {ids.DETAILS, ids.RUN_DETAILS}
    check_message(message_view.minimal(card, delivery="d1"))


@settings(max_examples=example_count(25), deadline=None)
@given(samples.counted_requests())
def test_every_limit_holds_for_any_request_that_several_people_approve(drawn: tuple[RequestView, Person]) -> None:
    build_message(request_card.request_card(*drawn))
    voided = DeliveryContent(
        delivery="d1",
        kind=DeliveryKind.ALERT,
        topic="voided",
        person=drawn[1],
        run=samples.run(status=RunStatus.WAITING),
        request=drawn[0],
    )
    build_message(alert_card(voided), topic="voided")


def test_a_hundred_fields_of_fifty_thousand_characters_fit() -> None:
    fields = tuple(
        CardField(path=f"f{number}", label=f"Field {number}", type="text", text="word " * 10_000)
        for number in range(100)
    )
    posted = build_message(samples.card(values=fields))
    assert "of 100 values shown" in join_texts(posted)
    assert "characters left out" in join_texts(posted)
    assert ids.DETAILS in find_buttons(posted)


def test_a_message_shows_question_requester_reason_values_notes_and_approvers_in_this_order() -> None:
    note = CardFact(label="Please check", text=("The order is old.",))
    posted = build_message(samples.card(notes=(note,), approvers=("Lee", "Kim")))
    parts = ("Pay 90 EUR back?", "Sam asks.", "over 50.", "Amount", "90.00 EUR", "Please check", "The order is old.")
    text = join_texts(posted)
    places = [text.index(part) for part in (*parts, "Lee or Kim can decide.", "Pay it")]
    assert places == sorted(places)
    assert [block["type"] for block in posted.blocks] == [
        "header", "context", "rich_text", "rich_text", "context", "actions",
    ]  # fmt: skip


def test_technical_facts_are_in_the_details_only() -> None:
    posted = build_message(samples.card())
    for fact in "https://payments.example.com/refunds", "Refunds, version 3", "run1":
        assert fact not in f"{join_texts(posted)} {posted.text}"
    assert find_buttons(posted)[ids.DETAILS]["text"]["text"] == "Details"


def test_the_expiry_is_shown_in_the_time_zone_of_the_reader() -> None:
    (parsed,) = slack_rules.parsed_texts(build_message(samples.card()).blocks)
    assert parsed == (
        f"Expires <!date^{int(samples.NOW.timestamp())}^{{date_short_pretty}} at {{time}}|Mar 4, 2026, 9:30 AM UTC>"
    )


def test_a_deadline_whose_clock_has_not_started_is_a_time() -> None:
    posted = build_message(samples.card(expires_at=None, expires_after=timedelta(days=14)))
    assert "Expires in 2 weeks" in join_texts(posted)
    assert "Expires in 2 weeks" in posted.text


def test_the_buttons_have_the_labels_of_the_workflow_and_carry_the_digest() -> None:
    message_buttons = find_buttons(build_message(samples.card()))
    assert [button["text"]["text"] for button in message_buttons.values()] == [
        "Pay it",
        "Edit",
        "Do not pay",
        "Details",
    ]
    assert [button.get("style") for button in message_buttons.values()] == ["primary", None, "danger", None]
    assert message_buttons[ids.APPROVE]["confirm"]["text"]["text"] == "This pays 90 EUR. Sure?"
    expected = ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")
    assert {ids.decode_ref(button["value"]) for button in message_buttons.values()} == {expected}
    assert "confirm" not in message_buttons[ids.EDIT]


@pytest.mark.parametrize("posted", [build_message(samples.card()), message_view.minimal(samples.card(), delivery="d1")])
def test_blocks_have_no_ids_because_slack_makes_new_ones_at_each_update(posted: SlackMessage) -> None:
    assert [block for block in posted.blocks if "block_id" in block] == []


def test_a_closed_request_has_three_lines_and_details() -> None:
    field = CardField(path="amount", label="Amount", type="money", text="80.00 EUR", before="90.00 EUR")
    posted = build_message(samples.closed_card(values=(field,)))
    assert list(find_buttons(posted)) == [ids.DETAILS]
    (block,) = [block for block in posted.blocks if block["type"] == "rich_text"]
    assert ["".join(map(element_text, part["elements"])) for part in block["elements"]] == [
        "✓ Approved by Lee, <Mar 4, 2026, 9:40 AM UTC>",
        "Pay 90 EUR back? · Amount  90.00 EUR → 80.00 EUR",
        "Pay the refund: done",
    ]
    (old_value,) = [element for element in find_elements(posted) if element.get("style") == {"strike": True}]
    assert old_value["text"] == "90.00 EUR"


def element_text(element: dict[str, Any]) -> str:
    return str(element["text"]) if element["type"] == "text" else f"<{element['fallback']}>"


@pytest.mark.parametrize(
    ("tone", "icon"), [(Tone.REJECTED, "✕"), (Tone.EXPIRED, "◷"), (Tone.CANCELLED, "⊘"), (Tone.APPROVED, "✓")]
)
def test_the_ends_of_requests_look_different_and_sound_without_signs(tone: Tone, icon: str) -> None:
    posted = build_message(samples.closed_card(tone=tone))
    assert join_texts(posted).startswith(f"{icon} ")
    assert icon not in posted.text


def test_a_rejection_shows_its_reason_and_the_question_with_values_that_tell_it_from_others() -> None:
    order = CardField(path="order", label="Order", type="text", text="A-1007")
    outcome = CardOutcome(line=("Rejected by Lee, ", samples.NOW), reason="Paid already.")
    posted = build_message(samples.closed_card(title="Pay back?", values=(order,), tone=Tone.REJECTED, outcome=outcome))
    for part in "Rejected by Lee", "Pay back? · A-1007", "Reason", "Paid already.":
        assert part in join_texts(posted)


def test_one_changed_word_of_a_long_text_is_shown_with_its_surroundings() -> None:
    sentences = [f"This is sentence number {number}." for number in range(100)]
    before, after = " ".join(sentences), " ".join([*sentences[:50], "This is sentence number 5O.", *sentences[51:]])
    field = CardField(path="body", label="Body", type="long_text", text=after, before=before)
    posted = build_message(samples.closed_card(values=(field,)))
    styled = [(element["text"], [*element.get("style", {})]) for element in find_elements(posted) if "text" in element]
    assert ("50. ", ["strike"]) in styled or ("50", ["strike"]) in styled
    assert ("5O. ", ["bold"]) in styled or ("5O", ["bold"]) in styled
    assert len(join_texts(posted)) < 500
    assert join_texts(posted).count("…") == 2
    assert "Not everything fits" not in join_texts(posted)
    assert "Body: “5O" in posted.text


def test_a_change_of_blanks_alone_can_be_seen() -> None:
    line = rich_text.Line(label="x", segments=(Segment(Part.REMOVED, "  \n"), Segment(Part.ADDED, "\t")))
    (_, quote) = rich_text.line_parts([line])
    assert [element["text"] for element in quote["elements"]] == ["␣␣↵\n", "⇥"]


def test_a_change_that_does_not_fit_says_how_much_is_left_out() -> None:
    before, after = (" ".join(f"{word}{number}" for number in range(900)) for word in ("old", "new"))
    field = CardField(path="body", label="Body", type="long_text", text=after, before=before)
    text = join_texts(build_message(samples.closed_card(values=(field,))))
    assert "1 long change in Details" in text


def test_a_long_text_of_an_open_request_shows_its_beginning_and_the_button_for_all_of_it() -> None:
    field = CardField(path="body", label="Body", type="long_text", text="word " * 500, editable=True)
    posted = build_message(samples.card(values=(field,)))
    assert "more characters)" in join_texts(posted)
    assert len(join_texts(posted)) < 1_500
    labels = [button["text"]["text"] for button in find_all_buttons(posted)]
    assert labels == ["Show everything", "Pay it", "Edit", "Do not pay", "Details"]
    lines = CardField(path="body", label="Body", type="long_text", text="word\n" * 50, editable=True)
    assert join_texts(build_message(samples.card(values=(lines,)))).count("word\n") < 20


def find_all_buttons(message: SlackMessage) -> list[dict[str, Any]]:
    return [
        element
        for block in message.blocks
        for element in [block.get("accessory"), *block.get("elements", [])]
        if element and element.get("type") == "button"
    ]


def find_elements(message: SlackMessage) -> list[dict[str, Any]]:
    return [
        element
        for block in message.blocks
        if block["type"] == "rich_text"
        for part in block["elements"]
        for element in part["elements"]
    ]


def test_a_closed_request_that_does_not_fit_says_so_without_a_button() -> None:
    field = CardField(path="body", label="Body", type="long_text", text="x" * 50_000)
    field = replace(field, before="z" * 50_000)
    posted = build_message(
        samples.closed_card(values=(field,), outcome=CardOutcome(line=("Rejected by Lee",), reason="y" * 5_000))
    )
    assert list(find_buttons(posted)) == [ids.DETAILS]
    assert "1 long change in Details" in join_texts(posted)
    assert "Details (" in join_texts(posted)


def test_changed_fields_are_shown_first() -> None:
    unchanged_fields = [
        CardField(path=f"f{number}", label="Plain", type="text", text="x" * 400) for number in range(60)
    ]
    changed_field = CardField(path="last", label="Changed", type="text", text="new", before="old")
    text = join_texts(build_message(samples.closed_card(values=(*unchanged_fields, changed_field))))
    assert "Changed" in text
    assert "old" in text


def test_short_fields_are_whole_even_beside_a_long_one() -> None:
    long_field = CardField(path="body", label="Body", type="long_text", text="y" * 50_000)
    short_field = CardField(path="amount", label="Amount", type="text", text="a short but important value " * 5)
    text = join_texts(build_message(samples.card(values=(long_field, short_field))))
    assert short_field.text in text
    assert "more characters)" in text


def test_markup_and_mentions_in_data_are_never_parsed() -> None:
    markup = "<!channel> <@U1> *bold* <http://x|y>"
    field = CardField(path="x", label=markup, type="text", text=markup)
    fact = CardFact(label=markup, text=(markup, samples.NOW))
    posted = build_message(samples.card(title=markup, lead=((markup,),), values=(field,), notes=(fact,)))
    closed = build_message(samples.closed_card(outcome=CardOutcome(line=(markup,), reason=markup, effect=markup)))
    assert not slack_rules.parsed_texts(closed.blocks) or "U1" not in str([*slack_rules.parsed_texts(closed.blocks)])
    assert all("U1" not in text for text in slack_rules.parsed_texts(posted.blocks))
    assert "&lt;!channel&gt;" in posted.text
    assert posted.for_post()["unfurl_links"] is posted.for_post()["unfurl_media"] is False


def test_an_empty_value_cannot_be_mistaken_for_a_text() -> None:
    field = CardField(path="x", label="", type="text", text="", before="")
    empty_values = [
        element
        for element in find_elements(build_message(samples.closed_card(values=(field,))))
        if element.get("text") == rich_text.EMPTY
    ]
    assert [element["style"] for element in empty_values] == [{"italic": True}] * 2


def test_an_alert_asks_what_happened_only_where_that_is_the_question() -> None:
    alert = samples.card(kind=DeliveryKind.ALERT, actions=(), expires_at=None, request=None, content_version=None)
    assert list(find_buttons(build_message(alert, topic="failed"))) == [ids.RUN_DETAILS]
    assert list(find_buttons(build_message(alert))) == [ids.RUN_DETAILS]
    alert_buttons = find_buttons(build_message(alert, topic=message_view.NEEDS_ATTENTION))
    assert list(alert_buttons) == [ids.RUN_DONE, ids.RUN_REPEAT, ids.RUN_STOP, ids.RUN_DETAILS]
    acting = [button for action, button in alert_buttons.items() if action != ids.RUN_DETAILS]
    assert [button["text"]["text"] for button in acting] == [*answers.LABELS.values()]
    assert [button["confirm"]["text"]["text"] for button in acting] == [*answers.CONSEQUENCES.values()]
    assert {ids.decode_run(button["value"]) for button in alert_buttons.values()} == {
        ids.RunRef(run="run1", delivery="d1")
    }


def test_a_card_of_nothing_is_still_a_message() -> None:
    posted = build_message(Card(kind=DeliveryKind.OUTCOME, title=""))
    assert posted.text == "–"
    assert build_message(Card(kind=DeliveryKind.OUTCOME, title="Done")).text == "Done"


@pytest.mark.parametrize(
    ("expiry", "expiry_text"),
    [
        ({}, "Mar 4, 2026, 9:30 AM UTC"),
        ({"expires_at": None, "expires_after": timedelta(hours=1)}, "Expires in 1 hour"),
    ],
)
def test_the_minimal_message_says_when_the_request_expires(expiry: dict[str, Any], expiry_text: str) -> None:
    minimal = check_message(message_view.minimal(samples.card(**expiry), delivery="d1"))
    assert expiry_text in str(minimal.blocks)
    without_expiry = check_message(message_view.minimal(samples.card(expires_at=None), delivery="d1"))
    closed_message = check_message(message_view.minimal(samples.closed_card(), delivery="d1"))
    assert "Expires" not in f"{without_expiry.blocks} {closed_message.blocks}"


def test_the_minimal_message_lets_people_review_or_reject_and_never_approve_unseen() -> None:
    minimal = check_message(message_view.minimal(samples.card(), delivery="d1"))
    assert list(find_buttons(minimal)) == [ids.DETAILS, ids.REJECT]
    closed_message = check_message(message_view.minimal(samples.closed_card(), delivery="d1"))
    assert not find_buttons(closed_message)
    assert "Approved by Lee" in join_texts(closed_message)
    alert = samples.card(kind=DeliveryKind.ALERT, actions=(), request=None)
    assert "this message" in join_texts(check_message(message_view.minimal(alert, delivery="d1")))


def test_the_delivery_travels_in_the_metadata() -> None:
    posted = build_message(samples.card())
    assert posted.for_update()["metadata"] == {"event_type": "signoff_copy", "event_payload": {"delivery": "d1"}}
    assert posted.for_answer().keys() == {"text", "blocks"}


@settings(deadline=None)
@given(samples.ANY)
def test_a_sentence_is_a_message(text: str) -> None:
    check_message(message_view.sentence(text or "x"))


@pytest.mark.parametrize(
    ("sizes", "room", "level"), [([], 10, 0), ([1, 2], 10, 2), ([5, 5, 5], 9, 3), ([1, 9, 9], 11, 5), ([4], 0, 0)]
)
def test_room_is_shared_so_that_only_the_longest_are_cut(sizes: list[int], room: int, level: int) -> None:
    assert characters.level(sizes, room) == level


# -- reminders ----------------------------------------------------------------------------------------------


def test_a_reminder_shows_the_values_and_opens_the_request() -> None:
    message = build_message(samples.card(kind=DeliveryKind.REMINDER))
    text = join_texts(message)
    assert text.startswith("Reminder: Pay 90 EUR back?")
    assert all(part in text for part in ("Sam asks.", "Expires", "90.00 EUR"))
    assert message.text.startswith("Reminder: Pay 90 EUR back?")
    (button,) = find_buttons(message).values()
    assert (button["action_id"], button["text"]["text"]) == (ids.DETAILS, "Review")
    ref = ids.decode_ref(button["value"])
    assert ref is not None
    assert (ref.request, ref.delivery) == ("req1", None)


def test_a_reminder_of_several_requests_has_a_row_for_each() -> None:
    cards = tuple(
        samples.card(request=f"req{number}", question=f"Pay {number} EUR?", expires_at=samples.NOW)
        for number in range(20)
    )
    digest = Card(kind=DeliveryKind.REMINDER, title="20 requests are waiting for you", reminds=cards)
    message = build_message(digest)
    sections = [block for block in message.blocks if block["type"] == "section"]
    assert [section["text"]["text"] for section in sections] == [card.question for card in cards]
    assert all(section["accessory"]["action_id"] == ids.DETAILS for section in sections)
    assert "Pay 19 EUR?" in message.text


@settings(max_examples=example_count(30), deadline=None)
@given(samples.cards())
def test_a_reminder_of_any_request_fits(card: Card) -> None:
    open_card = replace(card, kind=DeliveryKind.REMINDER, outcome=None)
    build_message(open_card)
    build_message(Card(kind=DeliveryKind.REMINDER, title="2 requests are waiting for you", reminds=(open_card,) * 20))
    check_message(message_view.minimal(open_card, delivery="d1"))
