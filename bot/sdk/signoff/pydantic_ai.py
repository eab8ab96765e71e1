"""Pydantic AI: its tools that require approval, which people approve, with their edits, in Signoff.

`pip install 'signoff[pydantic-ai]'`, and `Agent(…, capabilities=[ApprovalCapability()])`.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

from pydantic_ai import DeferredToolRequests, DeferredToolResults, RunContext, ToolApproved, ToolDenied
from pydantic_ai.capabilities import AbstractCapability, WrapToolExecuteHandler
from pydantic_ai.messages import ToolCallPart

from signoff.client import AsyncClient
from signoff.errors import AlreadyUsed, NotApproved
from signoff.questions import Question, question

_ASK = "signoff_ask"


class ApprovalCapability(AbstractCapability[Any]):
    """Asks people about all calls that wait for an approval, and lets the agent go on when all are decided.

    Each approval is used just before its tool runs, once, and how that ended is reported. `options` go with each ask:
    `editable` (all arguments, if it is not given), `risk`, `workflow`, `server`, `requester`, `expires_in`.
    """

    def __init__(self, client: AsyncClient | None = None, **options: Any) -> None:
        self._client = client or AsyncClient()
        self._options = {"editable": True, **options}

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults:
        """Answer the calls of an agent that waits for them."""
        return await self.answers(requests, conversation=ctx.conversation_id or "")

    async def answers(self, requests: DeferredToolRequests, *, conversation: str = "") -> DeferredToolResults:
        """Return the decisions about all calls, for `agent.run(…, deferred_tool_results=…)`.

        A program that was restarted gets the same decisions again, if it names the same conversation.
        """
        decided = await asyncio.gather(*(self._decision(conversation, call) for call in requests.approvals))
        ids = [call.tool_call_id for call in requests.approvals]
        return requests.build_results(
            approvals=dict(zip(ids, [result for result, _ in decided], strict=True)),
            metadata={one: {_ASK: ask} for one, (_, ask) in zip(ids, decided, strict=True) if ask is not None},
        )

    async def _decision(self, conversation: str, call: ToolCallPart) -> tuple[ToolApproved | ToolDenied, str | None]:
        asked = self._question(conversation, call)
        try:
            ask = await self._client.decided(asked)
        except AlreadyUsed:
            raise
        except NotApproved as refusal:
            return ToolDenied(str(refusal)), None
        return ToolApproved(override_args=asked.values(ask)), ask.id  # the whole call: this replaces all arguments

    def _question(self, conversation: str, call: ToolCallPart) -> Question:
        return question(
            call.tool_name.replace("_", " ").capitalize(),
            call.args_as_dict(),
            use="once",
            key=sha256(f"pydantic_ai\n{conversation}\n{call.tool_call_id}".encode()).hexdigest(),
            tool=call.tool_name,
            **self._options,
        )

    async def wrap_tool_execute(
        self, ctx: RunContext[Any], *, args: dict[str, Any], handler: WrapToolExecuteHandler, **_: Any
    ) -> Any:
        """Run a call that was approved here: take the approval, run the tool, and report how that ended."""
        ask = (ctx.tool_call_metadata or {}).get(_ASK) if ctx.tool_call_approved else None
        if ask is None:
            return await handler(args)
        async with await self._client.take(await self._client.get(ask)):
            return await handler(args)
