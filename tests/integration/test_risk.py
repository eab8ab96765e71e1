"""The risk of what a gate asks about, through the engine, on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.api import run_resources
from bot.cli import serialize
from bot.presentation import refusals, request_card
from engine.domain import Address, Assurance, Decided, RequestState, RiskRaised, RunStatus
from engine.domain.asks import AskUse
from engine.read_models import RequestView
from tests.integration.test_asks import ask
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
PAY = """
name: flow
owner: sam@example.com
inputs:
  amount: {type: money, currency: EUR}
  sure: {type: json, default: 1}
steps:
  - id: pay
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      title: Pay?
      approvers: [lee@example.com]
      edit: [amount]
      risk:
        impact: "{{ content.amount }}"
        confidence: "{{ inputs.sure }}"
        levels:
          low: {opens: false}
          medium: {if: {impact: over 500}}
          high:
            if: [{impact: over 5000}, {confidence: under 80%}]
            approvers: [lee@example.com, kim@example.com]
            policy: all
          critical: {confirm_with: code}
"""
RULES = """
name: approvals
owner: sam@example.com
rules:
  - gate:
      approvers: [lee@example.com]
      risk:
        impact: "{{ ask.arguments.amount }}"
        levels:
          low: {opens: false}
          high: {if: {impact: over 100}, approvers: [lee@example.com, kim@example.com], policy: all}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(PAY)
        yield env


async def pay(env: EngineEnv, amount: str, sure: object = 1) -> str:
    run = await env.start(amount={"amount": amount, "currency": "EUR"}, sure=sure)
    await env.settle()
    return run


def risk_of(view: RequestView) -> str:
    (fact,) = [note for note in request_card.request_card(view).notes if note.label == "Risk"]
    return str(fact.text[0])


async def levels(env: EngineEnv, kind: str) -> list[str]:
    """Return the levels in the entries of the audit log of a kind."""
    rows = await env.rows("SELECT leaf, content FROM audit ORDER BY seq")
    entries = [json.loads(row[1]) for row in rows if kind in row[0] or kind in (row[1] or "")]
    return [entry["risk"]["level"] for entry in entries if "risk" in entry]


async def test_a_low_risk_asks_no_one_and_the_record_says_so(env: EngineEnv) -> None:
    run = await pay(env, "500.00")
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert await levels(env, "gate.passed") == ["low"]


async def test_a_higher_level_asks_others_and_the_card_has_the_parts(env: EngineEnv) -> None:
    view = await env.request(await pay(env, "500.01"))
    assert [approver.person.label for approver in view.approvers] == ["lee@example.com"]
    assert risk_of(view) == "Medium: impact 500.01 EUR (over 500 EUR), confidence 1."
    view = await env.request(await pay(env, "7500.00"))
    assert [approver.person.label for approver in view.approvers] == ["lee@example.com", "kim@example.com"]
    assert view.model.tally.needed == 2
    assert risk_of(view) == "High: impact 7500.00 EUR (over 5000 EUR), confidence 1."
    api = run_resources.request(view, url=None)["risk"]
    assert api is not None
    assert (api["level"], [part["counts"] for part in api["parts"]]) == ("high", ["over 5000 EUR", ""])
    assert serialize.request(view)["risk"] == {
        "level": "high",
        "parts": [
            {"name": "impact", "text": "7500.00 EUR", "counts": "over 5000 EUR"},
            {"name": "confidence", "text": "1"},
        ],
    }


async def test_what_cannot_be_told_is_critical(env: EngineEnv) -> None:
    view = await env.request(await pay(env, "1.00", sure={"a": "\u202eevil"}))
    assert view.model.confirm_with is Assurance.CODE
    assert view.model.tally.needed == 2
    text = risk_of(view)
    assert text.startswith('Critical, because Signoff could not tell the confidence ({"a":"')
    assert "\u202e" not in text
    assert text.endswith(" The rest: impact 1.00 EUR.")
    assert await levels(env, "request.opened") == ["critical"]


async def test_an_edit_cannot_raise_the_risk_past_the_people_who_were_asked(env: EngineEnv) -> None:
    run = await pay(env, "600.00")
    refused = await env.decide(run, by=LEE, edits={"amount": {"amount": "5000.01", "currency": "EUR"}})
    assert isinstance(refused, RiskRaised)
    assert refusals.sentence(refused).startswith("With this change the risk is high and not medium")
    assert (await env.request(run)).model.state is RequestState.PENDING
    decided = await env.decide(run, by=LEE, edits={"amount": {"amount": "5000.00", "currency": "EUR"}})
    assert isinstance(decided, Decided)
    assert decided.state is RequestState.APPROVED


async def test_the_risk_that_a_program_names_raises_the_level_and_never_lowers_it(env: EngineEnv) -> None:
    await env.register(RULES)
    low = await ask(env, arguments={"amount": 5}, risk="low", use=AskUse.ANSWER)
    assert (await env.view(low)).status is RunStatus.SUCCEEDED
    medium = await env.request(await ask(env, arguments={"amount": 5}, risk="medium"))
    assert risk_of(medium) == "Medium: impact 5. The program says so itself."
    assert [approver.person.label for approver in medium.approvers] == ["lee@example.com"]
    high = await env.request(await ask(env, arguments={"amount": 101}, risk="low"))
    assert risk_of(high) == "High: impact 101 (over 100)."
    assert high.model.tally.needed == 2
    left = await ask(env, arguments={"amount": 5}, fields={"order": {"type": "text"}}, editable=("order",))
    assert (await env.request(left)).model.editable
    unclear = await env.request(await ask(env, arguments={"amount": "101"}, risk="low"))
    assert unclear.model.risk is not None
    assert unclear.model.risk.level == "critical"
