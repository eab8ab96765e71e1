"""The story of a run in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.presentation import story
from bot.presentation.story import Names
from engine.json_values import Value
from engine.story_entries import StoryEntry

NAMES = Names(people={"p1": "Ada"}, steps={"pay": "Pay the refund"})


def make_entry(kind: str, content: dict[str, Value] | None, *, actor: str | None = None) -> StoryEntry:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return StoryEntry(seq=1, at=at, kind=kind, step="pay", request=None, actor=actor, content=content)


def sentence(kind: str, content: dict[str, Value] | None) -> str:
    return story.sentence_of(make_entry(kind, content), NAMES)


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("gate.passed", {}, "“Pay the refund” needs no approval this time."),
        ("step.started", {"attempt": 1}, "“Pay the refund” started."),
        ("step.started", {"attempt": 2}, "“Pay the refund” started, attempt 2."),
        ("request.approved", {"verdict": "Pay it"}, "chose “Pay it”."),
        (
            "request.approved",
            {
                "verdict": "Pay it",
                "edits": [{"label": "Amount"}, {"path": ["json", "order_id"], "label": "json.order_id"}],
                "reason": "agreed",
            },
            "chose “Pay it”, and changed Amount and Order ID. Reason: agreed",
        ),
        ("request.rejected", {}, "The request expired without a decision and was rejected automatically."),
        ("run.resumed", {"answer": "done"}, "answered what happened: “It happened”."),
        ("run.tried_again", {}, "tried again from “Pay the refund”."),
        ("delivery.retried", {"person": "p1", "channel": "email"}, "asked to send it again: Ada by email."),
        ("run.resumed", {"answer": "later"}, "answered what happened: “later”."),
        ("request.fell_back", {"channels": ["email"]}, "No one has answered yet, so it asks by email too."),
        ("request.fell_back", {}, "No one has answered yet, so it asks by other ways too."),
        (
            "request.clocks_started",
            {
                "expires_at": "2026-03-04T09:00:00+00:00",
                "escalates_at": "2026-03-02T13:00:00+00:00",
                "reminders": ["2026-03-03T09:00:00+00:00"],
                "hours": "mon 09:00-17:00 UTC",
                "holidays": "DE-BE",
                "library": "holidays 0.109",
            },
            "The time to decide began. First reminder: Mar 3, 2026, 9:00 AM UTC. More people are asked: Mar 2, 2026, "
            "1:00 PM UTC. It ends: Mar 4, 2026, 9:00 AM UTC. Working hours: mon 09:00-17:00 UTC. Holidays: DE-BE, "
            "from holidays 0.109.",
        ),
        (
            "request.escalated",
            {"approvers": [{"name": "Kim"}, {"name": "Mia"}]},
            "No one decided in time, so Signoff asks Kim and Mia as well.",
        ),
        ("delivery.shown", {"person": "p1", "channel": "email"}, "The request reached Ada by email."),
        ("delivery.shown", {"kind": "alert", "channel": "fax"}, "The alert reached a person fax."),
        ("browser.remembered", {"address": "a@example.com"}, "confirmed the address a@example.com with a code."),
        ("browser.remembered", {"account": "slack:U1"}, "signed in with Slack."),
        (
            "sign_in.refused",
            {"asked": ["Ada", "Lee"]},
            "signed in with Slack, and was not asked: this is for Ada and Lee. Nothing was decided.",
        ),
        ("content.erased", {"reason": "asked for"}, "erased the contents of this run. Reason: asked for"),
        ("content.erased", {"reason": "x", "person": "p"}, "erased what names a person in this run. Reason: x"),
        ("something.new", {}, "something.new"),
        ("step.failed", None, "This entry’s content was erased."),
    ],
)
def test_an_entry_is_told_in_a_sentence(kind: str, content: dict[str, Value] | None, text: str) -> None:
    assert sentence(kind, content) == text


@pytest.mark.parametrize("kind", story.SENTENCES)
def test_an_entry_with_less_content_than_usual_has_a_sentence_too(kind: str) -> None:
    assert sentence(kind, {}).strip()


def test_the_person_who_acted_is_named_as_they_are_called_now_or_as_they_were_then() -> None:
    assert story.actor_of(make_entry("run.started", {"actor_name": "Ada L."}, actor="p1"), NAMES) == "Ada"
    assert story.actor_of(make_entry("run.started", {"actor_name": "Ben"}, actor="p2"), NAMES) == "Ben"
    assert story.actor_of(make_entry("run.started", {}, actor="p2"), NAMES) is None
    assert story.actor_of(make_entry("run.started", None, actor="p2"), NAMES) is None
