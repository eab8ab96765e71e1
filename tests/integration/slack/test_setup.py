"""The whole process, `signoff serve`, with a local Slack: settings in, a request approved, the run done."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot import app, endpoints
from bot.app_parts import AppOptions
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.loaded_settings import load
from bot.settings import Settings
from bot.slack.transport import PATH
from engine.domain import Address, NotAllowed, Origin, Register, Registered, RunStatus, Start, Started
from tests.support import stepwise_units
from tests.support.slack_env import buttons, copy_of, expect_ok, words

pytestmark = pytest.mark.each_variation

FLOW = b"""\
name: hello
title: Hello
steps:
  - id: greet
    uses: set
    with: {text: Hello}
    gate: {title: "Greet?", approvers: [ada@example.com, ben@example.com]}
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def settings(slack: RunningSandbox, path: Path, port: int, **extra: str) -> Settings:
    return load(
        {
            "SIGNOFF_DATABASE_URL": f"sqlite:///{path}",
            "SIGNOFF_SLACK_BOT_TOKEN": slack.app.bot_token,
            "SIGNOFF_SLACK_API_URL": slack.api_url,
            "SIGNOFF_BUILDERS": "cleo@example.com",
            "SIGNOFF_PORT": str(port),
            **extra,
        }
    )


@pytest.mark.parametrize("transport", ["http", "sockets"])
async def test_a_request_is_posted_approved_and_the_run_is_done(tmp_path: Path, port: int, transport: str) -> None:
    async with sandbox() as slack:
        over_transport = {
            "http": {"SIGNOFF_SLACK_SIGNING_SECRET": slack.app.signing_secret},
            "sockets": {"SIGNOFF_SLACK_APP_TOKEN": slack.app.app_token},
        }[transport]
        chosen = settings(slack, stepwise_units.copy_empty_database(tmp_path / "signoff.db"), port, **over_transport)
        slack.app.request_url = f"http://127.0.0.1:{port}{PATH}" if transport == "http" else None
        options = AppOptions(settings=chosen, environment={})
        async with app.open_app(options) as opened, endpoints.open_endpoints(opened):
            if transport == "sockets":
                await slack.until(lambda: slack.sockets.of(slack.app.id))
            ada, ben, cleo = (slack.person(name) for name in ("ada", "ben", "cleo"))
            await cleo.command("/signoff register")
            await slack.until(lambda: cleo.modal)
            expect_ok(await cleo.submit({"Workflow file": FLOW.decode()}))
            expect_ok(await cleo.command("/signoff run hello", channel="general"))
            await slack.until(lambda: ada.sees() and ben.sees())
            expect_ok(await ada.click("Approve"))
            await slack.until(lambda: buttons(copy_of(ben, "Greet?")) == ["Details"])
            assert "Approved by Ada Approver" in words(copy_of(ben, "Greet?"))
            await slack.until(lambda: "Done: Greet" in words(cleo.sees("general")))


async def test_the_channel_of_a_shared_copy_is_checked_and_joined_behind_roles_and_email(
    tmp_path: Path, port: int
) -> None:
    async with sandbox() as slack:
        database = stepwise_units.copy_empty_database(tmp_path / "signoff.db")
        chosen = settings(slack, database, port, SIGNOFF_SLACK_APP_TOKEN=slack.app.app_token)
        finance, actor = slack.channel("finance"), Address("email", "cleo@example.com")
        async with app.open_app(AppOptions(settings=chosen, environment={})) as opened:
            answers = []
            for channel in ("#old", f"<#{finance}|finance>"):
                source = FLOW.replace(
                    b"ben@example.com]", f"ben@example.com], channels: [{{post_to: '{channel}'}}]".encode()
                )
                command = Register(source=source, actor=actor, origin=Origin(surface="terminal"))
                answers.append(await opened.engine.register(command))
        refused, registered = answers
        assert isinstance(refused, NotAllowed)
        assert "The channel #old is archived" in refused.why
        assert isinstance(registered, Registered)
        assert slack.app.bot_user in slack.world.channels[finance].members


async def test_a_trial_never_writes_to_slack(tmp_path: Path, port: int) -> None:
    async with sandbox() as slack:
        chosen = settings(slack, tmp_path / "signoff.db", port, SIGNOFF_SLACK_APP_TOKEN=slack.app.app_token)
        async with app.open_trial(AppOptions(settings=chosen, environment={})) as opened:
            assert opened.slack is None


async def test_a_command_without_a_server_tells_people_in_slack_as_well(tmp_path: Path, port: int) -> None:
    async with sandbox() as slack:
        database = stepwise_units.copy_empty_database(tmp_path / "signoff.db")
        chosen = settings(slack, database, port, SIGNOFF_SLACK_APP_TOKEN=slack.app.app_token)
        async with app.open_app(AppOptions(settings=chosen, environment={})) as opened:
            actor, origin = Address("email", "cleo@example.com"), Origin(surface="terminal")
            await opened.engine.register(Register(source=FLOW, actor=actor, origin=origin))
            started = await opened.engine.start(Start(workflow="hello", inputs={}, actor=actor, origin=origin))
            assert isinstance(started, Started)
            await slack.until(lambda: slack.person("ada").sees())
            view = await opened.engine.run(started.run)
            assert view is not None
            assert view.status is RunStatus.WAITING
            assert view.requester.name == "Cleo Builder"


async def test_a_gate_that_names_a_channel_which_is_not_set_up_is_refused_with_the_setting(
    tmp_path: Path, port: int
) -> None:
    database = stepwise_units.copy_empty_database(tmp_path / "signoff.db")
    chosen = load({"SIGNOFF_DATABASE_URL": f"sqlite:///{database}", "SIGNOFF_PORT": str(port)})
    asks = b"    gate: {approvers: [ada@example.com], channels: [email, {post_to: '#general'}]}\n"
    source = b"name: hello\nsteps:\n  - id: greet\n    uses: set\n    with: {a: 1}\n" + asks
    command = Register(source=source, actor=Address("email", "cleo@example.com"), origin=Origin(surface="terminal"))
    async with app.open_app(AppOptions(settings=chosen, environment={})) as opened:
        refused = await opened.engine.register(command)
    assert isinstance(refused, NotAllowed)
    assert "The gate of step greet names a channel that is missing here. Email is not set up" in refused.why
    assert "set SIGNOFF_SMTP_URL" in refused.why
    assert "set SIGNOFF_SLACK_BOT_TOKEN" in refused.why
    trial = load({"SIGNOFF_DATABASE_URL": f"sqlite:///{tmp_path / 'trial.db'}", "SIGNOFF_PORT": str(port)})
    async with app.open_trial(AppOptions(settings=trial, environment={})) as opened:
        assert isinstance(await opened.engine.register(command), Registered)
