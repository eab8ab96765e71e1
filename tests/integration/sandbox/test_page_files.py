"""The files of the page, the count of changes, and the other routes of the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot import palette
from bot.devtools.sandbox import FrozenClock, Hint, RunningSandbox, page_files, sandbox
from tests.support.http_service import PATIENCE
from tests.support.sandbox_env import actions, button, client_of

FOLDER = Path(page_files.__file__).parent / "page"


async def test_the_page_and_all_of_its_files_are_served_and_load_nothing_from_elsewhere(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    async with session.get(slack.page_url) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    names = {file.name for file in FOLDER.iterdir() if file.suffix != ".html"} | {palette.CSS, palette.MARK}
    for name in names:
        async with session.get(f"{slack.page_url}/page/{name}") as response:
            assert response.status == 200
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            text = await response.text()
            assert "innerHTML" not in text
            assert "//cdn" not in text


@pytest.mark.parametrize("path", ["/page/", "/page/nothing.js", "/page/../../api.py", "/page/%2e%2e/api.py"])
async def test_nothing_but_the_page_s_files_is_served(
    slack: RunningSandbox, session: aiohttp.ClientSession, path: str
) -> None:
    async with session.get(slack.page_url + path) as response:
        assert response.status == 404


async def test_the_page_answers_to_its_own_address_only(slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
    for path in ("", "/page/app.js", "/api/changes"):
        async with session.get(slack.page_url + path, headers={"Host": "evil.example"}) as response:
            assert response.status == 403


async def test_only_actions_of_the_app_and_of_people_change_the_count(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    async def count() -> int:
        async with asyncio.timeout(PATIENCE), session.get(slack.script_url + "changes") as response:
            count: int = (await response.json())["count"]
            return count

    client, ada = client_of(slack, session), slack.person("ada")
    before = await count()
    async with session.get(slack.script_url + "state"):
        assert await count() == before
    await client.chat_postMessage(channel=ada.id, text="Pay?", blocks=[actions(button())])
    assert (after := await count()) > before
    await ada.click("Approve")
    assert (now := await count()) > after
    ada.say("Hello")
    assert (later := await count()) > now
    async with session.post(slack.script_url + "faults", json={"down": True}):
        assert await count() > later


async def test_the_story_and_the_completions_come_from_the_program_that_started_the_sandbox(
    session: aiohttp.ClientSession,
) -> None:
    async def story() -> dict[str, Any] | None:
        return {"runs": [], "requests": [], "lines": []}

    async def completions() -> Sequence[tuple[str, str]]:
        return [("/signoff list", "the workflows")]

    async def fetch(slack: RunningSandbox, path: str) -> Any:
        async with session.get(slack.script_url + path) as response:
            return json.loads(await response.text())

    advice = {"ada": [Hint(text="Look:"), Hint(text="Home", page="/sandbox?as=ada")]}
    async with sandbox(clock=FrozenClock(), story=story, completions=completions) as slack:
        assert await fetch(slack, "story") == {"story": {"runs": [], "requests": [], "lines": []}}
        assert await fetch(slack, "completions") == {
            "completions": [{"line": "/signoff list", "told": "the workflows"}]
        }
        slack.tell(advice=advice)
        look, home = (await fetch(slack, "advice"))["advice"]["ada"]
        assert look == {"text": "Look:", "page": None, "line": None}
        assert home == {"text": "Home", "page": "/sandbox?as=ada", "line": None}
        slack.tell()
        assert await fetch(slack, "advice") == {"advice": {}}
        assert await fetch(slack, "story") == {"story": None}
        assert await fetch(slack, "completions") == {"completions": [{"line": "/signoff", "told": ""}]}


async def test_one_of_several_buttons_with_the_same_label_is_clicked_by_its_ids(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    blocks = [actions(button(value=name), block_id=name) for name in ("first", "second")]
    await client_of(slack, session).chat_postMessage(channel=slack.person("ada").id, text="x", blocks=blocks)
    target = {"button": {"block_id": "second", "action_id": "approve"}}
    async with session.post(slack.script_url + "people/ada/click", json=target) as response:
        assert (await response.json())["ack"]["problem"] == "dispatch_failed"
    assert slack.deliveries[-1].payload["actions"][0]["value"] == "second"
    async with session.get(slack.script_url + "deliveries?last=1") as response:
        assert len((await response.json())["deliveries"]) == 1


async def test_a_quiet_request_answers_a_refusal_with_status_200(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    for query, status in ("", 409), ("?quiet=1", 200):
        async with session.post(f"{slack.script_url}people/ada/submit{query}", json={}) as response:
            assert response.status == status
            assert (await response.json())["error"]


async def test_conversations_are_those_that_a_client_lists(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    await client_of(slack, session).chat_postMessage(channel=slack.channel("general"), text="x")
    async with session.get(slack.script_url + "people/ada") as response:
        conversations = (await response.json())["conversations"]
    assert [item["name"] for item in conversations] == ["", "general", "finance", "leads", "old"]
    assert [item["has_app"] for item in conversations] == [True, True, False, True, True]
    assert conversations[0]["latest"] is None
    assert conversations[1]["latest"]
