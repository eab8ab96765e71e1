"""The server of the operator's commands: its socket, its answers, and its stop."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from bot.local import client
from bot.local.reply import CommandReply
from bot.local.server import MAX_BODY, serving
from bot.local.socket_path import socket_path
from engine.errors import StoreError


async def echo(command: str, arguments: dict[str, Any]) -> CommandReply:
    return CommandReply(facts={"command": command, **arguments})


async def test_a_command_and_its_reply_pass_a_socket_that_only_its_owner_can_open(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    async with serving(echo, socket_path(database)):
        assert stat.S_IMODE(socket_path(database).stat().st_mode) == 0o600
        reply = await client.ask(database, "start", {"workflow": "hello"})
    assert reply == CommandReply(facts={"command": "start", "workflow": "hello"})
    assert not socket_path(database).exists()
    assert await client.ask(database, "start", {}) is None


async def test_a_socket_that_a_killed_server_left_behind_is_replaced(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    socket_path(database).touch()
    async with serving(echo, socket_path(database)):
        assert await client.ask(database, "start", {}) == CommandReply(facts={"command": "start"})


async def test_a_socket_that_cannot_be_bound_leaves_no_server(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        async with serving(echo, tmp_path / "missing" / "signoff.db.sock"):
            pytest.fail("it serves")


async def test_a_command_under_way_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    started, released = asyncio.Event(), asyncio.Event()

    async def slow(command: str, arguments: dict[str, Any]) -> CommandReply:
        started.set()
        await released.wait()
        return CommandReply(facts={"done": True})

    async with asyncio.TaskGroup() as group, serving(slow, socket_path(database)):
        asking = group.create_task(client.ask(database, "start", {}))
        await started.wait()
        asyncio.get_running_loop().call_later(0.2, released.set)
    assert asking.result() == CommandReply(facts={"done": True})


async def test_a_failing_database_is_an_error_and_a_failing_program_an_incident(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = tmp_path / "signoff.db"

    async def fail(command: str, arguments: dict[str, Any]) -> CommandReply:
        raise StoreError("The disk is full.") if command == "start" else RuntimeError("a defect")

    async with serving(fail, socket_path(database)):
        with pytest.raises(StoreError, match=r"^The disk is full\.$"):
            await client.ask(database, "start", {})
        assert caplog.text == ""
        with pytest.raises(
            StoreError, match=r"^Something broke in the server\. The details are in its log, under [0-9a-z]{17}\.$"
        ):
            await client.ask(database, "cancel", {})
    assert "a defect" in caplog.text


async def test_an_oversized_command_is_refused_and_the_connection_stays_usable(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    body = b"x" * (MAX_BODY + 1)
    async with serving(echo, socket_path(database)):
        reader, writer = await asyncio.open_unix_connection(socket_path(database))
        writer.write(b"POST /start HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert b"larger than 16,000,000 bytes. Nothing was done." in await reader.readuntil(b"}}")
        writer.write(b"POST /start HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readuntil(b"}}") == b'{"refused":null,"facts":{"command":"start"}}'
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_disconnects_during_a_command_is_not_an_incident(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    database = tmp_path / "signoff.db"
    commands = list[str]()

    async def note(command: str, arguments: dict[str, Any]) -> CommandReply:
        commands.append(command)
        return CommandReply()

    async with serving(note, socket_path(database)):
        _, writer = await asyncio.open_unix_connection(socket_path(database))
        writer.write(b'POST /start HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"workflow"')
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await client.ask(database, "cancel", {}) == CommandReply()
    assert commands == ["cancel"]
    assert "incident" not in caplog.text
    assert "Traceback" not in caplog.text
