"""Runs, requests, decisions and workflows over HTTP: started once, and read by the keys that may."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.domain.api_keys import ApiAction
from tests.support.api_env import ApiEnv

PAY: dict[str, Any] = {"workflow": "pay", "inputs": {"amount": {"amount": "12.50", "currency": "EUR"}}}


async def start(api: ApiEnv, body: dict[str, Any] = PAY, *, key: str | None = None) -> dict[str, Any]:
    reply = await api.call("POST", "/runs", body, key=key)
    assert reply.status == 201, reply.text
    started: dict[str, Any] = reply.body
    return started


async def test_a_run_is_started_and_read(api: ApiEnv) -> None:
    run = await start(api)
    assert (run["workflow"], run["status"], run["created"]) == ("pay", "waiting", True)
    assert run["inputs"] == {"amount": {"amount": "12.50", "currency": "EUR"}, "note": "rent"}
    assert run["requester"]["name"] == "Support agent"
    await api.decide(run["id"])
    now = (await api.call("GET", f"/runs/{run['id']}")).body
    assert now["status"] == "succeeded"
    assert [(step["step"], step["status"]) for step in now["steps"]] == [("pay", "succeeded")]
    assert now["steps"][0]["output"] == {"paid": {"amount": "12.50", "currency": "EUR"}}


async def test_a_start_that_is_repeated_starts_nothing_new(api: ApiEnv) -> None:
    sent = {"Idempotency-Key": "pay-1"}
    replies = await asyncio.gather(*(api.call("POST", "/runs", PAY, headers=sent) for _ in range(10)))
    assert sorted(reply.status for reply in replies) == [200] * 9 + [201]
    assert len({reply.body["id"] for reply in replies}) == 1
    other = {"workflow": "pay", "inputs": {"amount": {"amount": "1250.00", "currency": "EUR"}}}
    reply = await api.call("POST", "/runs", other, headers=sent)
    assert (reply.status, reply.code) == (422, "idempotency-conflict")


async def test_wrong_inputs_are_named(api: ApiEnv) -> None:
    reply = await api.call("POST", "/runs", {"workflow": "pay", "inputs": {"note": 5, "other": 1}})
    assert (reply.status, reply.code) == (422, "invalid-inputs")
    assert set(reply.body["errors"]) == {"amount", "note", "other"}
    reply = await api.call("POST", "/runs", {"workflow": "nothing"})
    assert (reply.status, reply.code) == (404, "not-found")


async def test_only_an_ask_starts_a_workflow_that_decides_about_asks(api: ApiEnv) -> None:
    reply = await api.call("POST", "/runs", {"workflow": "approvals"})
    assert (reply.status, reply.code) == (409, "only-by-ask")


async def test_keys_read_what_is_theirs_and_what_they_may(api: ApiEnv) -> None:
    mine = await start(api)
    ask = await api.ask()
    only_starts = await api.new_key("Starter", actions=(ApiAction.START,))
    of_pay = await api.new_key("Reader of pay", actions=(ApiAction.READ,), workflows=("pay",))
    reads_all = await api.new_key("Reader", actions=(ApiAction.READ,))
    own = await start(api, key=only_starts)
    for key, runs in [
        (only_starts, {own["id"]}),
        (of_pay, {mine["id"], own["id"]}),
        (reads_all, {mine["id"], own["id"], ask["id"]}),
        (await api.new_key("Asker", actions=(ApiAction.ASK,)), set()),
    ]:
        listed = (await api.call("GET", "/runs", key=key)).body["runs"]
        assert {run["id"] for run in listed} == runs
        asked = (await api.call("GET", "/requests", key=key)).body["requests"]
        assert {request["run"] for request in asked} == runs
        for run in (mine, own, ask):
            reply = await api.call("GET", f"/runs/{run['id']}", key=key)
            assert reply.status == (200 if run["id"] in runs else 404)
            request = (await api.env.request(run["id"])).id
            for path in (f"/requests/{request}", f"/requests/{request}/deliveries"):
                assert (await api.call("GET", path, key=key)).status == (200 if run["id"] in runs else 404)


async def test_a_program_cancels_its_own_run_and_no_other(api: ApiEnv) -> None:
    starter = await api.new_key("Starter", actions=(ApiAction.START,))
    run = await start(api, key=starter)
    reader = await api.new_key("Reader", actions=(ApiAction.READ,))
    assert (await api.call("POST", f"/runs/{run['id']}/cancel", key=reader)).code == "not-allowed"
    assert (await api.call("POST", f"/runs/{run['id']}/cancel", {"reason": "Late"}, key=starter)).status == 200
    await api.env.settle()
    again = await api.call("POST", f"/runs/{run['id']}/cancel", key=starter)
    assert (again.status, again.body["status"]) == (200, "cancelled")


async def test_a_key_that_acts_for_a_person_starts_in_their_name(api: ApiEnv) -> None:
    key = await api.new_key("Ann's agent", acts_for="ann@example.com")
    run = await start(api, key=key)
    assert run["requester"]["email"] == "ann@example.com"
    assert (await api.call("GET", f"/runs/{run['id']}", key=key)).status == 200
    assert (await api.call("POST", f"/runs/{run['id']}/cancel", key=key)).status == 200


async def test_decisions_are_read_with_all_that_is_kept(api: ApiEnv) -> None:
    run = await start(api)
    await api.decide(run["id"], reason="Looks right.")
    page = (await api.call("GET", "/decisions?since=2020-01-01T00:00:00Z")).body
    (decision,) = page["decisions"]
    assert (decision["run"], decision["verdict"], decision["reason"]) == (run["id"], "approved", "Looks right.")
    assert page["next_cursor"] is None
    kinds = await api.env.rows("SELECT leaf FROM audit ORDER BY seq DESC LIMIT 1")
    assert "decisions" in kinds[0][0]
    of_free = await api.new_key("Reader of free", actions=(ApiAction.READ,), workflows=("free",))
    assert (await api.call("GET", "/decisions?since=2020-01-01T00:00:00Z", key=of_free)).body["decisions"] == []
    for query in ("", "?since=yesterday", "?since=2020-01-01", "?since=2020-01-01T00:00:00Z&workflow=pay"):
        status = (await api.call("GET", f"/decisions{query}", key=of_free)).status
        assert status == (403 if "workflow" in query else 422)


async def test_workflows_say_what_they_take(api: ApiEnv) -> None:
    names = [workflow["name"] for workflow in (await api.call("GET", "/workflows")).body["workflows"]]
    assert sorted(names) == ["approvals", "free", "pay"]
    pay = (await api.call("GET", "/workflows/pay")).body
    assert pay["inputs"]["required"] == ["amount"]
    assert pay["takes_asks"] is False
    assert (await api.call("GET", "/workflows/free")).body["takes_asks"] is True
    some = await api.new_key("Some", workflows=("fr*",))
    assert [each["name"] for each in (await api.call("GET", "/workflows", key=some)).body["workflows"]] == ["free"]
    assert (await api.call("GET", "/workflows/pay", key=some)).status == 404


async def test_pages_of_runs_hold_each_run_once(api: ApiEnv) -> None:
    started = []
    for _ in range(5):
        started.append((await start(api))["id"])
        api.env.pass_time(seconds=1)
    starter = await api.new_key("Starter", actions=(ApiAction.START,))
    await start(api, key=starter)
    for path, of in (("/runs", "id"), ("/requests", "run")):
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = (await api.call("GET", f"{path}?limit=2&open=true{cursor and f'&cursor={cursor}'}")).body
            found += [each[of] for each in page[path[1:]]]
            cursor = page["next_cursor"]
        assert [run for run in found if run in started] == started[::-1]
        assert len(found) == len(set(found)) == 6
