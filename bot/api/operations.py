"""One operation of the API: which parts of a request its handler takes, read from the handler's signature."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
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
    def of(cls, route: APIRoute, handler: Handler) -> Operation:
        """Return the operation that a route declares, for a handler with the same signature."""
        hints = get_type_hints(route.endpoint, include_extras=True)
        kinds = inspect.signature(route.endpoint).parameters
        body = hints.get("body")
        return cls(
            path=route.path,
            handler=handler,
            status=route.status_code or 200,
            body=_model(body),
            body_is_optional="body" in kinds and kinds["body"].default is not inspect.Parameter.empty,
            query=_model(hints.get("query")),
            names=frozenset(route.param_convertors),
        )

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
