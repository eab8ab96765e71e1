"""Signed deliveries that the bot does not act on: those of other apps, malformed ones, and unexpected kinds."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.devtools.sandbox import payloads
from bot.devtools.sandbox.delivery import Ack, DeliveryKind
from bot.devtools.sandbox.limits import ACK_SECONDS
from bot.devtools.sandbox.server import SimulatedPerson
from engine.domain import RequestState
from tests.support.broken_payloads import broken_payloads
from tests.support.examples import example_count
from tests.support.slack_env import SlackEnv, expect_ok, open_slack, words

pytestmark = pytest.mark.each_variation

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
async def by_http(tmp_path: Path, empty_database: bytes) -> AsyncIterator[SlackEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, "http") as env:
        yield env


async def deliver(env: SlackEnv, kind: DeliveryKind, payload: dict[str, Any]) -> Ack:
    return await env.slack.slack.deliveries.send(env.slack.app, kind=kind, payload=payload)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings that the operator reads, none with a traceback."""
    assert not [record for record in caplog.records if record.exc_info]
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# -- for other apps and teams -------------------------------------------------------------------------------


def another_team(payload: dict[str, Any]) -> None:
    for name in "team", "user":
        if isinstance(payload.get(name), dict):
            payload[name].update({"id": "T0THERS"} if name == "team" else {"team_id": "T0THERS"})
    if "team_id" in payload:
        payload["team_id"] = "T0THERS"
    for authorization in payload.get("authorizations", []):
        authorization["team_id"] = "T0THERS"


def another_app(payload: dict[str, Any]) -> None:
    payload["api_app_id"] = "A0THERS"


def whole_organisation(payload: dict[str, Any]) -> None:
    """Change a payload into one for an app that is installed in all workspaces of another organisation."""
    another_team(payload)
    payload |= {"team": None, "enterprise": {"id": "E0THERS"}, "enterprise_id": "E0THERS"}


@pytest.mark.parametrize("change", [another_team, another_app, whole_organisation])
async def test_a_delivery_for_another_team_or_app_does_nothing(
    by_http: SlackEnv, change: Change, caplog: pytest.LogCaptureFixture
) -> None:
    env = by_http
    run = await env.request_approval()
    expect_ok(await env.person("cleo").command("/signoff list", channel="general"))
    expect_ok(await env.person("ada").click("Edit"))
    await env.slack.until(lambda: env.person("ada").modal)
    click, typed = (next(delivery for delivery in env.slack.deliveries if delivery.kind == kind) for kind in KINDS[:2])
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
    refused = [line for line in warnings_of(caplog) if "was refused" in line]
    assert refused
    assert all("SIGNOFF_SLACK_BOT_TOKEN" in line for line in refused)


KINDS: tuple[DeliveryKind, ...] = ("interactive", "slash_commands", "events_api")


async def test_an_event_of_a_shared_channel_is_admitted_by_its_authorization(env: SlackEnv) -> None:
    opened = {"type": "app_home_opened", "user": env.person("ada").id, "tab": "home", "channel": "D1"}
    event = payloads.event(env.slack.slack, env.slack.app, inner=opened)
    event["team_id"] = "T0THERS"
    expect_ok(await deliver(env, "events_api", event))
    await env.finish_background_work()
    assert env.slack.calls("views.publish")


async def test_a_socket_acknowledges_nothing_of_another_team(env: SlackEnv, caplog: pytest.LogCaptureFixture) -> None:
    expect_ok(await env.person("cleo").command("/signoff list", channel="general"))
    typed = copy.deepcopy(env.slack.deliveries[-1].payload)
    another_team(typed)
    sending = asyncio.ensure_future(deliver(env, "slash_commands", typed))
    await refusal_logged(env, caplog)
    expect_ok(await env.person("cleo").command("/signoff list", channel="general"))
    env.slack.time.advance(ACK_SECONDS)
    assert not (await sending).ok


async def refusal_logged(env: SlackEnv, caplog: pytest.LogCaptureFixture) -> None:
    """Wait until the bot has logged that it refused a delivery."""
    await env.slack.until(lambda: "was refused" in caplog.text)


async def test_while_the_identity_of_the_bot_is_unknown_only_clicks_are_admitted(
    env: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    run = await env.request_approval()
    await env.stop_bot()
    env.slack.fault("auth.test", "status", times=None)
    if env.transport == "sockets":
        await env.slack.until(lambda: not env.slack.sockets.of(env.slack.app.id))
    await env.start_bot()
    typing = asyncio.ensure_future(env.person("gus").command("/signoff list"))
    await refusal_logged(env, caplog)
    expect_ok(await env.person("ada").click("Approve"))
    env.slack.time.advance(ACK_SECONDS)
    assert not (await typing).ok
    assert await env.state(run) is RequestState.APPROVED


# -- unexpected kinds ---------------------------------------------------------------------------------------


async def test_unexpected_events_are_acknowledged_with_one_log_line(
    env: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        event = payloads.event(env.slack.slack, env.slack.app, inner={"type": "pin_added", "user": "U1"})
        expect_ok(await deliver(env, "events_api", event))
    (line,) = warnings_of(caplog)
    assert "pin_added" in line
    assert "signoff manifest" in line


async def test_an_unexpected_shortcut_is_refused_with_one_log_line(
    by_http: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env, ada = by_http, by_http.person("ada")
    message = env.slack.world.message(env.slack.channel("general"), ada.say("hello", channel="general"))
    for on in None, message:
        shortcut = payloads.shortcut(env.slack.slack, app=env.slack.app, user=ada.user, callback_id="what", message=on)
        assert (await deliver(env, "interactive", shortcut)).status == 404
    first, second = warnings_of(caplog)
    assert "shortcut" in first
    assert "message_action" in second


async def test_a_limit_of_events_is_one_log_line(env: SlackEnv, caplog: pytest.LogCaptureFixture) -> None:
    limited = {
        "token": "t",
        "type": "app_rate_limited",
        "team_id": env.slack.world.team.id,
        "minute_rate_limited": 1518467820,
        "api_app_id": env.slack.app.id,
    }
    expect_ok(await deliver(env, "events_api", limited))
    (line,) = warnings_of(caplog)
    assert "leaves out events" in line


@pytest.mark.parametrize(
    ("tokens", "alarms"), [({"oauth": ["U1"]}, 0), ({"oauth": ["U1"], "bot": []}, 0), ({"bot": ["U1"]}, 1)]
)
async def test_only_a_revoked_token_of_the_bot_is_an_alarm(
    env: SlackEnv, tokens: dict[str, Any], alarms: int, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = payloads.event(env.slack.slack, env.slack.app, inner={"type": "tokens_revoked", "tokens": tokens})
    expect_ok(await deliver(env, "events_api", revoked))
    warnings = warnings_of(caplog)
    assert len(warnings) == alarms
    assert all("install" in line and "SIGNOFF_SLACK_BOT_TOKEN" in line for line in warnings)


async def test_a_token_that_was_revoked_meanwhile_is_one_log_line_for_each_method(
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
    await env.slack.until(lambda: all(delivery.ack is not None for delivery in env.slack.deliveries))
    await env.finish_background_work()
    refusals = [line for line in warnings_of(caplog) if "Slack refused views.open" in line]
    assert len(refusals) == 1
    assert "signoff doctor" in refusals[0]
    text = " ".join(words(message.blocks) for message in env.slack.world.ephemerals)
    assert "tell the operator" in text
    assert "click again" not in text


async def test_people_who_cannot_be_answered_now_are_one_log_line_for_each_reason(
    env: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    """When very much is sent at once, this is so for all of them."""
    await env.request_approval()
    for method in "views.open", "views.publish", "chat.postMessage", "chat.postEphemeral":
        env.slack.fault(method, "ratelimited", seconds=60, times=None)
    people = env.person("ada"), env.person("ben")
    for person in people:
        expect_ok(await person.click("Edit"))
    clicks = [delivery.payload for delivery in env.slack.deliveries if delivery.kind == "interactive"]
    for click in clicks * 3:
        expect_ok(await deliver(env, "interactive", {**click, "response_url": None}))
    for person in people * 3:
        person.open_home()
    await env.settle()
    await env.slack.until(lambda: all(delivery.ack is not None for delivery in env.slack.deliveries))
    await env.finish_background_work()
    told = [line.partition(" ")[2] for line in warnings_of(caplog) if "could not be told" in line]
    published = [line for line in warnings_of(caplog) if "could not be sent" in line]
    for lines in told, published:
        assert lines
        assert len(lines) == len({*lines})


# -- malformed ----------------------------------------------------------------------------------------------


def is_open(person: SimulatedPerson, label: str) -> bool:
    return not label or label in words(person.modal or {})


async def record_deliveries(env: SlackEnv) -> list[tuple[DeliveryKind, dict[str, Any]]]:
    """Make deliveries of each kind and return their payloads."""
    await env.request_approval()
    ada, cleo = env.person("ada"), env.person("cleo")
    for line, opened in ("run refund", "Amount"), ("register", "Workflow file"), ("pending", ""), ("list", ""):
        expect_ok(await cleo.command(f"/signoff {line}", channel="general"))
        await env.slack.until(partial(is_open, cleo, opened))
    expect_ok(await cleo.command("/signoff cancel x", channel="general"))
    expect_ok(await cleo.submit({"Workflow file": "name: x"}))
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Text": "Pay half"}))
    for _ in range(2):  # the second time with the tab that was published
        ada.open_home()
        await env.settle()
    ada.say("hello")
    await env.settle()
    ada.say("over there", channel="general")
    message = cleo.sees("general")[-1]
    expect_ok(await cleo.shortcut("message.run", on=message))
    ada.react("eyes", on=message)
    await env.settle()
    await env.slack.until(lambda: all(delivery.ack is not None for delivery in env.slack.deliveries))
    return [(delivery.kind, delivery.payload) for delivery in env.slack.deliveries]


async def test_malformed_deliveries_are_refused_and_break_nothing(
    by_http: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env, loop = by_http, asyncio.get_running_loop()
    deliveries = [delivery for delivery in await record_deliveries(env) if delivery[0] != "slash_commands"]
    kinds = {"block_actions", "view_submission", "event_callback", "message_action"}
    assert {payload["type"] for _, payload in deliveries} >= kinds
    seen = set[int]()

    @given(st.sampled_from(deliveries), st.data())
    @settings(max_examples=example_count(300), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def fuzz(delivery: tuple[DeliveryKind, dict[str, Any]], data: st.DataObject) -> None:
        kind, recorded_payload = delivery
        payload = data.draw(broken_payloads(recorded_payload))
        sending = asyncio.run_coroutine_threadsafe(deliver(env, kind, payload), loop)
        ack = sending.result(timeout=30)
        assert ack.status is not None
        assert ack.status < 500, payload
        seen.add(ack.status)

    await asyncio.to_thread(fuzz)
    await env.settle()
    assert {200, 400} <= seen
    warnings_of(caplog)
    expect_ok(await env.person("gus").command("/signoff list"))


@pytest.mark.parametrize("typed", ["x\ud800", "x\0"])
async def test_a_text_that_no_database_stores_reaches_none(
    env: SlackEnv, typed: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of a character and U+0000 can be spelled in JSON. They are read as the sign for what cannot be shown."""
    run = await env.request_approval()
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Text": typed}))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    click = next(delivery for delivery in env.slack.deliveries if delivery.kind == "interactive")
    for change in (
        {"team": None, "user": {**click.payload["user"], "team_id": typed}},
        {"container": {**click.payload["container"], "message_ts": typed}},
        {"response_url": typed, "trigger_id": typed},
        {"actions": [{**click.payload["actions"][0], "value": typed}]},
    ):
        await deliver(env, "interactive", {**copy.deepcopy(click.payload), **change})
    expect_ok(await env.person("cleo").command("/signoff list", channel="general"))
    command = env.slack.deliveries[-1].payload
    # Over HTTP a command is a form, which cannot spell half of a character.
    text = typed if env.transport == "sockets" else "x\0"
    await deliver(env, "slash_commands", {**command, "text": f"cancel {text}", "trigger_id": text})
    await env.settle()
    warnings_of(caplog)


async def test_a_form_to_start_that_came_back_without_its_inputs_is_answered(
    by_http: SlackEnv, caplog: pytest.LogCaptureFixture
) -> None:
    """Slack takes errors below inputs only, so what is missing is said in a modal."""
    env, cleo = by_http, by_http.person("cleo")
    await env.register(
        "name: tea\ninputs:\n  cups: {type: integer}\nsteps:\n  - {id: a, uses: wait, with: {for: 1m}}\n"
    )
    expect_ok(await cleo.command("/signoff run tea", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Cups": "1"}))
    sent = copy.deepcopy(env.slack.deliveries[-1].payload)
    sent["view"]["state"]["values"] = {}
    answer = expect_ok(await deliver(env, "interactive", sent))
    assert answer.body["response_action"] == "update"
    assert "Cups" in words(answer.body["view"]["blocks"])
    warnings_of(caplog)
