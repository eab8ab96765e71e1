"""The adapters and the other clients before the real server: an edit travels back, and a rejection runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import signoff
from signoff.langchain import ApprovalMiddleware
from signoff.pydantic_ai import ApprovalCapability
from tests.support.agents import Agents, open_agents
from tests.support.ai_sdk import compile_example, run_example
from tests.support.n8n import play_workflow


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    with open_agents(tmp_path_factory.mktemp("agents")) as (agents, _):
        yield agents


@pytest.fixture
def client(agents: Agents) -> signoff.AsyncClient:
    return signoff.AsyncClient(agents.url, agents.key)


class ScriptedModel(GenericFakeChatModel):
    """A model that takes tools."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


VERDICTS = [(("edit", "amount=80"), [80.0]), (("reject", "--reason", "Twice"), [])]


def outcome(agents: Agents, tool: str) -> str | None:
    """Return the outcome of the newest ask about a tool."""
    listed = agents.asks()
    newest = next(ask for ask in listed if ask["tool"] == tool)
    return None if newest["outcome"] is None else str(newest["outcome"]["status"])


@pytest.mark.parametrize(("verdict", "paid"), VERDICTS, ids=["edited", "rejected"])
@pytest.mark.parametrize("mode", ["batched", "per_call"])
async def test_langchain(
    agents: Agents,
    client: signoff.AsyncClient,
    mode: Literal["batched", "per_call"],
    verdict: tuple[str, ...],
    paid: list[float],
) -> None:
    ran: list[float] = []

    @tool
    def pay_back(amount: float) -> str:
        """Pay money back."""
        ran.append(amount)
        return "paid"

    call = {"type": "tool_call", "id": "call1", "name": "pay_back", "args": {"amount": 84.5}}
    approvals = ApprovalMiddleware({"pay_back": True}, client=client, interrupt_mode=mode)
    agent: Any = create_agent(
        ScriptedModel(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Done.")])),
        tools=[pay_back],
        middleware=[approvals],
        checkpointer=InMemorySaver(),
    )
    thread = agents.deciding("Pay back", *verdict)
    config: Any = {"configurable": {"thread_id": f"{mode}-{verdict[0]}"}}
    result = await approvals.run(agent, {"messages": [("user", "Pay it back.")]}, config)
    thread.join()
    assert ran == paid
    assert result["messages"][-1].text == "Done."
    assert ("Twice" in str(result["messages"])) is (not paid)
    assert outcome(agents, "pay_back") == ("succeeded" if paid else None)


@pytest.mark.parametrize(("verdict", "paid"), VERDICTS, ids=["edited", "rejected"])
async def test_pydantic_ai(
    agents: Agents, client: signoff.AsyncClient, verdict: tuple[str, ...], paid: list[float]
) -> None:
    ran: list[float] = []

    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        results = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        if results:
            return ModelResponse(parts=[TextPart(str(results[-1].content))])
        return ModelResponse(parts=[ToolCallPart("send_back", {"amount": 84.5, "order": "A-1"})])

    agent: Agent[None, str] = Agent(FunctionModel(reply), capabilities=[ApprovalCapability(client)])

    @agent.tool_plain(requires_approval=True)
    def send_back(amount: float, order: str) -> str:
        ran.append(amount)
        return f"{order} paid"

    thread = agents.deciding("Send back", *verdict)
    result = await agent.run("Pay it back.")
    thread.join()
    assert ran == paid
    assert result.output == "A-1 paid" if paid else "Twice" in result.output
    assert outcome(agents, "send_back") == ("succeeded" if paid else None)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_example(tmp_path_factory.mktemp("ai-sdk"))


def test_a_corrected_call_of_the_ai_sdk(agents: Agents, compiled: Path) -> None:
    thread = agents.deciding("Refund", "edit", "amount=80")
    done = run_example(compiled, agents.url, agents.key, "refundAsCorrected", "A-1")
    thread.join()
    assert done["paid"] == [{"order": "A-1", "amount": 80}]
    assert outcome(agents, "refund") == "succeeded"


@pytest.mark.parametrize(("verdict", "paid"), [("approve", True), ("reject", False)])
def test_a_tool_approval_of_the_ai_sdk(agents: Agents, compiled: Path, verdict: str, paid: bool) -> None:
    thread = agents.deciding("Refund", *([verdict] if paid else [verdict, "--reason", "Twice"]))
    done = run_example(compiled, agents.url, agents.key, "refund", f"B-{verdict}")
    thread.join()
    assert bool(done["paid"]) is paid
    assert ("Twice" in done["read"]) is not paid
    assert outcome(agents, "refund") == ("succeeded" if paid else None)


def test_the_nodes_of_n8n(agents: Agents) -> None:
    thread = agents.deciding("Refund A-1007?", "edit", "amount=80")
    played = play_workflow(agents.url, agents.key)
    thread.join()
    assert (played["end"], played["arguments"]) == ("done", {"order": "A-1007", "amount": 80})
    assert outcome(agents, "refund") == "succeeded"
