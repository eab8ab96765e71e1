"""One operation of the API: which parts of a request its handler takes, read from the handler's signature."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from bot.api import json_bodies
from bot.api.calls import ApiCall
from bot.api.problems import ApiProblem

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A handler, and how its arguments are read.

    FastAPI declares each of them in the OpenAPI document from the same signature. It does not run them: its own way to
    a handler takes ten times as long, and its JSON rounds numbers. `status`: of a usual answer.
    """

    path: str
    handler: Handler
    status: int
    body: type[BaseModel] | None
    body_is_optional: bool
    query: type[BaseModel] | None
    names: frozenset[str]
    """The arguments that are parts of the path."""

    @classmethod
    def of(cls, route: APIRoute) -> Operation:
        """Return the operation that a route declares."""
        hints = get_type_hints(route.endpoint, include_extras=True)
        kinds = inspect.signature(route.endpoint).parameters
        body = hints.get("body")
        return cls(
            path=route.path,
            handler=route.endpoint,
            status=route.status_code or 200,
            body=_model(body),
            body_is_optional="body" in kinds and kinds["body"].default is not inspect.Parameter.empty,
            query=_model(hints.get("query")),
            names=frozenset(route.param_convertors),
        )

    def bound(self, handlers: Sequence[object]) -> Operation:
        """Return this operation with the same method of the one of these handlers that has its class."""
        declared: Any = self.handler
        (owner,) = (each for each in handlers if type(each) is type(declared.__self__))
        return replace(self, handler=getattr(owner, declared.__name__))

    async def arguments(self, call: ApiCall, path: Mapping[str, str]) -> dict[str, Any]:
        """Return the arguments of the handler, read from the request. Raises `ApiProblem`."""
        found: dict[str, Any] = {name: path[name] for name in self.names}
        query = _query(call.query_params) if call.scope["query_string"] else {}
        if self.query is not None:
            found["query"] = json_bodies.validated(self.query, query, what="query")
        elif query:
            raise _unknown_query([*query])
        if self.body is not None:
            value = await json_bodies.read(call, may_be_empty=self.body_is_optional)
            found["body"] = json_bodies.validated(self.body, value, what="body")
        return found


@dataclass(frozen=True, slots=True)
class ApiPath:
    """The operations of one path, by method."""

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]

    @property
    def allow(self) -> str:
        """Return the methods that this path takes, as a header lists them."""
        methods = {*self.operations, "OPTIONS"} | ({"HEAD"} if "GET" in self.operations else set())
        return ", ".join(sorted(methods))

    def bound(self, handlers: Sequence[object]) -> ApiPath:
        """Return this path with the same methods of these handlers."""
        operations = self.operations.items()
        return ApiPath(self.pattern, {method: operation.bound(handlers) for method, operation in operations})


def paths(routes: Iterable[APIRoute]) -> list[ApiPath]:
    """Return the paths in the order of their declaration."""
    found: dict[str, tuple[re.Pattern[str], dict[str, Operation]]] = {}
    for route in routes:
        _, operations = found.setdefault(route.path, (route.path_regex, {}))
        operations.update(dict.fromkeys(route.methods or (), Operation.of(route)))
    return [ApiPath(*path) for path in found.values()]


def _model(hint: Any) -> type[BaseModel] | None:
    """Return the model of an annotation such as `AskBody`, `Annotated[Page, Query()]` or `Body | None`."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    for each in (hint, *get_args(hint)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _query(given: QueryParams) -> dict[str, Any]:
    """Return the parameters by name. One that is there twice has no clear meaning."""
    query: dict[str, Any] = {}
    for name, value in given.multi_items():
        if name in query:
            raise ApiProblem(
                422, "invalid-input", f"“{name[:80]}” is there twice.", errors={name[:80]: "is there twice"}
            )
        query[name] = value
    return query


def _unknown_query(names: list[str]) -> ApiProblem:
    errors = {name[:80]: "is not a part that this call knows" for name in names[:20]}
    return ApiProblem(422, "invalid-input", "The query has parts that this call does not know.", errors=errors)
