"""What open pages are told while they are open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.web import live_updates
from tests.support.web_env import ADA, BEN, Browser, WebEnv, open_web

BY_LINK = "      assurance: link\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "EVERY", 0.02)


@asynccontextmanager
async def listening(here: WebEnv, browser: Browser, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {**browser.extra, "Cookie": browser._cookies(path)}  # noqa: SLF001
    async with here.session.get(f"{here.base}{path}/events", headers=headers) as response:
        yield response


async def told(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async for line in response.content:
        if line.startswith(b"data: "):
            found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return found
    raise AssertionError("the stream ended")


async def test_a_page_hears_that_somebody_else_decided_and_how_the_run_ends(here: WebEnv) -> None:
    asked = await here.request_approval(BY_LINK)
    ada, page = await here.open_link(ADA)
    ben, yours = await here.open_link(BEN)
    async with listening(here, ada, page.path) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["X-Frame-Options"] == "DENY"
        assert (await told(stream))["state"] == "pending"
        await ben.send(yours.page.form)
        now = await told(stream)
        assert now["state"] == "approved"
        assert "Approved by" in now["said"]
        await here.engine_env.settle()
        while not now["ended"]:
            now = await told(stream)
        receipt = await ben.get(yours.path)
        assert f'data-mark="{now["mark"]}"' in receipt.text
        assert await stream.content.read() in (b"", b"\n")
    assert asked.id in page.path


async def test_streams_are_for_whoever_may_see_the_request(here: WebEnv) -> None:
    asked = await here.request_approval()
    async with listening(here, here.browser(), f"/review/{asked.id}") as stream:
        assert stream.status == 403


async def test_too_many_streams_are_refused(here: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "MOST", 1)
    await here.request_approval()
    browser, page = await here.open_link()
    async with listening(here, browser, page.path) as first:
        await told(first)
        async with listening(here, browser, page.path) as second:
            assert second.status == 503


async def test_one_link_cannot_take_the_streams_of_others(here: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "MOST_EACH", 2)
    await here.request_approval()
    async with AsyncExitStack() as stack:
        pages = [await here.open_link(ADA) for _ in range(4)]
        streams = [await stack.enter_async_context(listening(here, one, page.path)) for one, page in pages]
        assert [one.status for one in streams] == [200, 200, 503, 503], "whichever browser the link is opened in"
        ben, theirs = await here.open_link(BEN)
        assert (await told(await stack.enter_async_context(listening(here, ben, theirs.path))))["state"] == "pending"
        streams[0].close()
        again, page = pages[3]
        statuses = [(await stack.enter_async_context(listening(here, again, page.path))).status for _ in range(50)]
        assert 200 in statuses, "its place is free once it is closed"


async def test_many_at_once_are_counted_before_they_begin(here: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "MOST_EACH", 3)
    await here.request_approval()
    browser, page = await here.open_link()
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(listening(here, browser, page.path)) for _ in range(12)]
        streams = await asyncio.gather(*opening)
        assert sorted(one.status for one in streams) == [200] * 3 + [503] * 9


async def test_the_streams_of_a_link_that_is_revoked_end(here: WebEnv) -> None:
    asked = await here.request_approval()
    browser, page = await here.open_link(ADA)
    known = await here.sign_in(BEN)
    async with listening(here, browser, page.path) as stream, listening(here, known, page.path) as other:
        await told(stream)
        await told(other)
        await here.engine_env.identity.revoke(asked.id)
        async with asyncio.timeout(20):
            assert await stream.content.read() in (b"", b"\n")
        async with listening(here, browser, page.path) as again:
            assert again.status == 410
        form = (await known.get("/inbox")).page.form
        await known.post(form.action, form.with_(act="sign-out"), kind=form.kind)
        assert await other.content.read() in (b"", b"\n"), "nor one of a browser that signed out"


async def test_the_streams_of_a_link_that_has_run_out_end(here: WebEnv) -> None:
    await here.request_approval()
    browser, page = await here.open_link(ADA)
    async with listening(here, browser, page.path) as stream:
        await told(stream)
        here.engine_env.pass_time(days=31)
        assert await stream.content.read() in (b"", b"\n")


async def test_streams_do_not_keep_the_server_from_ending(path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with open_web(path) as here:
            await here.request_approval()
            browser, page = await here.open_link()
            stream = await stack.enter_async_context(listening(here, browser, page.path))
            await told(stream)
            reading = asyncio.ensure_future(stream.content.read())
        assert await reading in (b"", b"\n")
