"""`signoff.langchain`, with the real library and a model that reads its lines from a list."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypeAlias

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

import signoff
from signoff.langchain import ApprovalMiddleware
from tests.support.ask_server import AskServer

Mode: TypeAlias = Literal["batched", "per_call"]
WAYS: list[tuple[Mode, bool]] = [(mode, blocks) for mode in ("batched", "per_call") for blocks in (False, True)]
"""The modes, each for an agent that is awaited, and for one that runs without an event loop."""
CONFIG: Any = {"configurable": {"thread_id": "1"}}
START = {"messages": [{"role": "user", "content": "Refund both orders."}]}


class ScriptedModel(GenericFakeChatModel):
    """A model that takes tools."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


class Shop:
    """An agent with two tools, and what they did."""

    def __init__(
        self, mode: Mode, *calls: dict[str, Any], says: str = "", interrupt_on: Any = True, blocks: bool = False
    ) -> None:
        self.ran: list[object] = []
        self.blocks = blocks
        shop = self

        @tool
        def refund(order: str, amount: float) -> str:
            """Pay money back."""
            shop.ran.append((order, amount))
            if order == "broken":
                raise ValueError("no such order")
            return f"{order} refunded"

        @tool
        def look_up(order: str) -> str:
            """Read an order."""
            return f"{order} is there"

        messages = [
            AIMessage(
                says, tool_calls=[{"type": "tool_call", "id": f"call{n}", **call} for n, call in enumerate(calls)]
            ),
            AIMessage("Done."),
        ]
        self.approvals = ApprovalMiddleware({"refund": interrupt_on}, interrupt_mode=mode, risk="high")
        self.agent: Any = create_agent(
            ScriptedModel(messages=iter(messages)),
            tools=[refund, look_up],
            middleware=[self.approvals],
            checkpointer=InMemorySaver(),
        )

    async def run(self, value: Any = START) -> list[Any]:
        if self.blocks:
            result = await asyncio.to_thread(self.approvals.run_sync, self.agent, value, CONFIG)
        else:
            result = await self.approvals.run(self.agent, value, CONFIG)
        messages: list[Any] = result["messages"]
        return messages


def refund_of(order: str, amount: float) -> dict[str, Any]:
    return {"name": "refund", "args": {"order": order, "amount": amount}}


def results(messages: list[Any]) -> list[str]:
    """Return what the tools returned, in the order of their calls."""
    returned = [message for message in messages if isinstance(message, ToolMessage)]
    return [message.text for message in sorted(returned, key=lambda message: message.tool_call_id)]


@pytest.mark.parametrize(("mode", "blocks"), WAYS)
async def test_calls_run_as_approved_edited_and_rejected(asks: AskServer, mode: Mode, *, blocks: bool) -> None:
    look_up = {"name": "look_up", "args": {"order": "A-1"}}
    refunds = [refund_of("A-1", 5.5), refund_of("A-2", 7), refund_of("A-3", 9)]
    shop = Shop(mode, *refunds, look_up, says="They were late.", blocks=blocks)

    def decide(ask: dict[str, Any]) -> None:
        match ask["arguments"]["order"]:
            case "A-1":
                asks.decide(ask["id"])
            case "A-2":
                asks.decide(ask["id"], amount=6.25)
            case "A-3":
                asks.decide(ask["id"], "rejected", reason="Twice")

    with asks.approver(decide, count=3):
        messages = await shop.run()
    assert sorted(shop.ran, key=str) == [("A-1", 5.5), ("A-2", 6.25)]
    refunded, edited, rejected, found = results(messages)
    assert (refunded, found) == ("A-1 refunded", "A-1 is there")
    assert "A-2 refunded" in edited
    assert "6.25" in edited
    assert "'Refund' was rejected by Ada: Twice" in rejected
    by_order = {ask["arguments"]["order"]: ask for ask in asks.asks.values()}
    assert by_order["A-1"]["body"] == {
        "title": "Refund",
        "use": "once",
        "tool": "refund",
        "arguments": {"order": "A-1", "amount": 5.5},
        "editable": True,
        "risk": "high",
        "reasoning": "They were late.",
    }
    assert [by_order[order]["outcome"] and by_order[order]["outcome"]["status"] for order in ("A-1", "A-2", "A-3")] == [
        "succeeded",
        "succeeded",
        None,
    ]
    assert messages[-1].text == "Done."


@pytest.mark.parametrize("blocks", [False, True])
async def test_a_call_that_is_approved_runs_while_another_one_still_waits(asks: AskServer, *, blocks: bool) -> None:
    shop = Shop("per_call", refund_of("A-1", 5), refund_of("A-2", 7), blocks=blocks)
    first: dict[str, Any] = {}

    def decide(ask: dict[str, Any]) -> None:
        """Approve the second call once the outcome of the first one is known."""
        if first:
            with asks.changed:
                assert asks.changed.wait_for(lambda: any("/outcome" in line for line in asks.seen), 20)
        else:
            first.update(ask)
        asks.decide(ask["id"])

    with asks.approver(decide, count=2):
        await shop.run()
    assert sorted(shop.ran, key=str) == [("A-1", 5), ("A-2", 7)]
    assert len(asks.asks) == 2


@pytest.mark.parametrize(("mode", "blocks"), WAYS)
async def test_a_tool_that_fails_is_reported(asks: AskServer, mode: Mode, *, blocks: bool) -> None:
    shop = Shop(mode, refund_of("broken", 5), blocks=blocks)
    with asks.approver(lambda ask: asks.decide(ask["id"])), pytest.raises(ValueError, match="no such order"):
        await shop.run()
    assert asks.asks["ask1"]["outcome"]["note"] == "ValueError: no such order"


@pytest.mark.parametrize(("mode", "blocks"), WAYS)
async def test_an_agent_that_was_stopped_continues_the_same_ask(asks: AskServer, mode: Mode, *, blocks: bool) -> None:
    shop = Shop(mode, refund_of("A-1", 5), blocks=blocks)
    shop.approvals = ApprovalMiddleware({"refund": True}, interrupt_mode=mode, client=signoff.AsyncClient(patience=0.2))
    await shop.agent.ainvoke(START, CONFIG, version="v2")  # pauses; the program that waited for the answer ends here
    shop.approvals = ApprovalMiddleware({"refund": True}, interrupt_mode=mode, risk="high")
    with asks.approver(lambda ask: asks.decide(ask["id"])):
        await shop.run(None)
    assert shop.ran == [("A-1", 5)]
    assert len(asks.asks) == 1


@pytest.mark.parametrize(("mode", "blocks"), WAYS)
async def test_an_approval_that_another_process_used_runs_nothing(asks: AskServer, mode: Mode, *, blocks: bool) -> None:
    shop = Shop(mode, refund_of("A-1", 5), blocks=blocks)

    def decide(ask: dict[str, Any]) -> None:
        ask["consumed_at"] = "2026-03-02T10:00:00Z"
        asks.decide(ask["id"])

    with asks.approver(decide), pytest.raises(signoff.AlreadyUsed):
        await shop.run()
    assert shop.ran == []


@pytest.mark.parametrize("blocks", [False, True])
async def test_only_what_people_may_do_is_asked_for(asks: AskServer, *, blocks: bool) -> None:
    shop = Shop("per_call", refund_of("A-1", 5), interrupt_on={"allowed_decisions": ["approve"]}, blocks=blocks)
    with asks.approver(lambda ask: asks.decide(ask["id"], "rejected")), pytest.raises(signoff.Rejected):
        await shop.run()
    assert "editable" not in asks.asks["ask1"]["body"]
    assert shop.ran == []


@pytest.mark.parametrize("blocks", [False, True])
async def test_a_call_below_the_threshold_is_not_asked_about(asks: AskServer, *, blocks: bool) -> None:
    gate = {
        "allowed_decisions": ["approve", "reject"],
        "when": lambda request: request.tool_call["args"]["amount"] > 100,
    }
    shop = Shop("per_call", refund_of("A-1", 5), interrupt_on=gate, blocks=blocks)
    assert results(await shop.run()) == ["A-1 refunded"]
    assert asks.seen == []
