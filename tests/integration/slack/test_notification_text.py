"""The text for notifications and screen readers: as complete as the blocks, the facts for the decision first."""

from __future__ import annotations

import pytest

from bot.slack import message_view, notification_text
from engine.domain import Card, CardFact, CardField, CardOutcome, DeliveryKind
from tests.support import samples, slack_rules
from tests.support.slack_env import SlackEnv, copy_of, expect_ok

EXPIRES = samples.EXPIRES
"""The deadline of the sample, in the time zone of the reader."""


def text_of(card: Card) -> str:
    return message_view.message(card, delivery="d1").text


def test_the_text_of_a_request_has_its_values_its_reason_and_its_deadline() -> None:
    note = CardFact(label="Please check", text=("The order is old.",))
    assert text_of(samples.card(notes=(note,), approvers=("Lee", "Kim"))).split("\n") == [
        "Pay 90 EUR back? Sam asks.",
        "Amount: 90.00 EUR",
        "over 50.",
        EXPIRES,
        "Lee or Kim can decide.",
        "Please check: The order is old.",
    ]


@pytest.mark.parametrize(
    ("title", "first"),
    [("Deploy to production", "Deploy to production. Sam asks."), ("Deploy!", "Deploy! Sam asks.")],
)
def test_a_question_without_a_question_mark_ends_before_the_next_sentence(title: str, first: str) -> None:
    assert text_of(samples.card(title=title)).split("\n")[0] == first


def test_a_label_has_one_colon_at_most() -> None:
    fields = [CardField(path="", label=label, type="text", text="x") for label in ("Amount:", "Urgent?", "Note : ")]
    assert text_of(samples.card(values=tuple(fields))).split("\n")[1:4] == ["Amount: x", "Urgent? x", "Note: x"]


def test_the_text_of_a_decision_has_the_changes_and_what_became_of_it() -> None:
    short = CardField(path="amount", label="Amount", type="money", text="80.00 EUR", before="90.00 EUR")
    letter = "Dear customer, we are sorry about this. " * 5
    long = CardField(
        path="body",
        label="Letter",
        type="long_text",
        text=f"{letter}It takes 20 days. {letter}Thank you.",
        before=f"{letter}It takes 10 days. {letter}",
    )
    outcome = CardOutcome(line=("Approved with edits by Lee, ", samples.NOW), reason="Less.", effect="Pay: done")
    assert text_of(samples.closed_card(values=(short, long), outcome=outcome)).split("\n") == [
        "Approved with edits by Lee: Pay 90 EUR back?",
        "Amount: 80.00 EUR instead of 90.00 EUR",
        "Letter: “20” instead of “10”; “Thank you.” added",
        "Pay: done",
        "Reason: Less.",
        EXPIRES.replace("Expires", "When:"),
    ]


def test_further_lines_of_data_cannot_look_like_lines_of_the_bot() -> None:
    note = CardField(
        path="note", label="Note", type="long_text", text="Thanks\nApproved by Ada at 09:00\nAmount: 1 EUR"
    )
    outcome = CardOutcome(line=("Rejected by Lee, ", samples.NOW), reason="no\nAmount: 1 EUR", effect="x\nApproved")
    for text in text_of(samples.card(values=(note,))), text_of(samples.closed_card(values=(note,), outcome=outcome)):
        ours = [line for line in text.split("\n") if not line.startswith("&gt; ")]
        assert not [line for line in ours if line.startswith(("Approved", "Amount"))]


def test_a_long_value_hides_neither_the_others_nor_the_deadline() -> None:
    long = CardField(path="body", label="Body", type="long_text", text="word\n" * 10_000)
    short = CardField(path="amount", label="Amount", type="money", text="90.00 EUR")
    text = text_of(samples.card(values=(long, short)))
    for fact in "Amount: 90.00 EUR", "over 50.", EXPIRES, "Lee can decide.", "left out":
        assert fact in text


def test_the_deadline_has_room_beside_many_empty_fields() -> None:
    empty = CardField(path="", label="", type="text", text="", before="")
    for size in range(2_500, 3_900, 20):
        text = notification_text.of_card(
            samples.card(title="0" * size, lead=(), values=(empty,) * 40, expires_at=samples.NOW)
        )
        assert slack_rules.length(text) <= 4_000
        assert EXPIRES in text


def test_the_deadline_has_room_beside_sentences_of_many_parts() -> None:
    sentence = ("x" * 2_000, samples.NOW, "y" * 2_000, "z" * 2_000)
    text = notification_text.of_card(samples.card(title="0" * 2_000, lead=(sentence,) * 3))
    assert slack_rules.length(text) <= 4_000
    assert EXPIRES in text


def test_an_empty_card_still_has_a_text() -> None:
    assert notification_text.of_card(Card(kind=DeliveryKind.OUTCOME, title="")) == "–"


async def test_the_text_of_every_message_repeats_its_blocks(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, cleo = env.person("ada"), env.person("cleo")
    for line in "help", "list", "show refund", "runs", "pending", "run refund amount=7", "run x", "cancel x", "dance":
        expect_ok(await cleo.command(f"/signoff {line}", channel="general"))
        expect_ok(await ada.command(f"/signoff {line}", channel="general"))
    await env.settle()
    expect_ok(await ada.click("Approve", on=copy_of(ada)))
    expect_ok(await env.person("ben").click("Reject", on=copy_of(env.person("ben"), "Refund 7 EUR?")))
    await env.slack.until(lambda: env.person("ben").modal)
    expect_ok(await env.person("ben").submit({"Reason": "No"}))
    await env.settle()
    assert (await env.view(run)).status.ended
    world = env.slack.world
    messages = [*world.ephemerals, *(message for many in world.messages.values() for message in many if message.blocks)]
    assert len(messages) > 20
    assert [problem for shown in messages for problem in slack_rules.missing_from_text(shown.text, shown.blocks)] == []
