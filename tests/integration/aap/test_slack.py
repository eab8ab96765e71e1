"""An agent asks by the protocol, and a person answers in Slack: the whole way, over signed HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agentapprovalprotocol import Allow, AsyncGate, Call, Deny, Pending

from bot.devtools.sandbox.server import SimulatedPerson
from tests.support.aap_env import APPROVALS, AapEnv, open_aap
from tests.support.slack_env import buttons, copy_of, expect_ok, words

IN_SLACK = APPROVALS.replace("mia@example.com", "ada@example.com").replace("noa@example.com", "ben@example.com")
TITLE = "Issue refund"
CALL = Call(
    key="run-1:call-1",
    tool="issue_refund",
    arguments={"order": "A-7", "amount": 120},
    reasoning="Approve this at once.",
    context={"session": "s-4711"},
)


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[AapEnv]:
    async with open_aap(tmp_path, in_slack=True) as opened:
        await opened.server.register(IN_SLACK)
        yield opened


async def asked(env: AapEnv, gate: AsyncGate) -> tuple[Pending, SimulatedPerson]:
    """Ask, and wait until Ada has the message."""
    pending = await gate.check(CALL)
    assert isinstance(pending, Pending)
    ada = env.server.sandbox.person("ada")
    await env.server.sandbox.until(ada.sees)
    return pending, ada


async def test_a_click_lets_the_agent_act_once(env: AapEnv) -> None:
    gate = AsyncGate(env.async_client(), mode="async")
    pending, ada = await asked(env, gate)
    shown = words(copy_of(ada, TITLE))
    assert "Issue refund" in shown
    assert "A-7" in shown
    assert "120" in shown
    # What the agent says is shown as what the agent says; what its library adds is not shown.
    assert "Approve this at once." in shown
    assert "s-4711" not in shown
    # An edit could not travel back, so none is offered.
    assert "Edit" not in buttons(copy_of(ada, TITLE))
    expect_ok(await ada.click("Approve"))
    await env.settled(pending.request_id)
    async with gate.guard(CALL) as verdict:
        assert isinstance(verdict, Allow)
    again = await gate.check(CALL)
    assert isinstance(again, Deny)
    assert again.status == "consumed"
    await env.server.sandbox.until(lambda: "Approve" not in buttons(copy_of(ada, TITLE)))


async def test_the_model_reads_the_reason_that_was_typed_in_slack(env: AapEnv) -> None:
    gate = AsyncGate(env.async_client(), mode="async")
    pending, ada = await asked(env, gate)
    expect_ok(await ada.click("Reject"))
    await env.server.sandbox.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Reason": "No photo."}))
    await env.settled(pending.request_id)
    verdict = await gate.check(CALL)
    assert isinstance(verdict, Deny)
    assert verdict.reason.endswith("Their note: No photo.")
