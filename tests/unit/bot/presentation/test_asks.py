"""Cards of what programs ask: the words of a program never pass for those of Signoff, a workflow or a person."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import answers, asks, dates, expiry, outcome_card, states, story
from bot.presentation.request_card import request_card
from engine import runs
from engine.domain import OnExpiry, Origin, Params, Person, RequestState, ResumeAnswer, RunStatus, StepStatus, Tone
from engine.domain.ask_facts import AskFacts, AskGrant
from engine.domain.asks import AskStatus, AskUse, OutcomeStatus
from engine.domain.people import API, Address
from engine.json_values import Value
from engine.read_models import RequestView, StepEffect
from engine.story_entries import StoryEntry
from tests.support import samples
from tests.support.samples import NOW

BOT = Person("p9", "Support agent", (Address(API, "key1"),))
CLAIMS = ("title", "reason", "reasoning", "impact", "confidence", "data", "risk")
FACTS = AskFacts(
    agent="Support agent", use=AskUse.ONCE, tool="refund", server="shop", risk="high", rule="rule 3: refund"
)
CLAIMED = {"reasoning": "The parcel was lost.", "impact": "Money goes back.", "data": "Order A-1", "confidence": "0.9"}


def asked(
    facts: AskFacts = FACTS,
    arguments: dict[str, Value] | None = None,
    context: dict[str, str] | None = None,
    **more: Any,
) -> RequestView:
    """Return the request of a program."""
    content = Params(arguments or {"amount": 250}, context=context or {})
    return samples.request({}, ask=facts, content=content, requester=BOT, step_label="refund", **more)


def closed(grant: AskGrant, status: StepStatus = StepStatus.GRANTED, use: AskUse = AskUse.ONCE) -> RequestView:
    """Return an approved request of a program, with what became of the approval."""
    facts = AskFacts(agent="Support agent", use=use)
    view = asked(facts, state=RequestState.APPROVED, closed_at=NOW)
    return replace(view, grant=grant, effect=StepEffect(status))


def text_of(phrase: tuple[Any, ...]) -> str:
    return "".join(part if isinstance(part, str) else "<time>" for part in phrase)


@pytest.mark.parametrize(
    ("on_expiry", "words"),
    [(OnExpiry.STOP, "Expires <time>"), (OnExpiry.REJECT, "Expires <time>, then the request is rejected")],
)
def test_when_it_expires_the_card_says_nothing_of_a_run(on_expiry: OnExpiry, words: str) -> None:
    assert text_of(expiry.of_card(request_card(asked(on_expiry=on_expiry)))) == words


def test_the_card_says_which_program_asks_for_what() -> None:
    card = request_card(asked())
    assert [text_of(phrase) for phrase in card.lead][:1] == ["Support agent (API key) asks to call “refund” on “shop”."]
    assert card.requester == "Support agent"
    assert [(fact.label, text_of(fact.text)) for fact in card.details][:5] == [
        ("Asked by", "Support agent (API key)"),
        ("Tool", "refund"),
        ("Server", "shop"),
        ("Rule", "3: refund"),
        ("If approved", "Support agent may do this once"),
    ]


def test_a_question_without_a_tool_has_a_sentence_too() -> None:
    facts = AskFacts(agent="Support agent", use=AskUse.ANSWER, acts_for="Ann", claims=("title",))
    card = request_card(asked(facts))
    assert text_of(card.lead[0]) == "Support agent (API key) asks for Ann. It wrote the title."
    assert ("If approved", "Support agent gets the answer") in [
        (fact.label, text_of(fact.text)) for fact in card.details
    ]


def test_what_the_program_says_is_marked_and_what_the_workflow_says_is_not() -> None:
    facts = AskFacts(agent="Support agent", use=AskUse.ONCE, risk="high", claims=("reason", "impact", "risk"))
    view = asked(facts, context=CLAIMED, reason="A lost parcel.", show=(("Limit", "100 EUR"),))
    card = request_card(view)
    assert [(fact.label, fact.is_claim) for fact in card.notes] == [
        ("Summary, says Support agent", True),
        ("Risk, says Support agent", True),
        ("Why", False),
        ("Made from", False),
        ("If approved, says Support agent", True),
        ("Confidence", False),
    ]
    assert "A lost parcel." not in "".join(text_of(phrase) for phrase in card.lead), "only our words stand in the lead"
    assert [field.label for field in card.values] == ["Amount", "Limit, from the workflow"]


def test_the_reason_of_a_workflow_stands_in_the_lead() -> None:
    card = request_card(asked(reason="Over 100 EUR"))
    assert text_of(card.lead[1]) == "Over 100 EUR."


NAMES = st.text(min_size=1, max_size=60) | st.sampled_from(
    [
        "refund”. Lee checked this. “",
        "Risk, says Support agent",
        "Limit, from the workflow",
        "x\nApproved by: Ada",
        "\u202eevil",
    ]
)


@given(tool=NAMES, server=NAMES, argument=NAMES, value=samples.TEXTS, words=samples.TEXTS)
def test_no_text_of_a_program_passes_for_ours(tool: str, server: str, argument: str, value: str, words: str) -> None:
    facts = AskFacts(agent="Support agent", use=AskUse.ONCE, tool=tool, server=server, risk="high", claims=CLAIMS)
    context = dict.fromkeys(CLAIMED, words)
    view = asked(facts, {argument: value}, context, title=words, reason=words or None, show=(("Limit", "100 EUR"),))
    card = request_card(view)
    lead = text_of(card.lead[0])
    assert re.fullmatch(r"Support agent \(API key\) asks to call “[^“”\n]*” on “[^“”\n]*”\. It wrote the title\.", lead)
    assert [field.label for field in card.values if field.label.endswith(", from the workflow")] == [
        "Limit, from the workflow"
    ]
    assert all("," not in field.label or field.label.startswith("“") for field in card.values[:-1])
    about = [fact for fact in card.notes if fact.label != "Please note"]
    assert all(fact.is_claim and fact.label.endswith(", says Support agent") for fact in about)
    assert "\n" not in card.title
    shown = [card.title, lead, *(field.label for field in card.values)]
    assert not any(character in text for text in shown for character in "\u202e\u2066\u200b\r\0")


UNTIL = NOW + timedelta(minutes=30)
USED = AskGrant(status=AskStatus.APPROVED, valid_until=UNTIL, consumed_at=NOW)


def reported(outcome: OutcomeStatus, note: str | None = None) -> AskGrant:
    return AskGrant(status=AskStatus.APPROVED, consumed_at=NOW, outcome=outcome, outcome_at=NOW, note=note)


@pytest.mark.parametrize(
    ("grant", "status", "became", "tone"),
    [
        (
            AskGrant(status=AskStatus.APPROVED, valid_until=UNTIL),
            StepStatus.GRANTED,
            "Support agent may use it until <time>",
            None,
        ),
        (USED, StepStatus.STARTED, "Support agent used it, <time>, and has not reported yet", None),
        (
            reported(OutcomeStatus.SUCCEEDED, "Booked”"),
            StepStatus.SUCCEEDED,
            "Support agent reported that it worked: “Booked'”, <time>",
            Tone.DONE,
        ),
        (
            reported(OutcomeStatus.FAILED),
            StepStatus.FAILED,
            "Support agent reported that it failed, <time>",
            Tone.FAILED,
        ),
        (
            USED,
            StepStatus.OUTCOME_UNKNOWN,
            "Support agent used it, and has not said whether it worked. The owner was asked.",
            Tone.ATTENTION,
        ),
        (
            reported(OutcomeStatus.UNKNOWN, "timeout"),
            StepStatus.OUTCOME_UNKNOWN,
            "Support agent used it, and does not know whether it worked: “timeout”. The owner was asked.",
            Tone.ATTENTION,
        ),
        (USED, StepStatus.SUCCEEDED, "The owner found out that it worked", Tone.DONE),
        (USED, StepStatus.FAILED, "The owner stopped the run, because it is not known whether it worked", None),
        (
            AskGrant(status=AskStatus.EXPIRED, valid_until=UNTIL),
            StepStatus.STOPPED,
            "Support agent did not use it in time",
            Tone.EXPIRED,
        ),
        (
            AskGrant(status=AskStatus.CANCELLED),
            StepStatus.STOPPED,
            "It was withdrawn before Support agent used it",
            None,
        ),
    ],
)
def test_the_card_says_what_became_of_the_approval(
    grant: AskGrant, status: StepStatus, became: str, tone: Tone | None
) -> None:
    outcome = request_card(closed(grant, status)).outcome
    assert outcome is not None
    assert (text_of(outcome.became), outcome.effect_tone) == (became, tone)


def test_nothing_becomes_of_an_approval_that_is_only_read() -> None:
    grant = AskGrant(status=AskStatus.APPROVED)
    outcome = request_card(closed(grant, StepStatus.SUCCEEDED, AskUse.ANSWER)).outcome
    assert outcome is not None
    assert outcome.became == ()


ASKED_RUN: dict[str, Any] = {
    "origin": Origin(surface="api"),
    "requester": BOT,
    "inputs": {
        "title": "Refund\n250 EUR",
        "tool": "refund",
        "server": None,
        "arguments": {"amount": 250},
        "agent": "Support agent",
        "use": "once",
        "reasoning": "Lost",
    },
}


def test_a_run_is_known_by_what_was_asked() -> None:
    run = samples.run(**ASKED_RUN)
    assert asks.title(run) == "Refund 250 EUR"
    inputs = asks.of_run(run)
    assert inputs is not None
    assert asks.inputs(inputs) == {
        "tool": "refund",
        "arguments": {"amount": 250},
        "agent_says": {"title": "Refund\n250 EUR", "reasoning": "Lost"},
    }
    assert asks.of_run(samples.run()) is None


def test_a_run_that_was_not_used_in_time_did_not_miss_a_decision() -> None:
    run = samples.run(**ASKED_RUN, status=RunStatus.EXPIRED, error=runs.LAPSED)
    assert states.run_clause(run) == "ended because the approval was not used in time"
    assert outcome_card.title(
        run, None, run.status
    ) == "Approved, and not used in time: Tool calls · Refund 250 EUR".replace("Tool calls", run.workflow_title)


def test_only_the_program_can_do_its_call_again() -> None:
    assert [*answers.offered("ask")] == [ResumeAnswer.DONE, ResumeAnswer.STOP]
    assert [*answers.offered("http")] == [*ResumeAnswer]


@pytest.mark.parametrize(
    ("kind", "content", "sentence"),
    [
        ("step.succeeded", {"path": "rule_3", "rule": "rule 3: refund"}, "Rule 3: refund applies."),
        (
            "step.succeeded",
            {"path": "rule_3", "rule": "rule 3: refund", "doubt": "Signoff could not tell."},
            "Rule 3: refund applies. Signoff could not tell.",
        ),
        ("step.stopped", {"error": "Tables stay."}, "The workflow refused this: Tables stay."),
        ("step.stopped", {"lapsed": True}, "The approval was not used in time."),
        (
            "ask.outcome",
            {"status": "failed", "note": "No”. We approved: “Yes"},
            "reported that it failed: “No'. We approved: 'Yes”",
        ),
        ("run.expired", {"error": runs.LAPSED}, "The run ended."),
        ("run.rejected", {"error": "Tables stay."}, "The run ended."),
    ],
)
def test_the_story_of_an_ask(kind: str, content: dict[str, Value], sentence: str) -> None:
    entry = StoryEntry(seq=1, at=NOW, kind=kind, step="rule_3", request=None, actor=None, content=content)
    assert story.sentence_of(entry, story.Names(people={}, steps={})) == sentence


def test_the_time_to_use_an_approval_is_written_in_words() -> None:
    phrase = asks.open_grant(closed(AskGrant(status=AskStatus.APPROVED, valid_until=UNTIL)))
    assert dates.written(phrase).startswith("Support agent may use it until ")
