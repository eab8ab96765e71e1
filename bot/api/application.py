"""The application: finds the operation of a call, checks its key and its rate, and writes the answer or the problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot import request_scope
from bot.api.access import Access
from bot.api.calls import ApiCall
from bot.api.operations import ApiPath, Operation
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


def _written(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as the server takes them."""
    return [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]


_WRITTEN: Final = _written({**HEADERS, "Content-Type": _JSON})
"""The headers of all JSON, which are written once."""


class Api:
    """The ASGI application of all paths below `/api`.

    `paths`: in the order in which they are tried. `document`: the OpenAPI document, for everyone.
    """

    def __init__(self, paths: Sequence[ApiPath], document: bytes, access: Access) -> None:
        self._paths, self._document, self._access = paths, document, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})
        response = await self._answer(ApiCall(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, call: ApiCall) -> Response:
        """Return the answer: what the handler returns, or a problem."""
        try:
            found = self._route(call)
            if isinstance(found, Response):
                return found
            operation, names = found
            await self._access.admit(call)
            call.check_idempotency_key()
            handled = operation.handler(call=call, **await operation.arguments(call, names))
            # Thousands may wait in a handler, so its arguments are not kept here.
            del found, operation, names
            return self._response(call, await handled)
        except ClientDisconnect:
            return Response()
        except ApiProblem as problem:
            await self._access.note(call, problem)
            return self._problem(call, problem)
        except Exception as error:  # noqa: BLE001 the boundary to a program: an unexpected error becomes a problem
            return self._problem(call, of_exception(error))

    def _route(self, call: ApiCall) -> Response | tuple[Operation, Mapping[str, str]]:
        """Return the operation of a call with the parts of its path, or the answer of a path that needs no key."""
        path = call.scope["path"].removeprefix(PREFIX).rstrip("/")
        if path == "/openapi.json" and call.verb == "GET":
            return Response(self._document, headers=HEADERS, media_type=_JSON)
        found = self._find(path)
        if found is None:
            raise ApiProblem(404, "unknown-path", f"There is nothing at this path. {PREFIX}/openapi.json lists all.")
        known, names = found
        if call.verb == "OPTIONS":
            return Response(status_code=204, headers={**HEADERS, "Allow": known.allow})
        operation = known.operations.get(call.verb)
        if operation is None:
            detail = f"This path takes {known.allow}."
            raise ApiProblem(405, "method-not-allowed", detail, headers={"Allow": known.allow})
        _note(operation, call, names)
        call.status = operation.status
        return operation, names

    def _find(self, path: str) -> tuple[ApiPath, Mapping[str, str]] | None:
        for known in self._paths:
            if match := known.pattern.fullmatch(path):
                return known, match.groupdict()
        return None

    def _response(self, call: ApiCall, result: Any) -> Response:
        if isinstance(result, Refusal):
            raise of_refusal(result)
        if isinstance(result, Response):
            result.headers.update(self._headers(call))
            return result
        response = Response(json_values.encoded(result), call.status)
        response.raw_headers += [*_WRITTEN, *_written(self._access.headers(call))]
        return response

    def _problem(self, call: ApiCall, problem: ApiProblem) -> Response:
        headers = {**self._headers(call), **problem.headers}
        return Response(problem.body, problem.status, headers, MEDIA_TYPE)

    def _headers(self, call: ApiCall) -> dict[str, str]:
        return {**HEADERS, **self._access.headers(call)}


def _note(operation: Operation, call: ApiCall, names: Mapping[str, str]) -> None:
    """Note what this request is about, for metrics, the log and traces."""
    scope = request_scope.current()
    if scope is not None:
        scope.endpoint = f"{call.verb} {PREFIX}{operation.path}"
        scope.note(run=names.get("ask") or names.get("run"), request=names.get("request"))
