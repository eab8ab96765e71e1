"""Asks over HTTP: created once, decided by people alone, consumed once, reported, cancelled, listed."""

from __future__ import annotations

import asyncio

from engine.domain import Verdict
from tests.support.api_env import ApiEnv
from tests.support.engine_env import until


async def test_an_ask_is_created_and_read(api: ApiEnv) -> None:
    created = await api.ask("Refund 120.00 EUR?", tool="refund", arguments={"amount": "120.00"}, editable=["amount"])
    assert created["status"] == "pending"
    assert created["created"] is True
    assert (created["decision"], created["rule"]) == (None, None)
    assert created["request"]["waiting_for"] == ["lee@example.com"]
    assert created["url"] == f"{api.url}/runs/{created['id']}"
    assert created["request"]["url"] == f"{api.url}/requests/{created['request']['id']}"
    reply = await api.call("GET", f"/asks/{created['id']}")
    assert reply.body == {**created, "created": False}


async def test_the_decision_and_its_edits_come_back(api: ApiEnv) -> None:
    ask = await api.ask(arguments={"amount": "120.00", "order": "A-1"}, editable=True)
    await api.decide(ask["id"], edits={"amount": "99.50"}, reason="The rest was paid.")
    now = (await api.call("GET", f"/asks/{ask['id']}")).body
    assert (now["status"], now["is_final"]) == ("approved", True)
    assert now["arguments"] == {"amount": "99.50", "order": "A-1"}
    assert now["rev"] > ask["rev"]
    decision = now["decision"]
    assert decision["verdict"] == "approved"
    assert decision["by"]["email"] == "lee@example.com"
    assert decision["reason"] == "The rest was paid."
    assert decision["edits"] == [{"path": "amount", "before": "120.00", "after": "99.50"}]


async def test_a_rejection_comes_back_with_its_reason(api: ApiEnv) -> None:
    ask = await api.ask()
    await api.decide(ask["id"], Verdict.REJECT, reason="Not this one.")
    now = (await api.call("GET", f"/asks/{ask['id']}")).body
    assert (now["status"], now["decision"]["reason"]) == ("rejected", "Not this one.")
    reply = await api.call("POST", f"/asks/{ask['id']}/consume")
    assert (reply.status, reply.code) == (409, "not-approved")


async def test_a_call_that_no_one_is_asked_about_passes_at_once(api: ApiEnv) -> None:
    ask = await api.ask(workflow="free")
    assert (ask["status"], ask["decision"]["verdict"], ask["request"]) == ("approved", "not_asked", None)


async def test_a_repeat_gets_the_same_ask_and_another_body_is_refused(api: ApiEnv) -> None:
    sent = {"Idempotency-Key": "call-1"}
    first = await api.call("POST", "/asks", {"title": "Once?"}, headers=sent)
    repeats = await asyncio.gather(*(api.call("POST", "/asks", {"title": "Once?"}, headers=sent) for _ in range(10)))
    assert first.status == 201
    assert {(reply.status, reply.body["id"], reply.body["created"]) for reply in repeats} == {
        (200, first.body["id"], False)
    }
    other = await api.call("POST", "/asks", {"title": "Twice?"}, headers=sent)
    assert (other.status, other.code) == (422, "idempotency-conflict")
    # Another program may use the same key.
    reply = await api.call("POST", "/asks", {"title": "Twice?"}, headers=sent, key=await api.new_key("Other agent"))
    assert reply.status == 201
    assert len((await api.call("GET", "/asks")).body["asks"]) == 1


async def test_calls_at_the_same_moment_create_one_ask(api: ApiEnv) -> None:
    sent = {"Idempotency-Key": "call-1"}
    replies = await asyncio.gather(*(api.call("POST", "/asks", {"title": "Once?"}, headers=sent) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == [200] * 19 + [201]
    assert len({reply.body["id"] for reply in replies}) == 1


async def test_of_fifty_that_consume_at_once_one_may_act(api: ApiEnv) -> None:
    ask = await api.ask(use="once", arguments={"amount": 5})
    await api.decide(ask["id"])
    path = f"/asks/{ask['id']}/consume"
    replies = await asyncio.gather(*(api.call("POST", path) for _ in range(50)))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 49
    assert {reply.code for reply in replies if reply.status == 409} == {"already-consumed"}


async def test_a_consume_that_is_repeated_with_its_key_gets_the_same_answer(api: ApiEnv) -> None:
    ask = await api.ask(use="once")
    await api.decide(ask["id"])
    path, sent = f"/asks/{ask['id']}/consume", {"Idempotency-Key": "act-1"}
    replies = [await api.call("POST", path, headers=sent) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert len({reply.body["consumed_at"] for reply in replies}) == 1
    assert (await api.call("POST", path, headers={"Idempotency-Key": "act-2"})).code == "already-consumed"


async def test_what_was_not_approved_is_not_consumed(api: ApiEnv) -> None:
    ask = await api.ask(use="once", arguments={"amount": 5, "to": "Kim"})
    path = f"/asks/{ask['id']}/consume"
    assert (await api.call("POST", path)).code == "not-approved"
    await api.decide(ask["id"])
    for body in ({"arguments": {"amount": 500, "to": "Kim"}}, {"digest": "0" * 64}):
        reply = await api.call("POST", path, body)
        assert (reply.status, reply.code) == (409, "arguments-changed")
    digest = (await api.call("GET", f"/asks/{ask['id']}")).body["digest"]
    reply = await api.call("POST", path, {"arguments": {"to": "Kim", "amount": 5}, "digest": digest})
    assert reply.status == 200
    assert reply.body["consumed_at"] is not None


async def test_the_outcome_is_reported_once(api: ApiEnv) -> None:
    ask = await api.ask(use="once")
    path = f"/asks/{ask['id']}/outcome"
    assert (await api.call("POST", path, {"status": "succeeded"})).code == "not-consumed"
    await api.decide(ask["id"])
    await api.call("POST", f"/asks/{ask['id']}/consume")
    done = await api.call("POST", path, {"status": "succeeded", "note": "paid", "result": {"receipt": 7}})
    assert (done.status, done.body["outcome"]["status"], done.body["outcome"]["note"]) == (200, "succeeded", "paid")
    assert (await api.call("POST", path, {"status": "failed"})).code == "outcome-already-known"
    assert (await api.call("POST", path, {"status": "succeeded", "note": "paid"})).status == 200
    assert (await api.call("POST", path, {"status": "maybe"})).status == 422


async def test_an_ask_can_be_withdrawn(api: ApiEnv) -> None:
    ask = await api.ask()
    cancelling = asyncio.ensure_future(
        api.call("POST", f"/asks/{ask['id']}/cancel", {"reason": "The customer called."})
    )
    await until(lambda: len(api.api.waits) == 1)
    await api.env.settle()
    reply = await cancelling
    assert (reply.status, reply.body["status"], reply.body["is_final"]) == (200, "cancelled", True)
    again = await api.call("POST", f"/asks/{ask['id']}/cancel")
    assert (again.status, again.body["status"]) == (200, "cancelled")


async def test_asks_of_others_do_not_exist_and_to_try_is_on_the_record(api: ApiEnv) -> None:
    ask = await api.ask(use="once")
    await api.decide(ask["id"])
    other = await api.new_key("Other agent")
    for method, path, body in [
        ("GET", "", None),
        ("GET", "/events", None),
        ("POST", "/consume", {}),
        ("POST", "/outcome", {"status": "succeeded"}),
        ("POST", "/cancel", {}),
    ]:
        foreign = await api.call(method, f"/asks/{ask['id']}{path}", body, key=other)
        missing = await api.call(method, f"/asks/{ask['id'][::-1]}{path}", body, key=other)
        assert (foreign.status, foreign.code) == (missing.status, missing.code) == (404, "not-found")
        assert foreign.body["detail"].replace(ask["id"], "") == missing.body["detail"].replace(ask["id"][::-1], "")
    assert (await api.call("GET", "/asks", key=other)).body == {"asks": [], "next_cursor": None}
    tried = [kind for kind in await api.env.kinds(ask["id"]) if kind == "ask.refused"]
    assert len(tried) == 5
    assert (await api.call("POST", f"/asks/{ask['id']}/consume")).status == 200


async def test_pages_of_a_list_hold_each_ask_once(api: ApiEnv) -> None:
    created = []
    for number in range(7):
        created.append((await api.ask(f"Number {number}?", workflow="approvals" if number % 2 else "free"))["id"])
        api.env.pass_time(seconds=1)
    found: list[str] = []
    cursor = ""
    while True:
        page = (await api.call("GET", f"/asks?limit=3{cursor}")).body
        found += [ask["id"] for ask in page["asks"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == created[::-1]
    pending = (await api.call("GET", "/asks?status=pending")).body["asks"]
    assert [ask["id"] for ask in pending] == created[::-1][1::2]
    free = (await api.call("GET", "/asks?workflow=free")).body["asks"]
    assert [ask["id"] for ask in free] == created[::-1][0::2]


async def test_a_workflow_that_takes_no_asks_says_so(api: ApiEnv) -> None:
    for workflow in ("pay", "missing"):
        reply = await api.call("POST", "/asks", {"title": "May I?", "workflow": workflow})
        assert (reply.status, reply.code) == (409, "ask-workflow-missing")
        assert workflow in reply.body["detail"]


async def test_a_program_asks_in_the_name_of_its_person_alone(api: ApiEnv) -> None:
    ann = await api.new_key("Ann's agent", acts_for="ann@example.com")
    assert (await api.call("POST", "/asks", {"title": "May I?", "requester": "Ann@example.com"}, key=ann)).status == 201
    for key in (ann, api.key):
        reply = await api.call("POST", "/asks", {"title": "May I?", "requester": "lee@example.com"}, key=key)
        assert (reply.status, reply.code) == (403, "not-allowed")


async def test_what_people_cannot_be_shown_is_named(api: ApiEnv) -> None:
    reply = await api.call("POST", "/asks", {"title": "May I?", "fields": {"amount": {"type": "gold"}}})
    assert (reply.status, reply.code) == (422, "invalid-ask")
    assert any(path.startswith("fields") for path in reply.body["errors"])
