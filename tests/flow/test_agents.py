"""Programs that ask the real server: approved, edited, rejected, restarted, and killed at every point."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

import signoff
from tests.support.agents import Agents, open_agents
from tests.support.holding_proxy import holding_proxy
from tests.support.http_service import PATIENCE
from tests.support.processes import serving


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    with open_agents(tmp_path_factory.mktemp("agents")) as (agents, _):
        yield agents


# -- what an agent gets -------------------------------------------------------------------------------------


def test_a_function_runs_as_approved_with_the_edit(agents: Agents) -> None:
    agent = agents.start("A-1", agents.url)
    agents.decide("Refund A-1?", "edit", "amount=80")
    assert agents.end(agent) == "done\n"
    assert agents.effects("A-1") == ["80.0"]


def test_a_round_amount_can_be_edited_to_one_with_cents(agents: Agents) -> None:
    thread = agents.deciding("Pay A-5?", "edit", "amount=99.50")
    with agents.client.approve("Pay A-5?", tool="refund", amount=Decimal(100), editable=["amount"]) as approval:
        assert approval["amount"] == Decimal("99.50")
    thread.join()


def test_a_rejection_is_an_exception_with_the_reason(agents: Agents) -> None:
    thread = agents.deciding("Pay A-2?", "reject", "--reason", "Twice")
    with pytest.raises(signoff.Rejected, match=r"'Pay A-2\?' was rejected by .*: Twice") as raised:
        agents.client.approve("Pay A-2?", tool="refund", amount=1)
    thread.join()
    assert raised.value.reason == "Twice"


def test_rules_pass_and_refuse_without_a_person(agents: Agents) -> None:
    with agents.client.approve("Read A-3", tool="read_order", order="A-3") as approval:
        assert (approval["order"], approval.by) == ("A-3", None)
    assert approval.ask.decision is not None
    assert approval.ask.decision.verdict == "not_asked"
    with pytest.raises(signoff.Rejected, match="Tables are dropped by people only"):
        agents.client.approve("Drop orders", tool="drop_table", table="orders")


def test_people_fill_in_fields(agents: Agents) -> None:
    thread = agents.deciding("Which region for A-4?", "edit", "region=eu", "limit=12.50")
    fields: dict[str, Any] = {"region": {"type": "choice", "options": ["eu", "us"]}, "limit": {"type": "number"}}
    assert agents.client.ask("Which region for A-4?", fields=fields) == {"region": "eu", "limit": 12.5}
    thread.join()


def test_what_the_server_refuses_is_told_with_the_place(agents: Agents) -> None:
    with pytest.raises(signoff.Refused) as raised:
        agents.client.approve("Pay?", tool="refund", amount=1, editable=["sum"])
    assert "sum" in str(raised.value)
    with pytest.raises(signoff.Refused, match="approvals2"):
        agents.client.approve("Pay?", workflow="approvals2", amount=1)
    with pytest.raises(signoff.Refused) as unknown:
        signoff.Client(agents.url, agents.key[:-1] + ("a" if agents.key[-1] != "a" else "b")).approve("Pay?")
    assert unknown.value.status == 401


def test_every_kind_of_value_comes_back_as_it_was_passed(agents: Agents) -> None:
    values: dict[str, Any] = {
        "text": "Zürich \U0001f600\n",
        "empty": "",
        "padded": " x ",
        "large": 2**60,
        "small": 0.1,
        "nothing": None,
        "yes": True,
        "nested": {"list": [1, "a", {"b": []}], "of": {}},
        "money": {"amount": "84.50", "currency": "EUR"},
        "money_number": {"amount": 84.5, "currency": "EUR"},
        "date": "2026-03-02",
    }
    with agents.client.approve("Read it", tool="read_order", arguments=values) as approval:
        assert dict(approval) == values
    thread = agents.deciding("Keep it?")
    with agents.client.approve("Keep it?", tool="keep", arguments=values, editable=True) as approval:
        assert dict(approval) == values
    thread.join()


async def test_fifty_programs_with_one_key_use_one_approval(agents: Agents) -> None:
    client = signoff.AsyncClient(agents.url, agents.key)
    thread = agents.deciding("Pay once?")
    calls = (client.approve("Pay once?", tool="refund", amount=1, key="once") for _ in range(50))
    results = await asyncio.gather(*calls, return_exceptions=True)
    thread.join()
    assert sorted(type(result).__name__ for result in results) == ["AlreadyUsed"] * 49 + ["Approval"]


def test_waiting_goes_on_while_the_server_is_killed_and_started_again(tmp_path: Path) -> None:
    with open_agents(tmp_path) as (agents, server):
        agent = agents.start("A-1", agents.url)
        agents.request("Refund A-1?")
        server.kill()
        with serving(agents.installation):
            agents.decide("Refund A-1?")
            assert agents.end(agent) == "done\n"
            assert agents.effects("A-1") == ["84.5"]


# -- an agent that is killed --------------------------------------------------------------------------------

POINTS: list[tuple[str, str, Literal["before", "after"], bool]] = [
    ("before the ask", "POST /api/v1/asks", "before", True),
    ("after the ask", "POST /api/v1/asks", "after", True),
    ("while people think", "GET /api/v1/asks/", "before", True),
    ("after the approval", "GET /api/v1/asks/", "after", True),
    ("before the use", "/consume", "before", True),
    ("after the use", "/consume", "after", False),
    ("before the report", "/outcome", "before", False),
    ("after the report", "/outcome", "after", False),
]


@pytest.mark.parametrize(("hold", "when", "runs"), [point[1:] for point in POINTS], ids=[point[0] for point in POINTS])
def test_an_agent_that_is_killed_runs_at_most_once(
    agents: Agents, request: pytest.FixtureRequest, hold: str, when: Literal["before", "after"], runs: bool
) -> None:
    order = request.node.callspec.id.replace(" ", "-")
    title = f"Refund {order}?"
    is_decided = hold == "/consume" or hold == "/outcome" or (hold, when) == ("GET /api/v1/asks/", "after")
    with holding_proxy(agents.port, hold, when) as proxy:
        agent = agents.start(order, proxy.url)
        if is_decided:
            agents.decide(title)
        assert proxy.held.wait(PATIENCE)
        agent.send_signal(signal.SIGKILL)
        agents.end(agent)
    ran_before = len(agents.effects(order))
    second = agents.start(order, agents.url)
    if not is_decided:
        agents.decide(title)
    printed = agents.end(second)
    if runs:
        assert printed == "done\n"
        assert (ran_before, agents.effects(order)) == (0, ["84.5"])
    else:
        assert "AlreadyUsed" in printed
        assert len(agents.effects(order)) == ran_before == (1 if hold == "/outcome" else 0)


def test_an_agent_that_is_killed_inside_the_effect_does_not_run_again(agents: Agents) -> None:
    stop = agents.folder / "stop"
    stop.touch()
    agent = agents.start("inside", agents.url)
    agents.decide("Refund inside?")
    assert agent.stdout is not None
    assert agent.stdout.readline() == "inside\n"
    agent.send_signal(signal.SIGKILL)
    agents.end(agent)
    stop.unlink()
    assert "Whether it was carried out is not known" in agents.end(agents.start("inside", agents.url))
    assert agents.effects("inside") == ["84.5"]
