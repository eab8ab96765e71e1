"""Each request has an id: of the proxy in front, or a new one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import aiohttp
import pytest

from bot import log, page_urls
from tests.support.log_state import restored_logging
from tests.support.web_env import WebEnv


async def request_id(env: WebEnv, given: str | None = None, path: str = "/healthz") -> str:
    headers = {} if given is None else {"X-Request-Id": given}
    async with aiohttp.ClientSession() as session, session.get(f"{env.base}{path}", headers=headers) as answer:
        return answer.headers["X-Request-Id"]


@pytest.mark.parametrize("given", ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "lb_1.2-3", "x" * 64])
async def test_the_id_of_a_proxy_is_kept(env: WebEnv, given: str) -> None:
    assert await request_id(env, given) == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<b>", "-a", "ü", 'a"b', "a/../b", None])
async def test_any_other_id_is_replaced_by_a_new_one(env: WebEnv, given: str | None) -> None:
    ids = {await request_id(env, given) for _ in range(2)}
    assert len(ids) == 2
    assert {len(id_) for id_ in ids} == {17}


@pytest.mark.parametrize("page", ["/inbox", "/nothing", f"{page_urls.OPEN}/x"])
async def test_every_page_returns_it(env: WebEnv, page: str) -> None:
    assert await request_id(env, "abc", page) == "abc"


async def test_the_lines_of_a_request_that_breaks_carry_the_id_that_the_page_shows(
    env: WebEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    request = await env.request_approval()
    with closing(sqlite3.connect(env.engine_env.path)) as connection:
        connection.execute("UPDATE request SET details = 'the inside'")
        connection.commit()
    address = f"{env.base}{page_urls.REVIEW}/{request.id}"
    with restored_logging():
        log.set_up("info", "json", str)
        async with (
            aiohttp.ClientSession() as session,
            session.get(address, headers={"X-Request-Id": "proxy-17"}) as answer,
        ):
            assert "proxy-17" in await answer.text()
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert line["request_id"] == line["incident"] == "proxy-17"
    assert "Traceback" in line["exception"]
    assert line["time"].endswith("+00:00")
