"""The MCP server and its tools: request_approval, ask_person, approval_status and report_outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Annotated, Any, Final, Literal

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, InputRequiredResult, Tool, ToolAnnotations
from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.mcp import asks
from bot.mcp.asks import LONGEST_WAIT, Progress
from bot.mcp.results import AskResult, OutcomeResult
from bot.mcp.tasks import TasksExtension, has_tasks
from signoff import conversation
from signoff.errors import SignoffError
from signoff.questions import question
from signoff.transport import Server

Call = Context[Any, Any]
ServerOf = Callable[[Call], Server]
"""Returns the server of Signoff for one call, with the key of the program that calls."""

INSTRUCTIONS: Final = """\
People approve here what you are about to do. Before an action that needs an approval, call request_approval with its \
exact arguments, and go on only when the status is "approved", with the arguments of the answer. While the status is \
"pending", call approval_status. An error means no: do not carry it out. Afterwards call report_outcome. You cannot \
approve anything yourself."""

_ANNOTATIONS: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)

# The library (mcp 2.3) reads a text as JSON if its parameter may hold anything but text: "null" would be no text, and
# one in brackets an error. A parameter of the type str gets its text as it was written; a validator lets null in.
OptionalText = Annotated[
    str, BeforeValidator(lambda text: "" if text is None else text), WithJsonSchema({"type": ["string", "null"]})
]
Title = Annotated[str, Field(description="What is to be approved, in a short sentence that a person reads first.")]
Arguments = Annotated[
    dict[str, Any], Field(description="The exact arguments of the action, by name. The approval is for these alone.")
]
ToolName = Annotated[
    OptionalText, Field(description="The name of the tool or action. The operator's rules look at it.")
]
Editable = Annotated[
    bool | list[str], Field(description="Which arguments the approver may change: true for all, or their names.")
]
Risk = Annotated[Literal["low", "medium", "high", "critical"] | None, Field(description="How risky the action is.")]
Summary = Annotated[OptionalText, Field(description="What the person should know to decide.")]
Reasoning = Annotated[OptionalText, Field(description="Why you want to do it.")]
Impact = Annotated[OptionalText, Field(description="What changes if it is approved.")]
Workflow = Annotated[OptionalText, Field(description="The workflow that says who decides, if it is not the default.")]
Key = Annotated[
    OptionalText,
    Field(description="A text of your own. A call with the same key is about the same ask, not a new one."),
]
Fields = Annotated[
    dict[str, str | dict[str, Any]],
    Field(description='What to fill in, by name, with its type: {"region": "text", "amount": "number"}.'),
]
AskId = Annotated[str, Field(description="The id that request_approval or ask_person returned.")]
Wait = Annotated[int, Field(ge=0, le=LONGEST_WAIT, description="How long to wait for a decision, in seconds.")]
Outcome = Annotated[
    Literal["succeeded", "failed", "unknown"],
    Field(description="What became of the action. unknown: it may have happened, and a person has to look."),
]
Note = Annotated[OptionalText, Field(description="What happened, in a sentence.")]


def build(
    server_of: ServerOf, *, token_verifier: TokenVerifier | None = None, auth: AuthSettings | None = None
) -> MCPServer[Any]:
    """Return the MCP server."""
    tasks = TasksExtension()
    server = StrictServer(
        "signoff", title="Signoff", instructions=INSTRUCTIONS, version=metadata.version("signoff"),
        token_verifier=token_verifier, auth=auth, log_level="WARNING", extensions=[tasks], subscriptions=False,
    )  # fmt: skip
    tasks.bind(server, server_of)
    tools = Tools(server_of)
    titled: dict[str, Callable[..., Any]] = {
        "Ask for an approval": tools.request_approval,
        "Ask a person": tools.ask_person,
        "Wait for a decision": tools.approval_status,
        "Report what became of it": tools.report_outcome,
    }
    for title, tool in titled.items():
        server.add_tool(tool, title=title, annotations=_ANNOTATIONS)
    return server


class StrictServer(MCPServer[Any]):
    """A server whose tools take the arguments that they name, and no others.

    The library drops what a tool does not know. An agent would believe that people saw it.
    """

    async def list_tools(self) -> list[Tool]:
        """Return the tools; their schemas say that there are no other arguments."""
        return [
            tool.model_copy(update={"input_schema": {**tool.input_schema, "additionalProperties": False}})
            for tool in await super().list_tools()
        ]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Raises `ToolError` for an argument that it does not have."""
        known = next(
            (tool.input_schema["properties"] for tool in await self.list_tools() if tool.name == name), arguments
        )
        if unknown := [f"`{argument}`" for argument in arguments if argument not in known]:
            named = f"argument {unknown[0]}" if len(unknown) == 1 else f"arguments {', '.join(unknown)}"
            its = ", ".join(f"`{argument}`" for argument in known)
            raise ToolError(f"Nothing was done. {name} has no {named}. Its arguments are: {its}.")
        return await super().call_tool(name, arguments, context)


class Tools:
    """The tools. The name of a method is the name of its tool, and its docstring is what a model reads."""

    def __init__(self, server_of: ServerOf) -> None:
        self._server_of = server_of

    async def request_approval(
        self,
        title: Title,
        ctx: Call,
        arguments: Arguments = {},  # noqa: B006 it is never changed
        tool: ToolName = "",
        editable: Editable = False,
        risk: Risk = None,
        summary: Summary = "",
        reasoning: Reasoning = "",
        impact: Impact = "",
        workflow: Workflow = "",
        key: Key = "",
    ) -> AskResult:
        """Ask people to approve an action before you carry it out, and wait for their decision.

        Go on only if the status is "approved", and only with the arguments of the answer. An error means no.
        """
        texts = {"summary": summary, "reasoning": reasoning, "impact": impact, "workflow": workflow, "tool": tool}
        return await self._ask(ctx, title, arguments, use="once", editable=editable, risk=risk, key=key, **texts)

    async def ask_person(
        self,
        question: Annotated[str, Field(description="What you want to know, in a short sentence.")],
        fields: Fields,
        ctx: Call,
        summary: Summary = "",
        workflow: Workflow = "",
        key: Key = "",
    ) -> AskResult:
        """Ask a person to fill in fields, and wait for the answers, which are the arguments of the result."""
        return await self._ask(
            ctx, question, {}, use="answer", editable=[*fields], fields=fields, key=key, summary=summary,
            workflow=workflow,
        )  # fmt: skip

    async def approval_status(self, id: AskId, ctx: Call, wait_seconds: Wait = LONGEST_WAIT) -> AskResult:
        """Wait for the decision on an earlier request_approval or ask_person."""
        try:
            return await asks.look(self._server_of(ctx), id, wait_seconds, _progress(ctx))
        except SignoffError as error:
            raise ToolError(str(error)) from error

    async def report_outcome(self, id: AskId, status: Outcome, ctx: Call, note: Note = "") -> OutcomeResult:
        """Report what became of an approved action, after you have carried it out."""
        server = self._server_of(ctx)
        try:
            await server.run_async(conversation.report(id, status, note or None, None, server.patience))
        except SignoffError as error:
            raise ToolError(str(error)) from error
        return OutcomeResult(id=id, status=status)

    async def _ask(
        self, ctx: Call, title: str, arguments: Mapping[str, Any], *, use: str, key: str, **content: Any
    ) -> AskResult:
        # A client with tasks gets one at once, and asks for its state.
        seconds = 0 if has_tasks(ctx.request_context) else LONGEST_WAIT
        try:
            given = {name: value for name, value in content.items() if value != ""}
            asked = question(title, arguments, use=use, key=key or None, **given)
            return await asks.ask(self._server_of(ctx), asked, seconds, _progress(ctx))
        except SignoffError as error:
            raise ToolError(str(error)) from error


def _progress(ctx: Call) -> Progress:
    async def tell(seconds: float, message: str) -> None:
        await ctx.report_progress(round(seconds, 1), message=message)

    return tell
