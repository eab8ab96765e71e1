"""The extension for tasks: a client that has declared it gets a task at once, and asks for its state.

A task is an ask, and its id is the ask's. So a task outlives this process, any other process can answer for it, and
only the API key that asked can see it. The library has no server for this extension.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams, TextContent
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from signoff import conversation
from signoff.errors import Refused, SignoffError
from signoff.records import Ask
from signoff.transport import Server

IDENTIFIER: Final = "io.modelcontextprotocol/tasks"
POLL_MILLISECONDS: Final = 2000
"""How often a client should ask for the state of a task."""
_ASKING: Final = frozenset({"request_approval", "ask_person"})
_CANCELLED: Final = "The agent has cancelled it."
_VERSIONS: Final = frozenset(MODERN_PROTOCOL_VERSIONS)

RequestContext = ServerRequestContext[Any, Any]


class TaskParams(RequestParams):
    """What each request about a task says."""

    task_id: str = Field(alias="taskId")


def has_tasks(ctx: RequestContext) -> bool:
    """Return whether the client has declared, with this request, that it understands tasks."""
    capabilities = ctx.session.client_capabilities
    declared = capabilities.extensions if capabilities else None
    return ctx.protocol_version in _VERSIONS and IDENTIFIER in (declared or {})


class TasksExtension(Extension):
    """Makes tasks of asks that wait."""

    identifier = IDENTIFIER

    def bind(self, server: MCPServer[Any], server_of: Callable[[Context[Any, Any]], Server]) -> None:
        """Set what the tasks are answered with."""
        self._server, self._server_of = server, server_of

    def methods(self) -> list[MethodBinding]:
        """Return the requests about tasks."""
        handlers = {"tasks/get": self._get, "tasks/cancel": self._cancel, "tasks/update": self._update}
        return [
            MethodBinding(method, TaskParams, handler, protocol_versions=_VERSIONS)
            for method, handler in handlers.items()
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> HandlerResult:
        """Answer with a task in the place of a result that says that the ask waits."""
        result = await call_next(ctx)
        if params.name not in _ASKING or not has_tasks(ctx) or not isinstance(result, CallToolResult):
            return result
        content = result.structured_content or {}
        if content.get("status") != "pending":
            return result
        return {"resultType": "task", **_task(await self._look(ctx, str(content["id"])))}

    async def _get(self, ctx: RequestContext, params: TaskParams) -> HandlerResult:
        require_client_extension(ctx, IDENTIFIER)
        ask = await self._look(ctx, params.task_id)
        task = _task(ask)
        return {**task, "result": await self._result(ctx, ask)} if task["status"] == "completed" else task

    async def _cancel(self, ctx: RequestContext, params: TaskParams) -> HandlerResult:
        require_client_extension(ctx, IDENTIFIER)
        server = self._server_of(self._context(ctx))
        try:
            await server.run_async(conversation.cancel(params.task_id, _CANCELLED, server.patience))
        except SignoffError as error:
            raise _no_task(error) from error
        return {}

    async def _update(self, ctx: RequestContext, params: TaskParams) -> HandlerResult:
        """Take answers of the client, which no task of ours asks for."""
        require_client_extension(ctx, IDENTIFIER)
        await self._look(ctx, params.task_id)
        return {}

    async def _look(self, ctx: RequestContext, ask: str) -> Ask:
        server = self._server_of(self._context(ctx))
        try:
            return await server.run_async(conversation.look(ask, server.patience))
        except SignoffError as error:
            raise _no_task(error) from error

    async def _result(self, ctx: RequestContext, ask: Ask) -> dict[str, Any]:
        """Return what the tool would have answered."""
        arguments = {"id": ask.id, "wait_seconds": 0}
        try:
            result = await self._server.call_tool("approval_status", arguments, self._context(ctx))
        except ToolError as error:
            result = CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    def _context(self, ctx: RequestContext) -> Context[Any, Any]:
        return Context(request_context=ctx, mcp_server=self._server)


def _task(ask: Ask) -> dict[str, Any]:
    states = {"pending": "working", "cancelled": "cancelled"}
    created = ask.created_at or datetime.fromtimestamp(0, UTC)
    updated = (ask.decision.at if ask.decision else None) or created
    return {
        "taskId": ask.id,
        "status": states.get(ask.status, "completed"),
        "statusMessage": f"Waiting for {', '.join(ask.waiting_for)}." if ask.status == "pending" else ask.status,
        "createdAt": created.isoformat(),
        "lastUpdatedAt": updated.isoformat(),
        "ttlMs": None,
        "pollIntervalMs": POLL_MILLISECONDS,
    }


def _no_task(error: SignoffError) -> MCPError:
    """Return the error of a request about a task: Signoff has refused it, or cannot be reached."""
    code = INVALID_PARAMS if isinstance(error, Refused) else -32603
    return MCPError(code=code, message=str(error))
