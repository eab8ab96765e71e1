"""docs/agents/README.md: its programs work, and its tables name what there is."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import signoff
from engine import workflowfile
from engine.steps import registry
from tests.support.ask_server import ASK_KEYS, AskServer
from tests.support.documents import DOCS, Page
from tests.support.typescript import compile_files

AGENTS = DOCS / "agents"
PAGE = Page.of("agents/README.md")
ROOT = DOCS.parent
README = Page((ROOT / "README.md").read_text(encoding="utf-8"))
CLIENT = ROOT / "bot" / "clients" / "signoff.ts"


def block(info: str) -> str:
    (found,) = (block.text for block in PAGE.blocks if block.info == info)
    return found


def names(info: str) -> dict[str, Any]:
    """Run a program of the page, and return its names."""
    scope: dict[str, Any] = {"__name__": "example"}
    exec(compile(block(info), f"<{info}>", "exec", dont_inherit=True), scope)
    return scope


def test_every_block_has_a_kind_that_a_test_uses() -> None:
    kinds = [
        "python agent.py",
        "python functions",
        "python langchain",
        "python pydantic_ai",
        "sh",
        "ts",
        "yaml approvals",
    ]
    assert sorted({block.info for block in PAGE.blocks}) == kinds


@pytest.mark.parametrize("path", sorted(AGENTS.glob("*.md")), ids=lambda path: path.name)
def test_a_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", text):
        assert (path.parent / target).exists(), target
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for _, title in Page(text).headings}
    assert {*re.findall(r"\]\(#([\w-]+)\)", text)} <= anchors


# -- who decides --------------------------------------------------------------------------------------------


def test_the_rules_of_the_page_are_those_that_come_with_signoff() -> None:
    shipped = (ROOT / "templates" / "workflows" / "approvals.yaml").read_text(encoding="utf-8")
    lines = [line for line in shipped.splitlines(keepends=True) if not line.startswith("#")]
    assert block("yaml approvals") == "".join(lines)


@pytest.mark.parametrize("page", [PAGE, README], ids=["page", "readme"])
def test_the_rules_can_be_registered(page: Page) -> None:
    (rules,) = (block.text for block in page.blocks if block.info == "yaml approvals")
    assert workflowfile.load(rules.encode(), kinds=registry.builtin()).name == "approvals"


# -- Python -------------------------------------------------------------------------------------------------


async def test_the_functions_ask_and_run(asks: AskServer) -> None:
    page = names("python functions")
    with asks.approver(lambda ask: asks.decide(ask["id"], amount=4)):
        assert await page["refund"]("A-1", Decimal(5)) == "4 paid back for A-1"
    assert asks.asks["ask1"]["title"] == "Refund 5 for A-1?"
    with asks.approver(lambda ask: asks.decide(ask["id"], region="eu"), first=2):
        assert await page["region_for"]("Ada") == "eu"
    with asks.approver(lambda ask: asks.decide(ask["id"]), first=3):
        await page["delete"]("ben")
    assert asks.asks["ask3"]["outcome"]["status"] == "succeeded"


async def test_the_lines_of_the_readme_ask_and_report(asks: AskServer) -> None:
    (lines,) = (block.text for block in README.blocks if block.info == "python")
    indented = "".join(f"    {line}\n" for line in lines.splitlines())
    scope: dict[str, Any] = {}
    ran: list[object] = []
    exec(f"async def main(refund):\n{indented}", scope)
    with asks.approver(lambda ask: asks.decide(ask["id"], amount=80)):
        await scope["main"](ran.append)
    assert ran == [80.0]
    assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"


def test_the_tables_name_all_exceptions_and_options() -> None:
    errors = {
        name
        for name in signoff.__all__
        if isinstance(kind := getattr(signoff, name), type) and issubclass(kind, Exception)
    }
    _, exceptions = PAGE.tables("Python")
    assert errors == {name for row in exceptions for name in row.code(0)} | {"SignoffError", "NotApproved"}
    (options,) = re.findall(r"They also take (.*?)\(seconds\)", PAGE.text, re.DOTALL)
    told = {*re.findall(r"`(\w+)`", options)}
    assert told | {"title", "arguments", "fields", "use", "callback"} == ASK_KEYS | {"give_up_after"}


# -- other libraries ----------------------------------------------------------------------------------------


class ScriptedModel(GenericFakeChatModel):
    """A model that takes tools."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


async def test_the_agent_of_langchain_asks(asks: AskServer) -> None:
    ran: list[object] = []

    @tool
    def refund(order: str, amount: float) -> str:
        """Pay money back."""
        ran.append((order, amount))
        return "refunded"

    @tool
    def look_up(order: str) -> str:
        """Read an order."""
        return "there"

    call = {"type": "tool_call", "id": "call1", "name": "refund", "args": {"order": "A-1007", "amount": 84.5}}
    model = ScriptedModel(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Done.")]))
    with asks.approver(lambda ask: asks.decide(ask["id"], amount=80)):
        result = await names("python langchain")["refund_agent"](model, refund, look_up)
    assert ran == [("A-1007", 80)]
    assert result["messages"][-1].text == "Done."


async def test_the_agent_of_pydantic_ai_asks(asks: AskServer) -> None:
    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        results = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        if results:
            return ModelResponse(parts=[TextPart(str(results[-1].content))])
        return ModelResponse(parts=[ToolCallPart("refund", {"order": "A-1007", "amount": 84.5})])

    agent = names("python pydantic_ai")["refund_agent"](FunctionModel(reply))
    with asks.approver(lambda ask: asks.decide(ask["id"], amount=80)):
        result = await agent.run("Refund order A-1007.")
    assert result.output == "80.0 paid back for A-1007"


def test_the_typescript_of_the_page_compiles(tmp_path: Path) -> None:
    example = tmp_path / "example.ts"
    example.write_text(block("ts"), encoding="utf-8")
    folder = tmp_path / "compiled"
    folder.mkdir()
    compile_files(folder, CLIENT, example)
