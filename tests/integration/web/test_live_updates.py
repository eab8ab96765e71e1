"""The live updates of open pages."""

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
from engine.domain import Address
from tests.support.web_env import ADA, BEN, Browser, WebEnv, open_web

BY_LINK = "      assurance: link\n"


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "EVERY", 0.02)


@asynccontextmanager
async def open_stream(env: WebEnv, browser: Browser, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {**browser.extra, "Cookie": browser._cookies(path)}  # noqa: SLF001

    async with env.session.get(f"{env.base}{path}/events", headers=headers) as response:
        yield response


async def next_update(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async for line in response.content:
        if line.startswith(b"data: "):
            update: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return update
    raise AssertionError("the stream ended")


async def test_a_page_receives_the_decision_of_another_person_and_the_end_of_the_run(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    ada, page = await env.open_link(ADA)
    ben, yours = await env.open_link(BEN)
    async with open_stream(env, ada, page.path) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["X-Frame-Options"] == "DENY"
        assert (await next_update(stream))["state"] == "pending"
        await ben.send(yours.page.form)
        now = await next_update(stream)
        assert now["state"] == "approved"
        assert now["said"] == [f"Approved by {BEN}, ", {"at": "2026-03-02T09:00:00+00:00"}, "."]
        await env.engine_env.settle()
        while not now["ended"]:
            now = await next_update(stream)
        receipt = await ben.get(yours.path)
        assert f'data-mark="{now["mark"]}"' in receipt.text
        assert await stream.content.read() in (b"", b"\n")
    assert request.id in page.path


async def test_streams_need_the_right_to_see_the_request(env: WebEnv) -> None:
    request = await env.request_approval()
    async with open_stream(env, env.browser(), f"/review/{request.id}") as stream:
        assert stream.status == 403


async def test_too_many_streams_are_refused(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "MOST", 1)
    await env.request_approval()
    browser, page = await env.open_link()
    async with open_stream(env, browser, page.path) as first:
        await next_update(first)
        async with open_stream(env, browser, page.path) as second:
            assert second.status == 503


async def test_one_link_cannot_take_the_streams_of_others(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "MOST_EACH", 2)
    await env.request_approval()
    async with AsyncExitStack() as stack:
        visits = [await env.open_link(ADA) for _ in range(4)]
        streams = [await stack.enter_async_context(open_stream(env, browser, page.path)) for browser, page in visits]
        assert [stream.status for stream in streams] == [200, 200, 503, 503], (
            "the limit is shared by all browsers with the link"
        )
        ben, theirs = await env.open_link(BEN)
        bens_stream = await stack.enter_async_context(open_stream(env, ben, theirs.path))
        assert (await next_update(bens_stream))["state"] == "pending"
        streams[0].close()
        refused_browser, page = visits[3]
        statuses = [
            (await stack.enter_async_context(open_stream(env, refused_browser, page.path))).status for _ in range(50)
        ]
        assert 200 in statuses, "a closed stream makes room for another"


async def test_simultaneous_streams_are_counted_before_they_begin(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "MOST_EACH", 3)
    await env.request_approval()
    browser, page = await env.open_link()
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(open_stream(env, browser, page.path)) for _ in range(12)]
        streams = await asyncio.gather(*opening)
        assert sorted(stream.status for stream in streams) == [200] * 3 + [503] * 9


async def test_the_streams_of_a_revoked_link_end(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link(ADA)
    known = await env.sign_in(BEN)
    async with open_stream(env, browser, page.path) as stream, open_stream(env, known, page.path) as other:
        await next_update(stream)
        await next_update(other)
        await env.engine_env.identity.revoke(request.id)
        async with asyncio.timeout(20):
            assert await stream.content.read() in (b"", b"\n")
        async with open_stream(env, browser, page.path) as again:
            assert again.status == 410
        form = (await known.get("/sessions")).page.form_with("browser")
        await known.post(form.action, form.with_(act="forget"), kind=form.kind)
        assert await other.content.read() in (b"", b"\n"), "the stream of a browser that signed out ends too"


async def test_the_streams_of_an_expired_link_end(env: WebEnv) -> None:
    await env.request_approval()
    browser, page = await env.open_link(ADA)
    async with open_stream(env, browser, page.path) as stream:
        await next_update(stream)
        env.engine_env.pass_time(days=31)
        assert await stream.content.read() in (b"", b"\n")


async def test_streams_do_not_keep_the_server_from_ending(path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with open_web(path) as env:
            await env.request_approval()
            browser, page = await env.open_link()
            stream = await stack.enter_async_context(open_stream(env, browser, page.path))
            await next_update(stream)
            reading = asyncio.ensure_future(stream.content.read())
        assert await reading in (b"", b"\n")


async def test_an_open_inbox_hears_that_its_list_is_another_one(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "INBOX_EVERY", 0.02)
    request = await env.request_approval()
    ada = await env.sign_in()
    page = await ada.get("/inbox")
    async with open_stream(env, ada, "/inbox") as stream:
        first = await next_update(stream)
        assert first["title"] == "Needs you (1)"
        assert f'data-mark="{first["mark"]}"' in page.text
        await env.request_approval(customer="Lee")
        second = await next_update(stream)
        assert (second["title"], second["mark"] != first["mark"]) == ("Needs you (2)", True)
        await env.engine_env.decide(request.run, by=Address("email", BEN))
        assert (await next_update(stream))["title"] == "Needs you (1)"
        await ada.post("/inbox", (await ada.get("/inbox")).page.forms[-1].with_(act="sign-out"))
        assert await stream.content.read() in (b"", b"\n"), "nothing more after signing out"
    async with open_stream(env, env.browser(), "/inbox") as refused:
        assert refused.status == 403
