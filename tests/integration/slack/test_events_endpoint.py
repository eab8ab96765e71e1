"""The HTTP side against callers other than Slack, and the end of a process."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.devtools.sandbox.delivery import encode_body, sign
from bot.slack.transport import MOST_BYTES
from bot.web import routes
from bot.web.server import PortTaken, listening
from engine.domain import RequestState
from engine.system import SystemClock
from tests.support.slack_env import SlackEnv, copy_of, expect_ok, open_slack


@pytest.fixture
async def env(tmp_path: Path, empty_database: bytes) -> AsyncIterator[SlackEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, "http") as env:
        yield env


async def status(env: SlackEnv, body: bytes, headers: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as session:
        all_headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        async with session.post(str(env.slack.app.request_url), data=io.BytesIO(body), headers=all_headers) as response:
            return response.status


def signature_headers(env: SlackEnv, body: bytes, *, seconds_late: int = 0) -> dict[str, str]:
    now = int(SystemClock().now().timestamp())
    return sign(body, secret=env.slack.app.signing_secret, timestamp=now - seconds_late)


async def test_slack_can_set_the_request_url(env: SlackEnv) -> None:
    assert await env.slack.verify_request_url()


async def test_a_caller_without_a_valid_signature_gets_nothing(env: SlackEnv) -> None:
    typed = {"command": "/signoff", "text": "list", "user_id": "U1", "channel_id": "C1"}
    body, _ = encode_body("slash_commands", {**typed, "team_id": env.slack.world.team.id})
    valid_headers = signature_headers(env, body)
    stamp, sign = "X-Slack-Request-Timestamp", "X-Slack-Signature"
    for headers in (
        {},
        {stamp: valid_headers[stamp]},
        {**valid_headers, sign: "v0=" + "0" * 64},
        {**valid_headers, stamp: "soon"},
        {**valid_headers, stamp: "١٢٣"},
        {**valid_headers, stamp: "9" * 400},
        {**valid_headers, stamp: "-1"},
        {**valid_headers, sign: "v0=é"},
        signature_headers(env, body, seconds_late=301),
        signature_headers(env, b"other"),
    ):
        assert await status(env, body, headers) == 401, headers
    assert await status(env, body, valid_headers) == 200


async def test_signed_nonsense_is_refused_and_breaks_nothing(env: SlackEnv) -> None:
    assert await status(env, b"\xff\xfe", signature_headers(env, b"\xff\xfe")) == 401
    for body in b"payload=%7Bnot json", b"payload=[1]", b"":
        assert await status(env, body, signature_headers(env, body)) in (400, 404), body
    body = b"a" * (MOST_BYTES + 1)
    assert await status(env, body, signature_headers(env, body)) == 413


async def test_a_wrong_signature_decides_nothing(env: SlackEnv) -> None:
    run = await env.request_approval()
    env.slack.fault("deliver:interactive", "signature")
    ack = await env.person("ada").click("Approve")
    assert ack is not None
    assert ack.status == 401
    assert await env.state(run) is RequestState.PENDING


async def test_a_port_that_is_taken_is_an_error_that_names_the_setting() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"listens on 127.0.0.1:{port} already.*SIGNOFF_PORT"):
            async with listening(routes.site("", mounted={}), host="127.0.0.1", port=port):
                pass
    with pytest.raises(PortTaken, match="SIGNOFF_HOST"):
        async with listening(routes.site("", mounted={}), host="192.0.2.1", port=1):
            pass


async def test_a_click_under_way_is_finished_before_the_process_ends(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    decide, started = env.engine.decide, asyncio.Event()

    async def decide_slowly(command):  # type: ignore[no-untyped-def]

        started.set()
        await asyncio.sleep(0.2)
        return await decide(command)

    env.engine.decide = decide_slowly  # type: ignore[method-assign]

    clicking = asyncio.ensure_future(ada.click("Approve"))
    await started.wait()
    await env.stop_bot()
    expect_ok(await clicking)
    await env.start_bot()
    assert await env.state(run) is RequestState.APPROVED
    await env.settle()
    assert copy_of(ada)


async def test_a_socket_that_is_refreshed_goes_on(tmp_path: Path, empty_database: bytes) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, "sockets") as env:
        run = await env.request_approval()
        await env.slack.disconnect("refresh_requested")
        await env.slack.until(lambda: env.slack.sockets.of(env.slack.app.id))
        expect_ok(await env.person("ada").click("Approve"))
        assert await env.state(run) is RequestState.APPROVED
