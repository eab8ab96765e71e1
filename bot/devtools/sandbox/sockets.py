"""Socket Mode (docs.slack.dev/apis/events-api/using-socket-mode): connections, envelopes, acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiohttp import WSMsgType, web

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.world import InstalledApp

DisconnectReason = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]
_TICKET_SECONDS: Final = 30
_REFRESH_SECONDS: Final = 10
"""Seconds for which a connection stays open after `refresh_requested`. Slack says "about ten seconds" of `warning`."""


@dataclass(eq=False)
class SocketConnection:
    """One WebSocket of an app. `retiring`: it gets no new envelopes."""

    app_id: str
    socket: web.WebSocketResponse
    retiring: bool = False
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)


@dataclass
class Sockets:
    """All connections, and the tickets that open them. `keep` runs a coroutine in the background."""

    time: Time
    keep: Callable[[Coroutine[Any, Any, None]], None]
    tickets: dict[str, tuple[str, float]] = field(default_factory=dict)
    connections: list[SocketConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn = 0

    def ticket(self, app: InstalledApp) -> str:
        """Issue a ticket for one connection."""
        name = uuid.uuid4().hex
        self.tickets[name] = (app.id, self.time.seconds)
        return name

    def of(self, app_id: str) -> list[SocketConnection]:
        """Return the app's connections that get envelopes."""
        return [
            connection for connection in self.connections if connection.app_id == app_id and not connection.retiring
        ]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve the WebSocket endpoint."""
        app_id, issued = self.tickets.pop(request.query.get("ticket", ""), ("", 0.0))
        if not app_id or self.time.seconds - issued > _TICKET_SECONDS:
            return web.Response(status=401, text="invalid ticket")
        socket = web.WebSocketResponse(heartbeat=limits.SOCKET_PING_SECONDS)
        await socket.prepare(request)
        if len(self.of(app_id)) >= limits.SOCKET_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": _DEBUG})
            await socket.close()
            return socket
        connection = SocketConnection(app_id, socket)
        self.connections.append(connection)
        try:
            await socket.send_json(self._hello(app_id))
            await self._listen(connection)
        finally:
            self.connections.remove(connection)
            for waiting in connection.waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError("the socket was closed before it acknowledged"))
        return socket

    def _hello(self, app_id: str) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.of(app_id)),
            "debug_info": {**_DEBUG, "build_number": 1, "approximate_connection_time": 3600},
            "connection_info": {"app_id": app_id},
        }

    async def _listen(self, connection: SocketConnection) -> None:
        async for message in connection.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            with contextlib.suppress(json.JSONDecodeError):
                ack = json.loads(message.data)
                waiting = connection.waiting.pop(ack.get("envelope_id", ""), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(ack.get("payload"))

    async def deliver(self, app_id: str, *, kind: str, payload: Json, retry: Json | None = None) -> Any:
        """Send an envelope over one connection, in turns, and return the payload of its acknowledgement."""
        connections = self.of(app_id)
        if not connections:
            raise ConnectionResetError("the app has no socket")
        self._turn += 1
        connection = connections[self._turn % len(connections)]
        envelope: Json = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
            **(retry or {}),
        }
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope["envelope_id"]] = waiting
        try:
            await connection.socket.send_json(envelope)
            return await waiting
        finally:
            connection.waiting.pop(envelope["envelope_id"], None)

    async def disconnect(self, app_id: str, reason: DisconnectReason) -> None:
        """Disconnect the app's sockets. `warning`: they stay for now. `link_disabled`: they are closed at once."""
        connections = self.of(app_id)
        for task in connections:
            task.retiring = reason != "warning"
            with contextlib.suppress(ConnectionResetError):
                await task.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": _DEBUG})
            if reason == "link_disabled":
                await task.socket.close()
            elif reason == "refresh_requested":
                self.keep(self._end(task))

    async def _end(self, connection: SocketConnection) -> None:
        await self.time.sleep(_REFRESH_SECONDS)
        await connection.socket.close()

    async def close(self) -> None:
        """Close all connections."""
        for connection in list(self.connections):
            await connection.socket.close()


_DEBUG: Final = {"host": "applink-sandbox"}
