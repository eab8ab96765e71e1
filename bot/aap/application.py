"""The application of the Agent Approval Protocol: finds the handler of a call, checks its key, writes the answer."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot import request_scope
from bot.aap import errors, protocol_ids, refused
from bot.aap.errors import ProtocolError
from bot.aap.instance_handlers import InstanceHandlers
from bot.aap.protocol_ids import UUID
from bot.aap.request_handlers import RequestHandlers
from bot.api import problems
from bot.api.access import Access
from bot.api.application import HEADERS
from bot.api.calls import ApiCall
from bot.api.problems import ApiProblem
from engine import json_values
from engine.json_values import Value

PREFIX: Final = "/api/aap"
_ID: Final = "{id}"
Answer = tuple[int, Mapping[str, Value]]
"""The status and the body of an answer."""
Handler = Callable[[ApiCall, str], Awaitable[Answer]]
"""Takes a call, and our id of what its path names, or an empty text."""


class AapApplication:
    """The ASGI application of all paths below `/api/aap`. `access`: admits programs as our own API does."""

    def __init__(self, access: Access, requests: RequestHandlers, instances: InstanceHandlers) -> None:
        self._access = access
        self._paths: dict[str, dict[str, Handler]] = {
            "/v1/requests": {"POST": requests.create},
            f"/v1/requests/{_ID}": {"GET": requests.get, "DELETE": requests.cancel},
            f"/v1/requests/{_ID}/consume": {"POST": requests.consume},
            f"/v1/requests/{_ID}/outcome": {"POST": requests.report},
            "/v1/instances": {"POST": instances.create},
            f"/v1/instances/{_ID}": {
                "GET": instances.get,
                "PATCH": instances.update,
                "DELETE": instances.delete,
            },
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = ApiCall(scope, receive)
        call.scope.setdefault("extensions", {})
        exchange = _name_exchange()
        try:
            response = await self._answer(call, exchange)
        except ClientDisconnect:
            return
        response.headers[request_scope.HEADER] = exchange
        await response(scope, receive, send)

    async def _answer(self, call: ApiCall, exchange: str) -> Response:
        try:
            status, body = await self._carry_out(call)
        except ProtocolError as error:
            return self._refuse(call, error, exchange)
        except ApiProblem as problem:
            await self._access.note(call, problem)
            return self._refuse(call, refused.of_problem(problem), exchange)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 the boundary to a program: an unexpected error becomes an answer
            return self._refuse(call, refused.of_problem(problems.of_exception(error)), exchange)
        return self._written(call, status, json_values.encoded(dict(body)))

    async def _carry_out(self, call: ApiCall) -> Answer:
        pattern, id_ = _pattern(call.scope["path"].removeprefix(PREFIX))
        handlers = self._paths.get(pattern)
        if handlers is None:
            raise ProtocolError(404, "not_found", "There is nothing at this path.")
        if call.method not in handlers:
            allow = ", ".join(sorted(handlers))
            raise ProtocolError(405, "method_not_allowed", f"This path takes {allow}.", headers={"Allow": allow})
        await self._access.admit(call)
        ours = protocol_ids.from_uuid(id_) if id_ else ""
        if ours is None:
            raise ProtocolError(404, "not_found", "There is no such request of this key.")
        if (current := request_scope.current()) is not None:
            current.endpoint = f"{call.method} {PREFIX}{pattern}"
            current.note(run=ours or None)
        return await handlers[call.method](call, ours)

    def _refuse(self, call: ApiCall, error: ProtocolError, exchange: str) -> Response:
        body = json_values.encoded(errors.body(error, exchange))
        response = self._written(call, error.status, body)
        response.headers.update(error.headers)
        return response

    def _written(self, call: ApiCall, status: int, body: bytes) -> Response:
        content = b"" if status == HTTPStatus.NO_CONTENT else body
        return Response(content, status, {**HEADERS, **self._access.headers(call)}, "application/json")


def _pattern(path: str) -> tuple[str, str]:
    """Return the pattern of a path, and the id in it."""
    parts: list[Any] = path.split("/")
    ids = [part for part in parts if UUID.fullmatch(part)]
    return "/".join(_ID if part in ids else part for part in parts), ids[0] if ids else ""


def _name_exchange() -> str:
    """Return the id of this exchange, a UUID as the protocol wants it. The log and the answer's header have it too."""
    current = request_scope.current()
    if current is None:
        return str(uuid.uuid4())
    if not UUID.fullmatch(current.id):
        current.id = str(uuid.uuid4())
    return current.id
