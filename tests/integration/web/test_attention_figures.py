"""The first view of a known person counts on the page of a request, and their figures stand in their inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.web.test_inbox_parts import ask
from tests.support.web_env import WebEnv, open_web


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path) as env:
        yield env


async def views(env: WebEnv) -> list[tuple[Any, ...]]:
    return await env.engine_env.rows("SELECT request, surface FROM request_view")


async def test_a_link_alone_is_no_view_of_a_person(env: WebEnv) -> None:
    request = await env.request_approval()
    for browser in (env.browser(), env.browser(**{"User-Agent": "LinkScanner/1.0"})):
        assert (await env.open_link(browser=browser))[1].status == 200
    assert await views(env) == []
    ada = await env.sign_in()
    assert await views(env) == []
    await ada.get(f"/review/{request.id}")
    assert await views(env) == [(request.id, "web")]


OWN = (
    "Half of your last 5 decisions took 7 s or less, and none less than 5 s. "
    "You changed none, and approved the last 5 as they were."
)


async def test_five_decisions_are_told_in_the_inbox_of_the_person_alone(env: WebEnv) -> None:
    await ask(env, "A-0")
    ada = await env.sign_in()
    for number in range(5):
        request = await ask(env, f"A-{number}")
        form = (await ada.get(f"/review/{request.id}")).page.form
        env.engine_env.pass_time(seconds=7)
        await ada.send(form)
    for path in ("/inbox", "/inbox?part=decided"):
        assert OWN in (await ada.get(path)).page.text
    assert OWN not in (await ada.get("/inbox?part=waiting")).page.text
