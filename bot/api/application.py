"""The application: finds the operation of a call, checks its key and its rate, and writes the answer or the problem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot import request_scope
from bot.api.access import Access
from bot.api.calls import ApiCall
from bot.api.operations import Operation
from bot.api.problems import MEDIA_TYPE, ApiProblem, of_exception, of_refusal
from engine import json_values
from engine.domain import Refusal

PREFIX: Final = "/api/v1"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class _Path:
    """The operations of one path, by method."""

    pattern: re.Pattern[str]
    operations: dict[str, Operation]

    @property
    def allow(self) -> str:
        """Return the methods that this path takes, as a header lists them."""
        methods = {*self.operations, "OPTIONS"} | ({"HEAD"} if "GET" in self.operations else set())
        return ", ".join(sorted(methods))


class Api:
    """The ASGI application of all paths below `/api`. `document`: the OpenAPI document, for everyone."""

    def __init__(self, declared: FastAPI, document: bytes, access: Access) -> None:
        self._document, self._access = document, access
        self._paths = _paths(route for route in declared.routes if isinstance(route, APIRoute))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = scope["method"] == "HEAD"
        call = ApiCall({**scope, "method": "GET" if head else scope["method"], "is_head": head}, receive)
        call.scope.setdefault("extensions", {})
        began = False

        async def tell(message: Any) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await (await self._answer(call))(scope, receive, tell)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = of_exception(error)
            if began:
                raise
            await self._written(call, problem)(scope, receive, send)

    async def _answer(self, call: ApiCall) -> Response:
        try:
            return await self._carry_out(call)
        except ApiProblem as problem:
            await self._access.note(call, problem)
            return self._written(call, problem)

    async def _carry_out(self, call: ApiCall) -> Response:
        path = call.scope["path"].removeprefix(PREFIX).rstrip("/")
        if path == "/openapi.json" and call.method == "GET":
            return Response(self._document, headers=HEADERS, media_type=_JSON)
        found = self._find(path)
        if found is None:
            raise ApiProblem(
                404, "unknown-path", "There is nothing at this path. The OpenAPI document lists all paths."
            )
        known, names = found
        if call.method == "OPTIONS":
            return Response(status_code=204, headers={**HEADERS, "Allow": known.allow})
        operation = known.operations.get(call.method)
        if operation is None:
            detail = f"This path takes {known.allow}."
            raise ApiProblem(405, "method-not-allowed", detail, headers={"Allow": known.allow})
        _note(operation, call, names)
        return await self._call(operation, call, names)

    def _find(self, path: str) -> tuple[_Path, Mapping[str, str]] | None:
        for known in self._paths:
            if match := known.pattern.fullmatch(path):
                return known, match.groupdict()
        return None

    async def _call(self, operation: Operation, call: ApiCall, names: Mapping[str, str]) -> Response:
        call.status = operation.status
        await self._access.admit(call)
        arguments = await operation.arguments(call, names)
        result = await operation.handler(call=call, **arguments)
        if isinstance(result, Refusal):
            raise of_refusal(result)
        if isinstance(result, Response):
            result.headers.update(self._headers(call))
            return result
        return Response(json_values.encoded(result), call.status, self._headers(call), _JSON)

    def _written(self, call: ApiCall, problem: ApiProblem) -> Response:
        headers = {**self._headers(call), **problem.headers}
        return Response(problem.body, problem.status, headers, MEDIA_TYPE)

    def _headers(self, call: ApiCall) -> dict[str, str]:
        return {**HEADERS, **self._access.headers(call)}


def _paths(routes: Iterable[APIRoute]) -> list[_Path]:
    """Return the paths in the order of their declaration, the usual ones first."""
    paths: dict[str, _Path] = {}
    for route in routes:
        path = paths.setdefault(route.path, _Path(route.path_regex, {}))
        for method in route.methods or ():
            path.operations[method] = Operation.of(route)
    return [*paths.values()]


def _note(operation: Operation, call: ApiCall, names: Mapping[str, str]) -> None:
    """Note what this request is about, for metrics, the log and traces."""
    scope = request_scope.current()
    if scope is not None:
        scope.endpoint = f"{call.method} {PREFIX}{operation.path}"
        scope.note(run=names.get("ask") or names.get("run"), request=names.get("request"))
