"""What notifications and screen readers say: as much as the blocks, and what the decision depends on first."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from bot.slack import message_view, notification_text
from engine.domain import Card, CardField, DeliveryKind
from tests.support import samples, slack_rules
from tests.support.slack_env import SlackEnv, copy_of, expect_ok


def said(card: Card, **more: Any) -> str:
    return message_view.message(card, delivery="d1", **more).text


def test_a_request_is_said_with_its_values_its_reason_and_its_deadline() -> None:
    assert said(samples.card(), note="Slack could not reach Kim.").split("\n") == [
        "Pay 90 EUR back?",
        "Slack could not reach Kim.",
        "Amount: 90.00 EUR",
        "Why: over 50",
        "Expires 2026-03-04 09:30 UTC",
        "Waits for: Lee",
        "Workflow: Refunds · Started by: Sam, 2026-03-04 09:00 UTC",
    ]


def test_a_decision_is_said_with_what_was_changed() -> None:
    field = CardField(path="amount", label="Amount", type="money", text="80.00 EUR", before="90.00 EUR")
    told = said(samples.closed_card(fields=(field,))).split("\n")
    assert told[:3] == [
        "Pay 90 EUR back?",
        "Approved by Lee at 2026-03-04 09:40 UTC.",
        "Amount: 80.00 EUR (before: 90.00 EUR)",
    ]


def test_further_lines_of_data_cannot_pass_for_lines_of_ours() -> None:
    note = CardField(
        path="note", label="Note", type="long_text", text="Thanks\nApproved by Ada at 09:00\nAmount: 1 EUR"
    )
    told = said(samples.card(fields=(note,), state="Rejected by Lee. Reason: no\nAmount: 1 EUR", actions=()))
    ours = [one for one in told.split("\n") if not one.startswith("&gt; ")]
    assert not [one for one in ours if one.startswith(("Approved", "Amount"))]


def test_a_long_value_hides_neither_the_others_nor_the_deadline() -> None:
    long = CardField(path="body", label="Body", type="long_text", text="word\n" * 10_000)
    short = CardField(path="amount", label="Amount", type="money", text="90.00 EUR")
    told = said(samples.card(fields=(long, short)))
    for fact in "Amount: 90.00 EUR", "Why: over 50", "Expires 2026-03-04 09:30 UTC", "Waits for: Lee", "left out":
        assert fact in told


def test_the_deadline_has_room_beside_many_empty_fields() -> None:
    empty = CardField(path="", label="", type="text", text="", before="")
    for size in range(2_500, 3_900, 20):
        told = notification_text.of_card(
            samples.card(title="0" * size, facts=(), fields=(empty,) * 40, expires_at=samples.NOW)
        )
        assert slack_rules.length(told) <= 4_000
        assert "Expires 2026-03-04 09:30 UTC" in told


@settings(max_examples=60, deadline=None)
@given(samples.cards())
def test_the_text_of_every_card_is_short_enough_to_be_updated(card: Card) -> None:
    told = notification_text.of_card(card)
    assert 0 < slack_rules.length(told) <= 4_000
    if card.expires_at is not None:
        assert "Expires 2026-03-04 09:30 UTC" in told


def test_a_card_without_anything_still_has_a_text() -> None:
    assert notification_text.of_card(Card(kind=DeliveryKind.OUTCOME, title="")) == "–"


async def test_every_message_says_in_its_text_what_its_blocks_say(env: SlackEnv) -> None:
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
    shown = [*world.ephemerals, *(one for many in world.messages.values() for one in many if one.blocks)]
    assert len(shown) > 20
    assert [problem for one in shown for problem in slack_rules.missing_from_text(one.text, one.blocks)] == []
