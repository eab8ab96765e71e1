"""Deliveries that are signed and still nothing for us: of others, malformed, or of a kind that nobody asked for."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.devtools.sandbox import payloads
from bot.devtools.sandbox.delivery import Ack, DeliveryKind
from bot.slack import payload_schema
from bot.slack.payload_schema import Malformed
from engine.domain import RequestState
from tests.support.slack_env import SlackEnv, expect_ok, open_slack, words

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
async def by_http(tmp_path: Path, empty_database: bytes) -> AsyncIterator[SlackEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, "http") as here:
        yield here


async def deliver(env: SlackEnv, kind: DeliveryKind, payload: dict[str, Any]) -> Ack:
    return await env.slack.slack.deliveries.send(env.slack.app, kind=kind, payload=payload)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the operator reads; never a traceback."""
    assert not [one for one in caplog.records if one.exc_info]
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


# -- of others ----------------------------------------------------------------------------------------------


def another_team(payload: dict[str, Any]) -> None:
    for name in "team", "user":
        if isinstance(payload.get(name), dict):
            payload[name].update({"id": "T0THERS"} if name == "team" else {"team_id": "T0THERS"})
    if "team_id" in payload:
        payload["team_id"] = "T0THERS"
    for one in payload.get("authorizations", []):
        one["team_id"] = "T0THERS"


def another_app(payload: dict[str, Any]) -> None:
    payload["api_app_id"] = "A0THERS"


def whole_organisation(payload: dict[str, Any]) -> None:
    """As the app of another organisation, installed in all of its workspaces, delivers."""
    another_team(payload)
    payload |= {"team": None, "enterprise": {"id": "E0THERS"}, "enterprise_id": "E0THERS"}


@pytest.mark.parametrize("change", [another_team, another_app, whole_organisation])
async def test_what_is_for_another_team_or_app_does_nothing(
    by_http: SlackEnv, change: Change, caplog: pytest.LogCaptureFixture
) -> None:
    env = by_http
    run = await env.request_approval()
    expect_ok(await env.person("cleo").command("/signoff list", channel="general"))
    expect_ok(await env.person("ada").click("Edit"))
    await env.slack.until(lambda: env.person("ada").modal)
    click, typed = (next(one for one in env.slack.deliveries if one.kind == kind) for kind in KINDS[:2])
    decided = copy.deepcopy(click.payload)
    decided["actions"][0]["action_id"] = "request.approve"
    opened = payloads.event(
        env.slack.slack,
        env.slack.app,
        inner={"type": "app_home_opened", "user": env.person("ada").id, "tab": "home", "channel": "D1"},
    )
    await env.settle()
    published = len(env.slack.calls("views.publish"))
    for kind, payload in zip(KINDS, (decided, typed.payload, opened), strict=True):
        changed = copy.deepcopy(payload)
        change(changed)
        ack = await deliver(env, kind, changed)
        assert ack.status == 403
    await env.settle()
    assert await env.state(run) is RequestState.PENDING
    assert len(env.slack.calls("views.publish")) == published
    refused = [one for one in lines(caplog) if "was refused" in one]
    assert refused
    assert all("SIGNOFF_SLACK_BOT_TOKEN" in one for one in refused)


KINDS: tuple[DeliveryKind, ...] = ("interactive", "slash_commands", "events_api")


async def test_an_event_of_a_shared_channel_is_ours_by_its_authorization(env: SlackEnv) -> None:
    opened = {"type": "app_home_opened", "user": env.person("ada").id, "tab": "home", "channel": "D1"}
    event = payloads.event(env.slack.slack, env.slack.app, inner=opened)
    event["team_id"] = "T0THERS"
    expect_ok(await deliver(env, "events_api", event))
    await env.finish_background_work()
    assert env.slack.calls("views.publish")


async def test_a_socket_acknowledges_nothing_of_another_team(env: SlackEnv) -> None:
    expect_ok(await env.person("cleo").command("/signoff list", channel="general"))
    typed = copy.deepcopy(env.slack.deliveries[-1].payload)
    another_team(typed)
    assert not (await deliver(env, "slash_commands", typed)).ok


async def test_while_slack_does_not_say_who_we_are_a_click_decides_and_nothing_else_is_taken(env: SlackEnv) -> None:
    run = await env.request_approval()
    await env.stop_bot()
    env.slack.fault("auth.test", "status", times=None)
    if env.transport == "sockets":
        await env.slack.until(lambda: not env.slack.sockets.of(env.slack.app.id))
    await env.start_bot()
    ack = await env.person("gus").command("/signoff list")
    assert not ack.ok
    expect_ok(await env.person("ada").click("Approve"))
    assert await env.state(run) is RequestState.APPROVED


# -- nobody expects them ------------------------------------------------------------------------------------


async def test_events_that_nobody_asked_for_are_acknowledged_in_one_line(
    env: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        event = payloads.event(env.slack.slack, env.slack.app, inner={"type": "reaction_added", "user": "U1"})
        expect_ok(await deliver(env, "events_api", event))
    (line,) = lines(caplog)
    assert "reaction_added" in line
    assert "signoff manifest" in line


async def test_a_shortcut_that_nobody_asked_for_is_refused_in_one_line(
    by_http: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env, user = by_http, by_http.person("ada").user
    for kind in "shortcut", "message_action":
        shortcut = payloads.shortcut(env.slack.slack, app=env.slack.app, user=user, callback_id="what", message=None)
        assert (await deliver(env, "interactive", {**shortcut, "type": kind})).status == 404
    first, second = lines(caplog)
    assert "shortcut" in first
    assert "message_action" in second


async def test_a_limit_of_events_is_one_line(env: SlackEnv, caplog: pytest.LogCaptureFixture) -> None:
    limited = {
        "token": "t",
        "type": "app_rate_limited",
        "team_id": env.slack.world.team.id,
        "minute_rate_limited": 1518467820,
        "api_app_id": env.slack.app.id,
    }
    expect_ok(await deliver(env, "events_api", limited))
    (line,) = lines(caplog)
    assert "leaves out events" in line


@pytest.mark.parametrize(
    ("tokens", "alarms"), [({"oauth": ["U1"]}, 0), ({"oauth": ["U1"], "bot": []}, 0), ({"bot": ["U1"]}, 1)]
)
async def test_only_a_revoked_token_of_the_bot_is_an_alarm(
    env: SlackEnv, tokens: dict[str, Any], alarms: int, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = payloads.event(env.slack.slack, env.slack.app, inner={"type": "tokens_revoked", "tokens": tokens})
    expect_ok(await deliver(env, "events_api", revoked))
    found = lines(caplog)
    assert len(found) == alarms
    assert all("install" in one and "SIGNOFF_SLACK_BOT_TOKEN" in one for one in found)


async def test_a_token_that_was_revoked_meanwhile_is_one_line_for_each_method(
    env: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    await env.request_approval()
    env.slack.app.token_error = "token_revoked"
    ada = env.person("ada")
    for _ in range(3):
        expect_ok(await ada.click("Edit"))
        await env.finish_background_work()
        ada.say("hello")
        ada.open_home()
        await env.finish_background_work()
    await env.slack.until(lambda: all(one.ack is not None for one in env.slack.deliveries))
    await env.finish_background_work()
    told = [one for one in lines(caplog) if "Slack refused views.open" in one]
    assert len(told) == 1
    assert "signoff doctor" in told[0]
    said = " ".join(words(one.blocks) for one in env.slack.world.ephemerals)
    assert "tell the operator" in said
    assert "click again" not in said


# -- malformed ----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "\ud800", "U1", "{}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "values"]), inner),
    max_leaves=4,
)


def places(whole: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    return [path] * bool(path) + [found for key, value in inside for found in places(value, (*path, key))]


@st.composite
def broken(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """A payload with some of its parts taken out, or replaced by anything."""
    made = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(made)))
        inner = made
        for key in way:
            inner = inner[key]
        if draw(st.booleans()):
            inner[last] = draw(JSON)
        elif isinstance(inner, dict):
            del inner[last]
    return made


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_reading_says_malformed_and_nothing_else(data: st.DataObject) -> None:
    whole: dict[str, Any] = {
        "type": "view_submission",
        "user": {"id": "U1"},
        "team": {"id": "T1"},
        "api_app_id": "A1",
        "view": {
            "id": "V1",
            "type": "modal",
            "callback_id": "c",
            "state": {"values": {"b": {"a": {"type": "plain_text_input", "value": "x"}}}},
        },
    }
    assert payload_schema.read(whole).teams == {"T1"}
    with contextlib.suppress(Malformed):
        payload_schema.read(data.draw(broken(whole) | JSON))


async def recorded(env: SlackEnv) -> list[tuple[DeliveryKind, dict[str, Any]]]:
    """Deliveries of each kind, as a day brings them."""
    await env.request_approval()
    ada, cleo = env.person("ada"), env.person("cleo")
    for line in "run refund", "register", "pending", "list", "cancel x":
        expect_ok(await cleo.command(f"/signoff {line}", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Workflow file": "name: x"}))
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"text": "Pay half"}))
    ada.open_home()
    ada.say("hello")
    await env.settle()
    await env.slack.until(lambda: all(one.ack is not None for one in env.slack.deliveries))
    return [(one.kind, one.payload) for one in env.slack.deliveries]


async def test_whatever_is_malformed_is_refused_and_breaks_nothing(
    by_http: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env, loop = by_http, asyncio.get_running_loop()
    kept = [one for one in await recorded(env) if one[0] != "slash_commands"]
    assert {one["type"] for _, one in kept} >= {"block_actions", "view_submission", "event_callback"}
    seen = set[int]()

    @given(st.sampled_from(kept), st.data())
    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def fuzz(one: tuple[DeliveryKind, dict[str, Any]], data: st.DataObject) -> None:
        payload = data.draw(broken(one[1]))
        sending = asyncio.run_coroutine_threadsafe(deliver(env, one[0], payload), loop)
        ack = sending.result(timeout=30)
        assert ack.status is not None
        assert ack.status < 500, payload
        seen.add(ack.status)

    await asyncio.to_thread(fuzz)
    await env.settle()
    assert {200, 400} <= seen
    lines(caplog)
    expect_ok(await env.person("gus").command("/signoff list"))
