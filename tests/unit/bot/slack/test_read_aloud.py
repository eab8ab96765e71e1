"""What a person hears: each state in words, no signs, and buttons that can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot.presentation import states
from bot.slack import command_messages, message_view
from bot.slack.list_rows import RunList
from bot.slack.text_objects import Block
from engine.domain import Card, CardFact, CardField, CardOutcome, DeliveryKind, RequestState, RunStatus, Tone
from tests.support import home_samples, samples

EDITED = CardField(path="amount", label="Amount", type="money", text="80.00 EUR", before="90.00 EUR")
CLOSED = {
    Tone.APPROVED: CardOutcome(line=("Approved by Lee, ", samples.NOW), effect="Pay the refund: done"),
    Tone.REJECTED: CardOutcome(line=("Rejected by Lee, ", samples.NOW), reason="Paid already.\nSee A-12."),
    Tone.SENT_BACK: CardOutcome(line=("Sent back for changes by Lee, ", samples.NOW), reason="Make it shorter."),
    Tone.SKIPPED: CardOutcome(line=("Skipped by Lee, ", samples.NOW), effect="The run goes on without this step."),
    Tone.UNDONE: CardOutcome(line=("Undone by Lee, ", samples.NOW, ". Approved by Lee, ", samples.NOW)),
    Tone.EXPIRED: CardOutcome(line=("Expired without a decision, ", samples.NOW, ". The run was stopped")),
    Tone.CANCELLED: CardOutcome(line=("The run was cancelled by Sam, ", samples.NOW)),
    Tone.FAILED: CardOutcome(line=("Approved by Lee, ", samples.NOW), effect="Pay the refund: failed"),
    Tone.DONE: CardOutcome(line=("Lee answered “It happened”, ", samples.NOW)),
    Tone.ATTENTION: CardOutcome(line=("Approved by Lee, ", samples.NOW), effect="Pay: it is not clear whether it was"),
}


def about_run(tone: Tone, title: str) -> Card:
    note = CardFact(label="What went wrong", text=("payments.example.com answered 503.",))
    return samples.card(
        kind=DeliveryKind.OUTCOME,
        tone=tone,
        title=title,
        lead=(("Approved by Lee, ", samples.NOW, "."),),
        values=(EDITED,),
        notes=(note,),
        actions=(),
        expires_at=None,
    )


CARDS = {
    "open": samples.card(),
    "edited": samples.closed_card(values=(EDITED,)),
    **{tone.value: samples.closed_card(tone=tone, outcome=outcome) for tone, outcome in CLOSED.items()},
    **{
        f"run {status.value}": about_run(tone, f"{states.run_end(status).capitalize()}: Pay 90 EUR back?")
        for status, tone in states.RUN_TONES.items()
    },
}


def heard(message: str) -> str:
    """Return the text without the frames of dates, which people do not hear."""
    return message.replace("<!date^", "").replace("^{date_short_pretty}", "")


@pytest.mark.parametrize("name", CARDS)
def test_the_text_of_each_state_is_in_words_and_begins_with_what_matters(name: str) -> None:
    card = CARDS[name]
    text = heard(message_view.message(card, delivery="d1").text)
    assert not set(text) & set(states.ICONS.values())
    first = card.title if card.outcome is None else str(card.outcome.line[0]).rstrip(", ")
    assert text.startswith(first)
    assert "\n> " not in text
    assert "&gt;" not in text
    for mark in ("→", "::", "..", "  "):
        assert mark not in text


def test_every_tone_has_a_card_here() -> None:
    assert {card.tone for card in CARDS.values()} == set(Tone)


def _buttons(blocks: list[Block]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        elements = [*block.get("elements", []), block.get("accessory") or {}]
        yield from (element for element in elements if element.get("type") == "button")


def _names(blocks: list[Block]) -> list[str]:
    return [button.get("accessibility_label") or button["text"]["text"] for button in _buttons(blocks)]


@pytest.mark.parametrize("name", CARDS)
def test_the_buttons_of_a_card_are_told_apart(name: str) -> None:
    names = _names(message_view.message(CARDS[name], delivery="d1").blocks)
    assert len(names) == len(set(names)) > 0


def test_the_buttons_of_home_and_of_lists_are_told_apart_in_every_state() -> None:
    requests = [samples.request(id=f"r{amount}", title=f"Refund {amount} EUR?") for amount in range(80, 90)]
    runs = [samples.run(id=status.value, status=status, inputs={"order": f"A-{status.value}"}) for status in RunStatus]
    shown, verbs = RunList(runs=runs), ("Pay it: ", "Do not pay: ")
    for blocks in (
        home_samples.home(requests, runs=shown)["blocks"],
        command_messages.pending(requests).blocks,
        command_messages.runs(shown).blocks,
    ):
        names = _names(blocks)
        assert len(names) == len(set(names)) >= len(requests) - 2
        about_rows = [name for name in names if ": " in name]
        assert len(about_rows) >= len(requests) - 2
        assert all(name.startswith(("Review: ", "Details: ", "Cancel: ", *verbs)) for name in about_rows)


def test_each_request_state_has_a_tone_of_its_own() -> None:
    assert len(set(states.REQUEST_TONES.values())) == len(RequestState)
