"""The outermost middleware: each request gets an id, which its answer, its log lines and its trace carry."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import request_headers, request_scope
from bot.monitor import Monitor
from bot.request_scope import HEADER, RequestScope

_UNKNOWN: Final = "an unknown path"
"""The endpoint of a request before a route took it, so that paths of strangers are no labels."""
_HEADER: Final = HEADER.lower().encode()
_ID: Final = re.compile(r"[0-9a-z]{17}")
Handler = Callable[[Request], Awaitable[Response]]


class RequestIds:
    """Wraps the site."""

    def __init__(self, app: ASGIApp, *, monitoring: Monitor) -> None:
        self._app, self._monitoring = app, monitoring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._begun(scope) as request:

            async def with_id(message: Message) -> None:
                if message["type"] == "http.response.start":
                    request.answer = str(message["status"])
                    MutableHeaders(scope=message)[HEADER] = request.id
                await send(message)

            await self._app(scope, receive, with_id)

    def _begun(self, scope: Scope) -> AbstractContextManager[RequestScope]:
        """Return the request that its headers name. They are not kept: thousands of requests may wait."""
        id_, parent = request_headers.find(scope, _HEADER), request_headers.find(scope, b"traceparent")
        return self._monitoring.request(_UNKNOWN, id_=id_, parent=parent)


def named(route: Route) -> Route:
    """Return the route with a handler that names the endpoint of each request by the pattern of its path."""
    handler: Handler = route.endpoint

    async def handle(request: Request) -> Response:
        current = request_scope.current()
        if current is not None:
            current.endpoint = f"{request.method} {route.path}"
            if _ID.fullmatch(str(asked := request.path_params.get("request"))):
                current.note(request=asked)
        return await handler(request)

    return Route(route.path, handle, methods=sorted(route.methods or ()))
