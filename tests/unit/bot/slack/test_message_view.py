"""Messages: every limit holds whatever a card says, and what matters most is what is shown."""

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


def shown(made: SlackMessage) -> str:
    return "\n".join(slack_rules.texts(made.blocks))


def buttons(made: SlackMessage) -> dict[str, dict[str, Any]]:
    found = [one for block in made.blocks for one in [*block.get("elements", []), block.get("accessory")] if one]
    return {one["action_id"]: one for one in found if one.get("type") == "button"}


def sure(made: SlackMessage) -> SlackMessage:
    assert slack_rules.problems_of_message(made.text, made.blocks, made.metadata) == []
    return made


def message(card: Card, **changes: Any) -> SlackMessage:
    return sure(message_view.message(card, **{"delivery": "d1", **changes}))


@settings(max_examples=60, deadline=None)
@given(samples.cards(), st.none() | samples.ANY, st.sampled_from([None, "needs_attention", "failed"]))
def test_every_limit_holds_whatever_a_card_says(card: Card, note: str | None, topic: str | None) -> None:
    made = message(card, note=note, topic=topic)
    for text in slack_rules.texts(made.blocks):
        assert not set(text) & {"\u202e", "\u2066", "\u200b", "\0", "\x1b", "\ud800"}
    if card.state is not None:
        assert not buttons(made)
    sure(message_view.minimal(card, delivery="d1"))


def test_a_hundred_fields_of_fifty_thousand_characters_fit() -> None:
    fields = tuple(
        CardField(path=f"f{number}", label=f"Field {number}", type="text", text="word " * 10_000)
        for number in range(100)
    )
    made = message(samples.card(fields=fields))
    assert "of 100 fields shown" in shown(made)
    assert "characters left out" in shown(made)
    assert ids.DETAILS in buttons(made)


def test_a_message_says_the_question_who_started_it_why_the_fields_and_who_is_asked() -> None:
    made = message(samples.card(), note="Slack could not reach Kim.")
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
        assert part in shown(made)
    assert ids.DETAILS not in buttons(made)


def test_the_expiry_is_shown_in_the_time_zone_of_the_reader() -> None:
    (parsed,) = slack_rules.parsed_texts(message(samples.card()).blocks)
    assert parsed == (
        f"Expires <!date^{int(samples.NOW.timestamp())}^{{date_short_pretty}} at {{time}}|2026-03-04 09:30 UTC>"
    )


def test_the_buttons_have_the_words_of_the_workflow_and_say_which_content_they_are_about() -> None:
    found = buttons(message(samples.card()))
    assert [one["text"]["text"] for one in found.values()] == ["Pay it", "Edit", "Do not pay"]
    assert [one.get("style") for one in found.values()] == ["primary", None, "danger"]
    assert found[ids.APPROVE]["confirm"]["text"]["text"] == "This pays 90 EUR. Sure?"
    expected = ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")
    assert {ids.decode_ref(one["value"]) for one in found.values()} == {expected}
    assert "confirm" not in found[ids.EDIT]


@pytest.mark.parametrize("made", [message(samples.card()), message_view.minimal(samples.card(), delivery="d1")])
def test_the_ids_of_blocks_are_left_to_slack_which_makes_new_ones_at_each_update(made: SlackMessage) -> None:
    assert [one for one in made.blocks if "block_id" in one] == []


def test_a_closed_request_shows_its_outcome_and_every_change_and_no_button() -> None:
    field = CardField(path="amount", label="Amount", type="money", text="80.00 EUR", before="90.00 EUR")
    made = message(samples.closed_card(fields=(field,)))
    assert not buttons(made)
    assert "Approved by Lee" in shown(made)
    assert "Approved by Lee" in made.text
    (struck,) = [one for one in elements(made) if one.get("style") == {"strike": True}]
    assert struck["text"] == "90.00 EUR"
    assert "80.00 EUR" in shown(made)


def elements(made: SlackMessage) -> list[dict[str, Any]]:
    return [
        element
        for block in made.blocks
        if block["type"] == "rich_text"
        for part in block["elements"]
        for element in part["elements"]
    ]


def test_a_closed_request_that_does_not_fit_says_so_without_a_button() -> None:
    field = CardField(path="body", label="Body", type="long_text", text="x" * 50_000)
    made = message(samples.closed_card(fields=(field,), state="Rejected. " + "y" * 5_000))
    assert not buttons(made)
    assert "characters left out" in shown(made)


def test_what_was_changed_is_shown_before_everything_else() -> None:
    plain = [CardField(path=f"f{number}", label="Plain", type="text", text="x" * 400) for number in range(60)]
    changed = CardField(path="last", label="Changed", type="text", text="new", before="old")
    text = shown(message(samples.closed_card(fields=(*plain, changed))))
    assert "Changed" in text
    assert "old" in text


def test_short_fields_are_whole_even_beside_a_long_one() -> None:
    long = CardField(path="body", label="Body", type="long_text", text="y" * 50_000)
    short = CardField(path="amount", label="Amount", type="text", text="a short but important value " * 5)
    text = shown(message(samples.card(fields=(long, short))))
    assert short.text in text
    assert "more characters)" in text


def test_markup_and_mentions_in_data_are_never_parsed() -> None:
    evil = "<!channel> <@U1> *bold* <http://x|y>"
    field = CardField(path="x", label=evil, type="text", text=evil)
    made = message(samples.card(title=evil, fields=(field,), facts=(("Why", evil),)))
    assert all("U1" not in text for text in slack_rules.parsed_texts(made.blocks))
    assert "&lt;!channel&gt;" in made.text
    assert made.for_post()["unfurl_links"] is made.for_post()["unfurl_media"] is False


def test_an_empty_value_cannot_be_mistaken_for_a_text() -> None:
    field = CardField(path="x", label="", type="text", text="", before="")
    found = [one for one in elements(message(samples.card(fields=(field,)))) if one["text"] == rich_text.EMPTY]
    assert [one["style"] for one in found] == [{"italic": True}] * 2


def test_an_alert_asks_done_repeat_or_stop_only_where_that_is_the_question() -> None:
    alert = samples.card(kind=DeliveryKind.ALERT, actions=(), expires_at=None, request=None, content_version=None)
    assert not buttons(message(alert, topic="failed"))
    assert not buttons(message(alert))
    found = buttons(message(alert, topic=message_view.NEEDS_ATTENTION))
    assert list(found) == [ids.RUN_DONE, ids.RUN_REPEAT, ids.RUN_STOP]
    assert all("confirm" in one for one in found.values())
    assert {ids.decode_run(one["value"]) for one in found.values()} == {ids.RunRef(run="run1", delivery="d1")}


def test_a_card_of_nothing_is_still_a_message() -> None:
    made = message(Card(kind=DeliveryKind.OUTCOME, title=""))
    assert made.text == "–"
    assert message(Card(kind=DeliveryKind.OUTCOME, title="Done")).text == "Done"


@pytest.mark.parametrize(
    ("expiry", "told"),
    [
        ({}, "2026-03-04 09:30 UTC"),
        ({"expires_at": None, "expires_after": timedelta(hours=1)}, "Expires 1 hour after somebody was first shown it"),
    ],
)
def test_the_minimal_message_says_when_the_request_expires(expiry: dict[str, Any], told: str) -> None:
    made = sure(message_view.minimal(samples.card(**expiry), delivery="d1"))
    assert told in str(made.blocks)
    for_ever = sure(message_view.minimal(samples.card(expires_at=None), delivery="d1"))
    closed = sure(message_view.minimal(samples.closed_card(), delivery="d1"))
    assert "Expires" not in f"{for_ever.blocks} {closed.blocks}"


def test_the_minimal_message_lets_people_review_or_reject_and_never_approve_unseen() -> None:
    made = sure(message_view.minimal(samples.card(), delivery="d1"))
    assert list(buttons(made)) == [ids.DETAILS, ids.REJECT]
    done = sure(message_view.minimal(samples.closed_card(), delivery="d1"))
    assert not buttons(done)
    assert "Approved by Lee" in shown(done)
    alert = samples.card(kind=DeliveryKind.ALERT, actions=(), request=None)
    assert "this message" in shown(sure(message_view.minimal(alert, delivery="d1")))


def test_the_delivery_travels_in_the_metadata() -> None:
    made = message(samples.card())
    assert made.for_update()["metadata"] == {"event_type": "signoff_copy", "event_payload": {"delivery": "d1"}}
    assert made.for_answer().keys() == {"text", "blocks"}


@settings(deadline=None)
@given(samples.ANY)
def test_a_sentence_is_a_message(said: str) -> None:
    sure(message_view.sentence(said or "x"))


@pytest.mark.parametrize(
    ("sizes", "room", "cap"), [([], 10, 0), ([1, 2], 10, 2), ([5, 5, 5], 9, 3), ([1, 9, 9], 11, 5), ([4], 0, 0)]
)
def test_room_is_shared_so_that_only_the_longest_are_cut(sizes: list[int], room: int, cap: int) -> None:
    assert characters.level(sizes, room) == cap
