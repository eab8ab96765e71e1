"""Asks that a sampling plan let through: their program reads that, consumes them, and finds them in every list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.api import decision_cursor
from engine.domain import Address, Decided
from engine.domain.api_keys import ApiAction
from tests.support.api_env import ApiEnv, open_api
from tests.support.databases import OpenStore

KIM = Address("email", "kim@example.com")
PLAN = """\
name: approvals
title: Tool calls of agents
owner: kim@example.com
steps:
  - id: ask
    uses: ask
    gate:
      approvers: [lee@example.com]
      edit: [amount]
      autonomy: {clean: 3, sample: 10%, review_after: 50%, only_when: true, class: "{{ ask.tool }}"}
"""


@pytest.fixture
async def api(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[ApiEnv]:
    async with open_api(tmp_path / "signoff.db", open_store=open_database, workflows=(PLAN,)) as api:
        yield api


async def ask(api: ApiEnv) -> dict[str, Any]:
    api.env.pass_time(seconds=1)
    created = await api.ask(use="once", tool="refund", arguments={"amount": "12.00"}, editable=["amount"])
    await api.env.settle()
    found: dict[str, Any] = (await api.call("GET", f"/asks/{created['id']}")).body
    return found


async def relax(api: ApiEnv) -> None:
    """Let Kim, who owns the workflow that Sam registered, agree that a share is reviewed."""
    for _ in range(3):
        await api.decide((await ask(api))["id"])
    ((proposal,),) = await api.env.rows("SELECT run FROM oversight_request")
    assert isinstance(await api.env.decide(str(proposal), by=KIM), Decided)
    await api.env.settle()


async def ask_unreviewed(api: ApiEnv) -> dict[str, Any]:
    for _ in range(100):
        found = await ask(api)
        if found["status"] != "pending":
            return found
        await api.decide(found["id"])
    raise AssertionError("the draw never let one through")


async def test_a_program_reads_that_its_ask_was_not_reviewed_and_consumes_it_once(api: ApiEnv) -> None:
    await relax(api)
    passed = await ask_unreviewed(api)
    assert (passed["status"], passed["request"]) == ("approved", None)
    assert (passed["decision"]["verdict"], passed["decision"]["by"]) == ("not_reviewed", None)
    assert passed["arguments"] == {"amount": "12.00"}
    consumed = await api.call("POST", f"/asks/{passed['id']}/consume")
    assert consumed.status == 200, consumed.text
    assert consumed.body["digest"] == passed["digest"]
    again = await api.call("POST", f"/asks/{passed['id']}/consume")
    assert (again.status, again.code) == (409, "already-consumed")
    report = await api.call("POST", f"/asks/{passed['id']}/outcome", {"status": "succeeded"})
    assert report.status == 200, report.text


async def test_the_list_of_decisions_ends_with_it(api: ApiEnv) -> None:
    await relax(api)
    passed = await ask_unreviewed(api)
    since = "/decisions?since=2020-01-01T00:00:00Z"
    page = (await api.call("GET", since)).body
    assert page["next_cursor"] is None
    last = page["decisions"][-1]
    assert (last["run"], last["verdict"], last["decision"]) == (passed["id"], "not_reviewed", None)
    assert [one["verdict"] for one in page["decisions"][:3]] == ["approved"] * 3
    after = decision_cursor.of((last["run"], last["step"], last["visit"]))
    rest = (await api.call("GET", f"{since}&cursor={after}")).body
    assert rest == {"decisions": [], "next_cursor": None}
    before = decision_cursor.of(("0", "ask", 0))
    again = (await api.call("GET", f"{since}&cursor={before}")).body["decisions"]
    assert [one["run"] for one in again] == [passed["id"]]
    free = await api.new_key("Reader of free", actions=(ApiAction.READ,), workflows=("free",))
    assert (await api.call("GET", since, key=free)).body["decisions"] == []
    for wrong in ("unreviewed:0", "unreviewed:0:x:ask", "no spaces", "x" * 301):
        assert (await api.call("GET", f"{since}&cursor={wrong}")).status == 422


async def test_lists_of_asks_and_of_runs_have_it_with_its_verdict(api: ApiEnv) -> None:
    await relax(api)
    passed = await ask_unreviewed(api)
    listed = {one["id"]: one for one in (await api.call("GET", "/asks?limit=100")).body["asks"]}
    assert listed[passed["id"]]["decision"]["verdict"] == "not_reviewed"
    assert [one["decision"]["verdict"] for key, one in listed.items() if key != passed["id"]].count("approved") >= 3
    runs = {one["id"]: one["not_reviewed"] for one in (await api.call("GET", "/runs?limit=100")).body["runs"]}
    assert runs[passed["id"]] is True
    assert [key for key, is_so in runs.items() if is_so] == [passed["id"]]
    run = (await api.call("GET", f"/runs/{passed['id']}")).body
    assert run["not_reviewed"] is True
    events = await api.env.kinds(passed["id"])
    assert "gate.sampled_out" in events
