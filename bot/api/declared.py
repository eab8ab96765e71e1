"""The operations and the OpenAPI document. FastAPI reads both from the signatures of the handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import metadata
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, FastAPI, Header
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter

from bot.api.ask_handlers import AskHandlers
from bot.api.ask_resources import AskListResource, AskResource
from bot.api.calls import LONGEST_KEY
from bot.api.operations import ApiPath, paths
from bot.api.problems import MEDIA_TYPE, ProblemBody
from bot.api.run_handlers import RunHandlers
from bot.api.run_resources import (
    DecisionListResource,
    DeliveryListResource,
    RedeliveryResource,
    RequestListResource,
    RequestResource,
    RunListResource,
    RunResource,
    WorkflowDetailResource,
    WorkflowListResource,
)
from engine import json_values
from engine.json_values import Value

_PROBLEM: Final = "Problem"
_DESCRIPTION: Final = """\
Programs ask people, start runs and read what became of them.

* Every call but that of this document needs an API key: `Authorization: Bearer sgn_…`.
* Every error is a problem as in RFC 9457: `detail` is a sentence for people, `code` a word for programs.
* Numbers are exact, in both directions: read them as decimals where digits matter.
* A call to create something takes an `Idempotency-Key`: a repeat has the result of the first call.
"""
_RESPONSES: Final[dict[int, str]] = {
    400: "The request cannot be read.",
    401: "There is no API key, or it is not accepted.",
    403: "The key may not do this.",
    404: "There is no such thing, or the key may not know of it.",
    409: "The present state does not allow it.",
    413: "The body is too large.",
    415: "The body is not JSON, or it is compressed.",
    422: "A part of the call is not as it has to be, or the `Idempotency-Key` was used for something else.",
    429: "The key has made too many calls.",
    500: "Something broke here. The server's log has more, under the `incident`.",
    503: "The database is busy, or the key has too many connections. Try again after `Retry-After` seconds.",
}
_ALWAYS: Final = (401, 403, 422, 429, 500, 503)
Endpoint = Callable[..., Awaitable[Any]]
_bearer: Final = HTTPBearer(scheme_name="key", bearerFormat="sgn_…", auto_error=False)


def _idempotency(
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=LONGEST_KEY,
            pattern="^[ -~]+$",
            description="An id that you choose for this call: a repeat has the result of the first one.",
        ),
    ] = None,
) -> None:
    """Declare the header, which `ApiCall.idempotency_key` reads."""


@cache
def _read() -> tuple[list[ApiPath], bytes]:
    """Return the paths, and the OpenAPI document without an address.

    They are the same for every engine, and reading them takes a tenth of a second. Of FastAPI nothing stays: what it
    makes of them takes megabytes.
    """
    app = _declared()
    return paths(route for route in app.routes if isinstance(route, APIRoute)), json_values.encoded(_description(app))


def paths_of(handlers: Sequence[object]) -> list[ApiPath]:
    """Return the paths. `handlers`: those of an engine, one of each class whose methods are declared."""
    declared, _ = _read()
    return [path.bound(handlers) for path in declared]


def document(url: str) -> bytes:
    """Return the OpenAPI document as JSON. `url`: the address of the API."""
    _, described = _read()
    found = json_values.loads(described)
    assert isinstance(found, dict)
    return json_values.encoded({**found, "servers": [{"url": url}]})


def _declared() -> FastAPI:
    """Return the application. Its handlers have no engine, because only their signatures are read."""
    app = FastAPI(
        title="Signoff",
        version=metadata.version("signoff"),
        description=_DESCRIPTION,
        servers=[{"url": ""}],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(_bearer)],
    )
    runs = RunHandlers.__new__(RunHandlers)
    _declare_asks(app, AskHandlers.__new__(AskHandlers))
    _declare_callbacks(app, runs)
    _declare_runs(app, runs)
    return app


def _declare_asks(app: FastAPI, asks: AskHandlers) -> None:
    _add(app, "POST", "/asks", asks.create, AskResource, "ask", created=True)
    _add(app, "GET", "/asks", asks.list, AskListResource, "listAsks")
    _add(app, "GET", "/asks/{ask}", asks.get, AskResource, "getAsk", found=True)
    _add(app, "GET", "/asks/{ask}/events", asks.events, None, "followAsk", found=True)
    _add(app, "POST", "/asks/{ask}/consume", asks.consume, AskResource, "consume", found=True)
    _add(app, "POST", "/asks/{ask}/outcome", asks.report, AskResource, "reportOutcome", found=True)
    _add(app, "POST", "/asks/{ask}/cancel", asks.cancel, AskResource, "cancelAsk", found=True)


def _declare_callbacks(app: FastAPI, runs: RunHandlers) -> None:
    path, redeliver = "/asks/{ask}/callbacks", "/callbacks/{delivery}/redeliver"
    _add(app, "GET", path, runs.list_callbacks, DeliveryListResource, "listCallbacks", found=True)
    _add(app, "POST", redeliver, runs.redeliver, RedeliveryResource, "redeliver", found=True)


def _declare_runs(app: FastAPI, runs: RunHandlers) -> None:
    _add(app, "POST", "/runs", runs.start, RunResource, "startRun", created=True, found=True)
    _add(app, "GET", "/runs", runs.list_runs, RunListResource, "listRuns")
    _add(app, "GET", "/runs/{run}", runs.get_run, RunResource, "getRun", found=True)
    _add(app, "POST", "/runs/{run}/cancel", runs.cancel_run, RunResource, "cancelRun", found=True)
    _add(app, "GET", "/requests", runs.list_requests, RequestListResource, "listRequests")
    _add(app, "GET", "/requests/{request}", runs.get_request, RequestResource, "getRequest", found=True)
    _add(
        app,
        "GET",
        "/requests/{request}/deliveries",
        runs.list_deliveries,
        DeliveryListResource,
        "listDeliveries",
        found=True,
    )
    _add(app, "GET", "/decisions", runs.list_decisions, DecisionListResource, "listDecisions")
    _add(app, "GET", "/workflows", runs.list_workflows, WorkflowListResource, "listWorkflows")
    _add(app, "GET", "/workflows/{workflow}", runs.get_workflow, WorkflowDetailResource, "getWorkflow", found=True)


def _add(
    app: FastAPI,
    method: Literal["GET", "POST"],
    path: str,
    handler: Endpoint,
    model: Any,
    name: str,
    *,
    created: bool = False,
    found: bool = False,
) -> None:
    """Declare an operation. `created`: it answers 201, or 200 to a repeat. `found`: it is about one thing."""
    writes = method == "POST"
    statuses = {*_ALWAYS, *((400, 409, 413, 415) if writes else ()), *((404,) if found else ())}
    responses: dict[int | str, dict[str, Any]] = {status: _problem(status) for status in sorted(statuses)}
    if created:
        responses[200] = {"model": model, "description": "A repeat: the result of the first call."}
    if model is None:
        responses[200] = {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": _EVENT}}}
    title, _, text = (handler.__doc__ or "").strip().partition("\n")
    app.add_api_route(
        path,
        handler,
        methods=[method],
        response_model=model,
        status_code=201 if created else 200,
        response_description="The result.",
        responses=responses,
        summary=title.rstrip("."),
        description="\n".join(line.strip() for line in text.strip().splitlines()),
        operation_id=name,
        dependencies=[Depends(_idempotency)] if writes else [],
    )


_EVENT: Final = {
    "type": "object",
    "description": "One event.",
    "properties": {
        "event": {"type": "string", "enum": ["ask"]},
        "id": {"type": "string", "description": "The `rev` of the ask."},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "The ask as JSON."},
        "retry": {"type": "integer"},
    },
}


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_PROBLEM}"}
    return {"description": _RESPONSES[status], "content": {MEDIA_TYPE: {"schema": schema}}}


def _description(app: FastAPI) -> Value:
    found = app.openapi()
    found["components"]["schemas"][_PROBLEM] = TypeAdapter(ProblemBody).json_schema()
    events = found["paths"]["/asks/{ask}/events"]["get"]["responses"]["200"]["content"]
    events.pop("application/json", None)
    return json_values.clean(found)
