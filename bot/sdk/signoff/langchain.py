"""LangChain: its human-in-the-loop middleware, whose interrupts people answer, with their edits, in Signoff.

`pip install 'signoff[langchain]'`. Both of its modes work: an interrupt for all calls of a turn, and one for each call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

from langchain.agents.middleware import HumanInTheLoopMiddleware, InterruptOnConfig
from langchain.agents.middleware.human_in_the_loop import InterruptMode
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, Interrupt

from signoff.client import AsyncClient
from signoff.errors import AlreadyUsed, NotApproved, UnclearAnswer
from signoff.questions import Question, question


class ApprovalMiddleware(HumanInTheLoopMiddleware[Any, Any, Any]):
    """Asks people before the tools in `interrupt_on` run. Each approval is used once, and its outcome is reported.

    List it first among the middleware, give the agent a checkpointer, and run it with `run`, or with `run_sync` in a
    program without an event loop: an agent that was killed continues with `run(agent, None, config)`, and no tool runs
    twice. `options` go with each ask: `risk`, `workflow`, `server`, `requester`, `expires_in`.
    """

    def __init__(
        self,
        interrupt_on: dict[str, bool | InterruptOnConfig],
        *,
        client: AsyncClient | None = None,
        interrupt_mode: InterruptMode = "per_call",
        **options: Any,
    ) -> None:
        super().__init__(interrupt_on, interrupt_mode=interrupt_mode)
        self._client = client or AsyncClient()
        self._options = options

    async def run(self, agent: Any, value: Any, config: RunnableConfig) -> Any:
        """Run an agent until no call waits. `value` is its input, or None to continue after a restart."""
        result = await agent.ainvoke(value, config, version="v2")
        while result.interrupts:
            messages = (await agent.aget_state(config)).values["messages"]
            answer = await self._first_answer(result.interrupts, messages, config)
            result = await agent.ainvoke(Command(resume=answer), config, version="v2")
        return result.value

    def run_sync(self, agent: Any, value: Any, config: RunnableConfig) -> Any:
        """Do what `run` does, in a thread without an event loop."""
        result = agent.invoke(value, config, version="v2")
        while result.interrupts:
            messages = agent.get_state(config).values["messages"]
            answer = asyncio.run(self._first_answer(result.interrupts, messages, config))
            result = agent.invoke(Command(resume=answer), config, version="v2")
        return result.value

    async def _first_answer(
        self, interrupts: Sequence[Interrupt[Any]], messages: Sequence[Any], config: RunnableConfig
    ) -> dict[str, Any]:
        """Return the answer to the interrupt that is decided first. The others stay open, and are waited for again."""
        tasks = {asyncio.ensure_future(self._answer(each.value, messages, config)): each.id for each in interrupts}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            return {tasks[first]: first.result()}
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, value: dict[str, Any], messages: Sequence[Any], config: RunnableConfig) -> Any:
        turn = next(each for each in reversed(messages) if isinstance(each, AIMessage))
        if value.get("type") == "tool_approval":
            (call,) = (each for each in turn.tool_calls if each["id"] == value["tool_call_id"])
            return await self._decision(self._question(turn, call, config), call)
        calls, rest = [], iter(turn.tool_calls)  # the actions are in the order of the calls
        for action in value["action_requests"]:
            same = (each for each in rest if (each["name"], each["args"]) == (action["name"], action["args"]))
            calls.append(next(same))
        decisions = [self._decision(self._question(turn, call, config), call) for call in calls]
        return {"decisions": await asyncio.gather(*decisions)}

    async def _decision(self, asked: Question, call: ToolCall) -> dict[str, Any]:
        try:
            values = asked.values(await self._client.decided(asked))
        except NotApproved as refusal:
            if isinstance(refusal, AlreadyUsed) or "reject" not in self.interrupt_on[call["name"]]["allowed_decisions"]:
                raise
            return {"type": "reject", "message": str(refusal)}
        if values == call["args"]:
            return {"type": "approve"}
        return {"type": "edit", "edited_action": {"name": call["name"], "args": values}}

    def _question(self, turn: AIMessage, call: ToolCall, config: RunnableConfig) -> Question:
        """Return what is asked about a call: after a restart the same again, with the same key."""
        thread = config.get("configurable", {}).get("thread_id")
        return question(
            call["name"].replace("_", " ").capitalize(),
            call["args"],
            use="once",
            key=sha256(f"langchain\n{thread}\n{turn.id}\n{call['id']}".encode()).hexdigest(),
            editable="edit" in self.interrupt_on[call["name"]]["allowed_decisions"],
            tool=call["name"],
            reasoning=turn.text or None,
            **self._options,
        )

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """Run a call that was approved: take the approval, run the tool, and report how that ended."""
        if not self._is_gated(request):
            return await handler(request)

        async def run(approved: ToolCallRequest) -> ToolMessage | Command[Any]:
            asked = self._asked(request)
            ask = await self._client.decided(asked)
            _check(asked.values(ask), approved, asked)
            async with await self._client.take(ask, asked) as approval:
                result = await handler(approved)
                if (failure := _failure_of(result)) is not None:
                    await approval.report("failed", failure)
                return result

        return await super().awrap_tool_call(request, run)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Do what `awrap_tool_call` does, for an agent that runs without an event loop."""
        if not self._is_gated(request):
            return handler(request)

        def run(approved: ToolCallRequest) -> ToolMessage | Command[Any]:
            client, asked = self._client.blocking(), self._asked(request)
            ask = client.decided(asked)
            _check(asked.values(ask), approved, asked)
            with client.take(ask, asked) as approval:
                result = handler(approved)
                if (failure := _failure_of(result)) is not None:
                    approval.report("failed", failure)
                return result

        return super().wrap_tool_call(request, run)

    def _is_gated(self, request: ToolCallRequest) -> bool:
        gate = self.interrupt_on.get(request.tool_call["name"])
        return gate is not None and ("when" not in gate or gate["when"](request))

    def _asked(self, request: ToolCallRequest) -> Question:
        """Return what was asked about the call of a request."""
        call = request.tool_call
        turns = (each for each in reversed(request.state["messages"]) if isinstance(each, AIMessage))
        turn = next(each for each in turns if any(one["id"] == call["id"] for one in each.tool_calls))
        return self._question(turn, call, request.runtime.config)


def _check(values: dict[str, Any], approved: ToolCallRequest, asked: Question) -> None:
    """Raise `UnclearAnswer` if a tool is about to run with other values than those that were approved."""
    if values != approved.tool_call["args"]:
        raise UnclearAnswer(f"{asked.title!r} was approved with other arguments. Nothing has run.")


def _failure_of(result: ToolMessage | Command[Any]) -> str | None:
    """Return what a tool says that failed, without raising."""
    return result.text if isinstance(result, ToolMessage) and result.status == "error" else None
