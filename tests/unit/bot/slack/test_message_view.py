"""Messages keep every limit of Slack with any card, and show the most important parts first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.presentation import characters
from bot.slack import ids, message_view, rich_text
from bot.slack.message_view import SlackMessage
from engine.domain import Card, CardField, DeliveryKind
from tests.support import samples, slack_rules


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


@settings(max_examples=60, deadline=None)
@given(samples.cards(), st.none() | samples.ANY, st.sampled_from([None, "needs_attention", "failed"]))
def test_every_limit_holds_for_any_card(card: Card, note: str | None, topic: str | None) -> None:
    posted = build_message(card, note=note, topic=topic)
    for text in slack_rules.texts(posted.blocks):
        assert not set(text) & {"\u202e", "\u2066", "\u200b", "\0", "\x1b", "\ud800"}
    if card.state is not None:
        assert not find_buttons(posted)
    check_message(message_view.minimal(card, delivery="d1"))


def test_a_hundred_fields_of_fifty_thousand_characters_fit() -> None:
    fields = tuple(
        CardField(path=f"f{number}", label=f"Field {number}", type="text", text="word " * 10_000)
        for number in range(100)
    )
    posted = build_message(samples.card(fields=fields))
    assert "of 100 fields shown" in join_texts(posted)
    assert "characters left out" in join_texts(posted)
    assert ids.DETAILS in find_buttons(posted)


def test_a_message_shows_question_requester_reason_fields_and_approvers() -> None:
    posted = build_message(samples.card(), note="Slack could not reach Kim.")
    for part in (
        "Pay 90 EUR back?",
        "Workflow: Refunds",
        "Sam, ",
        "Why",
        "over 50",
        "90.00 EUR",
        "Waits for: Lee",
        "Kim",
    ):
        assert part in join_texts(posted)
    assert ids.DETAILS not in find_buttons(posted)


def test_the_expiry_is_shown_in_the_time_zone_of_the_reader() -> None:
    (parsed,) = slack_rules.parsed_texts(build_message(samples.card()).blocks)
    assert parsed == (
        f"Expires <!date^{int(samples.NOW.timestamp())}^{{date_short_pretty}} at {{time}}|2026-03-04 09:30 UTC>"
    )


def test_the_buttons_have_the_labels_of_the_workflow_and_carry_the_digest() -> None:
    message_buttons = find_buttons(build_message(samples.card()))
    assert [button["text"]["text"] for button in message_buttons.values()] == ["Pay it", "Edit", "Do not pay"]
    assert [button.get("style") for button in message_buttons.values()] == ["primary", None, "danger"]
    assert message_buttons[ids.APPROVE]["confirm"]["text"]["text"] == "This pays 90 EUR. Sure?"
    expected = ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")
    assert {ids.decode_ref(button["value"]) for button in message_buttons.values()} == {expected}
    assert "confirm" not in message_buttons[ids.EDIT]


@pytest.mark.parametrize("posted", [build_message(samples.card()), message_view.minimal(samples.card(), delivery="d1")])
def test_blocks_have_no_ids_because_slack_makes_new_ones_at_each_update(posted: SlackMessage) -> None:
    assert [block for block in posted.blocks if "block_id" in block] == []


def test_a_closed_request_shows_its_outcome_and_every_change_and_no_button() -> None:
    field = CardField(path="amount", label="Amount", type="money", text="80.00 EUR", before="90.00 EUR")
    posted = build_message(samples.closed_card(fields=(field,)))
    assert not find_buttons(posted)
    assert "Approved by Lee" in join_texts(posted)
    assert "Approved by Lee" in posted.text
    (old_value,) = [element for element in find_elements(posted) if element.get("style") == {"strike": True}]
    assert old_value["text"] == "90.00 EUR"
    assert "80.00 EUR" in join_texts(posted)


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
    posted = build_message(samples.closed_card(fields=(field,), state="Rejected. " + "y" * 5_000))
    assert not find_buttons(posted)
    assert "characters left out" in join_texts(posted)


def test_changed_fields_are_shown_first() -> None:
    unchanged_fields = [
        CardField(path=f"f{number}", label="Plain", type="text", text="x" * 400) for number in range(60)
    ]
    changed_field = CardField(path="last", label="Changed", type="text", text="new", before="old")
    text = join_texts(build_message(samples.closed_card(fields=(*unchanged_fields, changed_field))))
    assert "Changed" in text
    assert "old" in text


def test_short_fields_are_whole_even_beside_a_long_one() -> None:
    long_field = CardField(path="body", label="Body", type="long_text", text="y" * 50_000)
    short_field = CardField(path="amount", label="Amount", type="text", text="a short but important value " * 5)
    text = join_texts(build_message(samples.card(fields=(long_field, short_field))))
    assert short_field.text in text
    assert "more characters)" in text


def test_markup_and_mentions_in_data_are_never_parsed() -> None:
    markup = "<!channel> <@U1> *bold* <http://x|y>"
    field = CardField(path="x", label=markup, type="text", text=markup)
    posted = build_message(samples.card(title=markup, fields=(field,), facts=(("Why", markup),)))
    assert all("U1" not in text for text in slack_rules.parsed_texts(posted.blocks))
    assert "&lt;!channel&gt;" in posted.text
    assert posted.for_post()["unfurl_links"] is posted.for_post()["unfurl_media"] is False


def test_an_empty_value_cannot_be_mistaken_for_a_text() -> None:
    field = CardField(path="x", label="", type="text", text="", before="")
    empty_values = [
        element
        for element in find_elements(build_message(samples.card(fields=(field,))))
        if element["text"] == rich_text.EMPTY
    ]
    assert [element["style"] for element in empty_values] == [{"italic": True}] * 2


def test_an_alert_asks_done_repeat_or_stop_only_where_that_is_the_question() -> None:
    alert = samples.card(kind=DeliveryKind.ALERT, actions=(), expires_at=None, request=None, content_version=None)
    assert not find_buttons(build_message(alert, topic="failed"))
    assert not find_buttons(build_message(alert))
    alert_buttons = find_buttons(build_message(alert, topic=message_view.NEEDS_ATTENTION))
    assert list(alert_buttons) == [ids.RUN_DONE, ids.RUN_REPEAT, ids.RUN_STOP]
    assert all("confirm" in button for button in alert_buttons.values())
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
        ({}, "2026-03-04 09:30 UTC"),
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
