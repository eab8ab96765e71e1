"""`signoff.pydantic_ai`, with the real library and a model that is a function."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import signoff
from signoff.pydantic_ai import ApprovalCapability
from tests.support.ask_server import AskServer


def returned(messages: list[ModelMessage]) -> dict[str, object]:
    """Return what the tools returned, by the id of their call."""
    parts = (part for message in messages for part in message.parts if isinstance(part, ToolReturnPart))
    return {part.tool_call_id: part.content for part in parts}


class Shop:
    """An agent with a tool that needs an approval, and what it did."""

    def __init__(self, *orders: str, approvals: ApprovalCapability | None = None) -> None:
        self.ran: list[object] = []
        self.approvals = approvals or ApprovalCapability(risk="high")

        def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            if returned(messages):
                return ModelResponse(parts=[TextPart("Done.")])
            arguments = ({"order": order, "amount": 5.5, "notify": True} for order in orders)
            return ModelResponse(
                parts=[ToolCallPart("refund", one, tool_call_id=f"call-{one['order']}") for one in arguments]
            )

        self.model = FunctionModel(answer)

    def agent(self, *, asks_inline: bool = True) -> Agent[None, Any]:
        output: Any = str if asks_inline else [str, DeferredToolRequests]
        capabilities = [self.approvals] if asks_inline else []
        agent: Agent[None, Any] = Agent(self.model, output_type=output, capabilities=capabilities)

        @agent.tool_plain(requires_approval=True)
        def refund(order: str, amount: float, notify: bool = False) -> str:
            self.ran.append((order, amount, notify))
            if order == "broken":
                raise ValueError("no such order")
            return f"{order} refunded"

        return agent


def decide_by_order(asks: AskServer, ask: dict[str, Any]) -> None:
    match ask["arguments"]["order"]:
        case "A-2":
            asks.decide(ask["id"], amount=4.25)
        case "A-3":
            asks.decide(ask["id"], "rejected", reason="Twice")
        case _:
            asks.decide(ask["id"])


async def test_all_calls_are_answered_together_as_decided(asks: AskServer) -> None:
    shop = Shop("A-1", "A-2", "A-3")
    with asks.approver(lambda ask: decide_by_order(asks, ask), count=3):
        result = await shop.agent().run("Refund all three.")
    assert result.output == "Done."
    assert sorted(shop.ran, key=str) == [("A-1", 5.5, True), ("A-2", 4.25, True)]
    assert returned(result.all_messages()) == {
        "call-A-1": "A-1 refunded",
        "call-A-2": "A-2 refunded",
        "call-A-3": "'Refund' was rejected by Ada: Twice",
    }
    by_order = {ask["arguments"]["order"]: ask for ask in asks.asks.values()}
    assert by_order["A-1"]["body"] == {
        "title": "Refund",
        "use": "once",
        "tool": "refund",
        "arguments": {"order": "A-1", "amount": 5.5, "notify": True},
        "editable": True,
        "risk": "high",
    }
    assert [by_order[order]["outcome"] and by_order[order]["outcome"]["status"] for order in ("A-1", "A-2", "A-3")] == [
        "succeeded",
        "succeeded",
        None,
    ]


async def test_a_tool_that_fails_is_reported(asks: AskServer) -> None:
    shop = Shop("broken")
    with asks.approver(lambda ask: asks.decide(ask["id"])), pytest.raises(ValueError, match="no such order"):
        await shop.agent().run("Refund it.")
    assert asks.asks["ask1"]["outcome"]["status"] == "failed"


async def test_calls_that_a_run_returned_are_answered_in_the_next_one(asks: AskServer) -> None:
    shop = Shop("A-1", "A-2")
    paused = await shop.agent(asks_inline=False).run("Refund both.")
    assert isinstance(paused.output, DeferredToolRequests)
    with asks.approver(lambda ask: decide_by_order(asks, ask), count=2):
        results = await shop.approvals.answers(paused.output)
    assert shop.ran == []
    done = await shop.agent().run(message_history=paused.all_messages(), deferred_tool_results=results)
    assert done.output == "Done."
    assert sorted(shop.ran, key=str) == [("A-1", 5.5, True), ("A-2", 4.25, True)]
    assert {ask["outcome"]["status"] for ask in asks.asks.values()} == {"succeeded"}
    with pytest.raises(signoff.AlreadyUsed):  # the same results again, as after a crash
        await shop.agent().run(message_history=paused.all_messages(), deferred_tool_results=results)
    assert len(shop.ran) == 2


async def test_a_restarted_agent_gets_the_same_decisions(asks: AskServer) -> None:
    shop = Shop("A-1")
    paused = await shop.agent(asks_inline=False).run("Refund it.")
    with asks.approver(lambda ask: decide_by_order(asks, ask)):
        first = await shop.approvals.answers(paused.output, conversation="7")
    again = await ApprovalCapability(risk="high").answers(paused.output, conversation="7")
    assert first == again
    assert len(asks.asks) == 1
