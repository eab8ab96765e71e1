"""When the world fails: a busy database, an unexpected error, and more connections than there are."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.web.connections import ConnectionLimits
from engine.store.port import Tx
from tests.support import held_database
from tests.support.api_env import ApiEnv, closed, open_api
from tests.support.engine_env import until


async def test_a_busy_database_is_said_with_when_to_try_again(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with open_api(path, patience=0.3) as api:
        before = await api.ask(workflow="free")
        async with held_database.of_file(path)():
            reply = await api.call("POST", "/asks", {"title": "May I?"})
            assert (reply.status, reply.code) == (503, "busy")
            assert int(reply.headers["Retry-After"]) > 0
            assert "incident" not in reply.body
            assert (await api.call("GET", f"/asks/{before['id']}")).status == 200
        assert (await api.call("POST", "/asks", {"title": "May I?"})).status == 201
        assert len((await api.call("GET", "/asks")).body["asks"]) == 2


async def test_an_unexpected_error_is_an_incident_whose_traceback_is_in_the_log_only(
    api: ApiEnv, caplog: pytest.LogCaptureFixture
) -> None:
    ask = await api.ask()

    def damage(tx: Tx) -> None:
        tx.connection.execute(text("UPDATE run SET inputs = '{' WHERE id = :id"), {"id": ask["id"]})

    await api.env.store.transact(damage)
    caplog.set_level(logging.ERROR)
    reply = await api.call("GET", f"/asks/{ask['id']}", headers={"X-Request-Id": "call-77"})
    assert (reply.status, reply.code, reply.body["incident"]) == (500, "incident", "call-77")
    assert "Traceback" not in reply.text
    assert "JSON" not in reply.text
    assert api.key not in caplog.text
    assert any(record.exc_info and "call-77" in record.getMessage() for record in caplog.records)
    assert (await api.call("GET", "/workflows")).status == 200


async def test_calls_that_wait_take_no_connection_from_people(tmp_path: Path) -> None:
    limits = ConnectionLimits(connections=16, api_connections=40)
    async with open_api(tmp_path / "signoff.db", limits=limits) as api:
        ask = await api.ask()
        path = f"/asks/{ask['id']}?wait=60s"
        polls = []
        # One after another: a connection counts with those of people until its key has come.
        for number in range(limits.per_key):
            polls.append(asyncio.ensure_future(api.call("GET", path)))
            await until(lambda waiting=number + 1: len(api.api.waits) == waiting)  # type: ignore[misc]
        reply = await api.call("GET", path)
        assert (reply.status, reply.code) == (503, "too-many-connections")
        # Another key has the rest, and people have their own.
        assert (await api.call("GET", "/asks", key=await api.new_key("Other agent"))).status == 200
        people = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(10)]
        for reader, writer in people:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await reader.readline()
        for _, writer in people:
            await closed(writer)
        await api.decide(ask["id"])
        replies = await asyncio.gather(*polls)
        assert {(reply.status, reply.body["status"]) for reply in replies} == {(200, "approved")}
