"""The server as a whole: loopback only, isolation, the clock, and the scripting API with its documentation."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import AppConfig, FrozenClock, RunningSandbox, sandbox
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.scripting_api import ScriptApi
from tests.support.http_service import PATIENCE
from tests.support.sandbox_env import actions, button, client_of, field, modal

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", "localhost", ""])
async def test_a_host_that_is_not_loopback_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        async with sandbox(host=host):
            pass


async def test_two_sandboxes_are_two_worlds(session: aiohttp.ClientSession) -> None:
    async with sandbox() as first, sandbox() as second:
        await client_of(first, session).chat_postMessage(channel="#general", text="x")
        assert len(first.person("ada").sees("general")) == 1
        assert second.person("ada").sees("general") == []


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with sandbox() as running:
        port = int(running.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with sandbox(port=port):
                pass


def test_the_sandbox_imports_only_the_clock_ids_and_looks_of_the_product() -> None:
    allowed = ("bot.devtools.sandbox", "bot.palette", "bot.template_files", "engine.ports", "engine.system")
    for path in (ROOT / "bot/devtools/sandbox").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [f"{node.module}.{name.name}" for name in node.names] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.split(".")[0] in ("bot", "engine", "slack_sdk", "slack_bolt"):
                    assert name.startswith(allowed), f"{path.name} imports {name}"


async def test_a_manifest_describes_the_app() -> None:
    manifest: dict[str, Any] = {
        "display_information": {"name": "Signoff"},
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
            "slash_commands": [{"command": "/signoff", "description": "x", "should_escape": True}],
            "shortcuts": [{"callback_id": "make"}],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write"]}},
        "settings": {
            "interactivity": {"is_enabled": True},
            "event_subscriptions": {"bot_events": ["app_home_opened"]},
            "socket_mode_enabled": True,
        },
    }
    config = AppConfig.from_manifest(manifest, request_url="http://127.0.0.1:1/")
    assert (config.scopes, config.commands, config.escaped_commands) == (("chat:write",), ("/signoff",), ("/signoff",))
    assert (config.shortcuts, config.events) == (("make",), ("app_home_opened",))
    assert config.home_tab
    assert config.messages_tab
    assert config.request_url == "http://127.0.0.1:1/"


async def test_sleepers_wake_when_the_clock_is_moved() -> None:
    clock = FrozenClock()
    time = Time(clock)
    sleeping = asyncio.ensure_future(time.sleep(60))
    await asyncio.sleep(0.02)
    time.advance(59)
    await asyncio.sleep(0.02)
    assert not sleeping.done()
    clock.at = clock.at.replace(year=clock.at.year + 1)
    async with asyncio.timeout(PATIENCE):
        await sleeping
    with pytest.raises(ValueError, match="back"):
        time.advance(-1)


async def test_a_running_clock_ends_sleeps_by_itself() -> None:
    async with asyncio.timeout(PATIENCE):
        await Time().sleep(0.01)


# --- the scripting API -------------------------------------------------------------------------------------------


class Script:
    def __init__(self, slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
        self.slack = slack
        self.session = session

    async def __call__(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        async with self.session.request(method, self.slack.script_url + path, json=given or None) as response:
            body = await response.json()
            assert response.status == status, body
            return body


@pytest.fixture
def script(slack: RunningSandbox, session: aiohttp.ClientSession) -> Script:
    return Script(slack, session)


async def test_people_can_be_played_by_script(slack: RunningSandbox, client: AsyncWebClient, script: Script) -> None:
    ada = slack.person("ada")
    posted = await client.chat_postMessage(channel=ada.id, text="Pay?", blocks=[actions(button())])
    messages = (await script("GET", "people/ada/messages"))["messages"]
    assert messages[0]["text"] == "Pay?"
    clicked = await script("POST", "people/ada/click", button="Approve", on={"channel": ada.dm, "ts": posted["ts"]})
    assert clicked["ack"]["problem"] == "dispatch_failed"
    assert (await script("POST", "people/ada/click", button="Approve", on=messages[0], stale=True))["sent"]
    assert (await script("POST", "people/ada/click", 409, button="Nope"))["error"].startswith("ada sees no message")
    assert (await script("POST", "people/ada/click", 409))["error"] == "missing: button"
    unknown = await script("POST", "people/nobody/click", 409, button="x")
    assert unknown["error"] == "there is no person called 'nobody'"
    await script("POST", "people/ada/command", line="/signoff help")
    await script("POST", "people/ada/home")
    await script("POST", "people/ada/shortcut", callback_id="make")
    assert (await script("POST", "people/ada/say", text="hi", channel="general"))["ts"]
    deliveries = (await script("GET", "deliveries"))["deliveries"]
    acts = [delivery["kind"] for delivery in deliveries if delivery["kind"] != "events_api"]
    assert acts == ["interactive", "interactive", "slash_commands", "interactive"]
    assert (await script("GET", "calls?method=chat.postMessage"))["calls"][0]["outcome"] == "ok"


async def test_modals_can_be_played_by_script(slack: RunningSandbox, client: AsyncWebClient, script: Script) -> None:
    ada = slack.person("ada")
    trigger = slack.trigger(ada)
    blocks = [field({"type": "plain_text_input"}), field({"type": "file_input"}, block_id="file", label="File")]
    await client.views_open(trigger_id=trigger, view=modal(*blocks))
    refused = await script("POST", "people/ada/submit", 409, values={})
    assert set(refused["problems"]) == {"field", "file"}
    await script("POST", "people/ada/fill", input="Reason", value="x")
    await script("POST", "people/ada/upload", name="a.yaml", text="a: 1", into="File")
    await script("POST", "people/ada/upload", 409, name="a.yaml", base64="!")
    assert (await script("POST", "people/ada/submit"))["sent"]
    state = await script("GET", "people/ada")
    assert len(state["stack"]) == 1
    assert state["troubles"][0]["code"] == "dispatch_failed"
    await script("POST", "people/ada/close", everything=True)
    assert (await script("GET", "people/ada"))["modal"] is None


async def test_faults_rates_clock_and_app_can_be_set_by_script(
    slack: RunningSandbox, client: AsyncWebClient, script: Script
) -> None:
    armed = await script("POST", "faults", on="auth.test", kind="error", code="fatal_error")
    assert armed["queue"][0]["code"] == "fatal_error"
    assert (await script("GET", "faults")) == armed
    assert "no fault" in (await script("POST", "faults", 409, on="x", kind="what"))["error"]
    assert (await script("POST", "faults", down=True))["down"]
    assert (await script("DELETE", "faults")) == {"down": False, "queue": []}
    await script("POST", "rates", enabled=True, multiplier=10, burst=1)
    assert slack.rates.multiplier == 10
    before = (await script("GET", "clock"))["seconds"]
    await script("POST", "clock", advance=60)
    assert (await script("GET", "clock"))["seconds"] - before == pytest.approx(60)
    await script("POST", "app", request_url="http://127.0.0.1:9/")
    assert slack.app.request_url == "http://127.0.0.1:9/"
    assert (await script("POST", "sockets", disconnect="warning")) == {"connections": 0}
    await client.chat_postMessage(channel="#general", text="x")
    assert (await script("GET", "state"))["messages"][slack.channel("general")]
    assert any(user["name"] == "ada" for user in (await script("GET", "users"))["users"])
    await script("POST", "reset")
    assert not (await script("GET", "state"))["messages"][slack.channel("general")]
    assert slack.app.request_url == "http://127.0.0.1:9/"
    assert (await script("POST", "app", revoke=True))["token_error"] == "token_revoked"
    assert (await script("POST", "app", uninstall=True))["token_error"] == "account_inactive"


async def test_a_page_of_another_site_is_refused(slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
    own = slack.base_url.removeprefix("http://")
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Origin": slack.base_url, "Host": own}, 200),
    ):
        async with session.get(slack.script_url + "state", headers=headers) as response:
            assert response.status == status


@pytest.mark.parametrize("body", ["{", "[]"])
async def test_a_body_that_is_not_an_object_is_refused(
    slack: RunningSandbox, session: aiohttp.ClientSession, body: str
) -> None:
    async with session.post(slack.script_url + "clock", data=body) as response:
        assert response.status == 400


def test_every_route_of_the_scripting_api_is_documented(slack: RunningSandbox) -> None:
    documented = set(re.findall(r"^\| `(GET|POST|DELETE) (/[^`?]*)", (ROOT / "docs/sandbox-api.md").read_text(), re.M))
    routes = {
        (email.method, email.path.removeprefix("/sandbox/api")) for email in ScriptApi(slack.slack, slack.mail).routes()
    }
    assert routes == documented
