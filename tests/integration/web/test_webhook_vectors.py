"""Webhooks over real HTTP: the published vectors of Standard Webhooks, and what the definition refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import json_values
from engine.errors import InvalidValue
from engine.webhooks import MOST_BYTES, WINDOW
from tests.support.databases import OpenStore
from tests.support.fakes import FakeClock
from tests.support.refused_values import HOSTILE_BODIES, REFUSED_VALUES
from tests.support.webhook_env import Hooks, open_hooks

FLOW = """
name: flow
owner: sam@example.com
inputs: {test: integer}
triggers:
  - webhook: {secret: HOOK}
    inputs: {test: "{{ trigger.body.test }}"}
steps:
  - {id: act, uses: set, with: {a: "{{ inputs.test }}"}, gate: {approvers: [lee@example.com]}}
"""
# The example of the project: its test suites in nine languages have it.
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": SIGNATURE,
}
# From the same suites and from the specification: signatures of other secrets, versions and messages.
OTHERS = (
    "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
    "v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
    "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=",
    "v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=",
    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
)


@pytest.fixture(params=[f"whsec_{SECRET}", SECRET], ids=["with prefix", "without"])
async def hooks(request: pytest.FixtureRequest, tmp_path: Path, open_database: OpenStore) -> AsyncIterator[Hooks]:
    async with open_hooks(tmp_path, open_database, FLOW, {"HOOK": request.param}, FakeClock(SENT_AT)) as hooks:
        yield hooks


async def test_the_published_call_starts_a_run_once(hooks: Hooks) -> None:
    assert (await hooks.send(BODY, headers=HEADERS))[0] == 201
    assert (await hooks.send(BODY, headers={name.title(): text for name, text in HEADERS.items()}))[0] == 200
    (run,) = await hooks.runs()
    assert run.inputs == {"test": 2432232314}


async def test_one_signature_among_others_is_enough(hooks: Hooks) -> None:
    among = " ".join([*OTHERS, SIGNATURE])
    assert (await hooks.send(BODY, headers={**HEADERS, "webhook-signature": among}))[0] == 201


@pytest.mark.parametrize("delta", [WINDOW, -WINDOW])
async def test_a_call_within_the_window_is_taken(hooks: Hooks, delta: timedelta) -> None:
    hooks.env.clock.pass_time(delta)
    assert (await hooks.send(BODY, headers=HEADERS))[0] == 201


@pytest.mark.parametrize("delta", [WINDOW + timedelta(seconds=1), -WINDOW - timedelta(seconds=1)])
async def test_an_old_or_a_future_call_is_not(hooks: Hooks, delta: timedelta) -> None:
    hooks.env.clock.pass_time(delta)
    status, problem = await hooks.send(BODY, headers=HEADERS)
    assert (status, problem["status"]) == (401, 401)
    assert await hooks.runs() == []


async def test_every_published_call_that_must_fail_fails_alike(hooks: Hooks) -> None:
    changes: list[dict[str, str]] = [
        *({"webhook-signature": other} for other in (*OTHERS, " ".join(OTHERS))),
        {"webhook-signature": "v1,dawfeoifkpqwoekfpqoekf"},
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="},
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLawdd"},
        {"webhook-signature": SIGNATURE.removeprefix("v1,")},
        {"webhook-signature": SIGNATURE.replace("v1,", "v1a,")},
        {"webhook-signature": SIGNATURE.replace(",", ";")},
        {"webhook-timestamp": "hello"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-id": "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"},
    ]
    sent = [{**HEADERS, **change} for change in changes]
    sent += [{name: text for name, text in HEADERS.items() if name != missing} for missing in HEADERS]
    answers = [await hooks.send(BODY, headers=headers) for headers in sent]
    answers += [await hooks.send(body, headers=HEADERS) for body in (b"", BODY + b" ", b'{"test":2432232314}')]
    assert {status for status, _ in answers} == {401}
    assert len({json.dumps(problem) for _, problem in answers}) == 1, "no answer tells what was wrong"
    assert await hooks.runs() == []


async def test_what_a_field_refuses_is_answered_with_its_sentence(tmp_path: Path, open_database: OpenStore) -> None:
    async with open_hooks(tmp_path, open_database, FLOW, {"HOOK": SECRET}, FakeClock(SENT_AT)) as hooks:
        for number, (declaration, value, sentence) in enumerate(REFUSED_VALUES):
            declared = json_values.dumps(json_values.clean(declaration)).replace("1E+1", "10")
            await hooks.env.register(FLOW.replace("{test: integer}", f'{{"test": {declared}}}'))
            try:
                body = json_values.dumps(json_values.clean({"test": value})).encode()
            except InvalidValue:
                continue  # it cannot be written as JSON
            signed = hooks.signed(body, f"msg_{number}", key=base64.b64decode(SECRET))
            status, problem = await hooks.send(body, headers=signed)
            assert status == 422, (declaration, value, problem)
            assert problem["errors"] == {"test": sentence}
        assert await hooks.runs() == []


async def test_a_hostile_body_is_answered_with_the_reason_and_starts_nothing(
    tmp_path: Path, open_database: OpenStore
) -> None:
    key = base64.b64decode(SECRET)
    async with open_hooks(tmp_path, open_database, FLOW, {"HOOK": SECRET}, FakeClock(SENT_AT)) as hooks:
        for number, (kind, body, reason) in enumerate(HOSTILE_BODIES):
            signed = hooks.signed(body, f"msg_{number}", key=key)
            status, problem = await hooks.send(body, headers=signed, kind=kind)
            is_large = len(body) > MOST_BYTES
            assert status == (413 if is_large else 400), (kind, body[:50], problem)
            assert ("larger than" if is_large else reason) in problem["detail"]
        assert await hooks.runs() == []
        # The sender corrects the call, and sends it again with its id.
        assert (await hooks.send(BODY, headers=hooks.signed(BODY, "msg_0", key=key)))[0] == 201
