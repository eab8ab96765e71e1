"""`signoff mcp` with the client of the library: over standard streams and over HTTP, with tasks and without."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, EmptyResult, Request, RequestParams, Result
from pydantic import Field

from bot.mcp.tasks import IDENTIFIER
from tests.support.ask_server import KEY, AskServer, open_ask_server
from tests.support.mcp_env import McpServer, open_mcp_over_http
from tests.support.processes import Installation

TRANSPORTS: Final = ("stdio", "http")
MODES: Final = ("legacy", "2026-07-28")
REFUND: Final[dict[str, Any]] = {"title": "Refund", "tool": "refund", "arguments": {"order": "A-1", "amount": 120.5}}


@pytest.fixture
def asks() -> Iterator[AskServer]:
    with open_ask_server() as server:
        yield server


@pytest.fixture
def agent(asks: AskServer, tmp_path: Path) -> Installation:
    return Installation(tmp_path, tmp_path / "none.db", {"SIGNOFF_URL": asks.url, "SIGNOFF_API_KEY": KEY})


@pytest.fixture(params=TRANSPORTS)
def over(request: pytest.FixtureRequest, agent: Installation) -> Iterator[McpServer]:
    if request.param == "stdio":
        yield McpServer(agent)
        return
    with open_mcp_over_http(agent) as server:
        yield server


@pytest.fixture
def over_http(agent: Installation) -> Iterator[McpServer]:
    with open_mcp_over_http(agent) as server:
        yield server


async def decided(asks: AskServer, verdict: str = "approved", **more: Any) -> None:
    """Decide the newest ask once a call waits for it."""
    ask = await anyio.to_thread.run_sync(lambda: asks.await_ask(polled=True))
    asks.decide(ask["id"], verdict, **more)


def text(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if part.type == "text")


@asynccontextmanager
async def calling(client: Client, name: str, arguments: dict[str, Any]) -> AsyncIterator[list[CallToolResult]]:
    """Call a tool while the body runs, and put the result into the list."""
    results: list[CallToolResult] = []

    async def call() -> None:
        results.append(await client.call_tool(name, arguments))

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        yield results


@pytest.mark.parametrize("mode", MODES)
async def test_an_approval_comes_back_with_its_edits_once(over: McpServer, asks: AskServer, mode: str) -> None:
    async with over.client(mode) as client:
        async with calling(client, "request_approval", {**REFUND, "editable": ["amount"]}) as results:
            await decided(asks, amount=80, reason="Half.")
        content = results[0].structured_content
        assert content is not None
        assert not results[0].is_error
        assert content["status"] == "approved"
        assert content["arguments"] == {"order": "A-1", "amount": 80}
        assert (content["changed"], content["decided_by"], content["reason"]) == (["amount"], "Ada", "Half.")
        assert asks.asks["ask1"]["consumed_at"]
        again = await client.call_tool("approval_status", {"id": "ask1"})
        assert "given this approval before" in text(again)
        reported = await client.call_tool("report_outcome", {"id": "ask1", "status": "succeeded", "note": "Paid."})
        assert not reported.is_error
        assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"
        used = await client.call_tool("approval_status", {"id": "ask1"})
        assert used.is_error
        assert "already used" in text(used)


@pytest.mark.parametrize("verdict", ["rejected", "expired", "cancelled", "failed"])
async def test_every_other_end_is_an_error_that_the_model_can_read(
    over: McpServer, asks: AskServer, verdict: str
) -> None:
    async with over.client() as client:
        async with calling(client, "request_approval", REFUND) as results:
            await decided(asks, verdict, reason="Too much.")
        assert results[0].is_error
        assert "Refund" in text(results[0])
        assert ("rejected by Ada: Too much." in text(results[0])) == (verdict == "rejected")
        assert results[0].structured_content is None


@pytest.mark.parametrize("written", ["null", "[1, 2]", '{"to": "A"}', '"quoted"', "true", "1.50"])
async def test_a_text_reaches_people_as_it_was_written(over: McpServer, asks: AskServer, written: str) -> None:
    """The library reads a text as JSON where a parameter may hold anything but text."""
    texts = dict.fromkeys(("summary", "reasoning", "impact"), written)
    async with over.client() as client:
        async with calling(client, "request_approval", {**REFUND, **texts, "title": written}) as results:
            await decided(asks)
        assert not results[0].is_error, text(results[0])
        [(sent, _)] = asks.keys.values()
        assert {name: json.loads(sent)[name] for name in ("title", *texts)} == {"title": written, **texts}
        reported = await client.call_tool("report_outcome", {"id": "ask1", "status": "succeeded", "note": written})
        assert not reported.is_error, text(reported)
        assert asks.asks["ask1"]["outcome"]["note"] == written


async def test_null_is_nothing(over: McpServer, asks: AskServer) -> None:
    nothing = dict.fromkeys(("tool", "risk", "summary", "reasoning", "impact", "workflow", "key"))
    async with over.client() as client:
        async with calling(client, "request_approval", {"title": "Refund", **nothing}) as results:
            await decided(asks)
        assert not results[0].is_error, text(results[0])


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("request_approval", {**REFUND, "amount": 120}, "has no argument `amount`."),
        ("request_approval", {**REFUND, "sumary": "For a broken lamp."}, "has no argument `sumary`."),
        ("request_approval", {**REFUND, "expires": "2d", "who": "Ada"}, "has no arguments `expires`, `who`."),
        ("ask_person", {"question": "Where?", "fields": {"region": "text"}, "region": "eu"}, "no argument `region`."),
        ("approval_status", {"id": "ask1", "wait": 5}, "Its arguments are: `id`, `wait_seconds`."),
        ("report_outcome", {"id": "ask1", "status": "failed", "reason": "No money."}, "no argument `reason`."),
    ],
)
async def test_an_argument_that_a_tool_does_not_have_is_refused(
    over: McpServer, asks: AskServer, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    """What an agent wanted to show must not get lost on the way to the person who decides."""
    async with over.client() as client:
        answer = await client.call_tool(tool, arguments)
        assert answer.is_error
        assert sentence in text(answer)
        assert "Its arguments are: " in text(answer)
        assert asks.asks == {}
        [schema] = [known.input_schema for known in (await client.list_tools()).tools if known.name == tool]
        assert schema["additionalProperties"] is False


async def test_a_person_is_asked_for_what_is_missing(over: McpServer, asks: AskServer) -> None:
    async with over.client() as client:
        arguments = {"question": "Which region?", "fields": {"region": "text"}}
        async with calling(client, "ask_person", arguments) as results:
            await decided(asks, region="eu")
        content = results[0].structured_content
        assert content is not None
        assert (content["status"], content["arguments"]) == ("answered", {"region": "eu"})
        assert asks.asks["ask1"]["consumed_at"] is None


async def test_a_call_that_waits_long_says_that_it_is_pending(over: McpServer, asks: AskServer) -> None:
    """The longest wait itself is in the schema, so this asks with a short one."""
    async with over.client() as client:
        async with calling(client, "request_approval", {**REFUND, "key": "refund-1"}) as results:
            await decided(asks)
        assert results[0].structured_content is not None
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"request_approval", "ask_person", "approval_status", "report_outcome"}
        assert tools["approval_status"].input_schema["properties"]["wait_seconds"]["maximum"] == 50
        asks.asks["ask1"] |= {"status": "pending", "decision": None, "consumed_at": None}
        waiting = await client.call_tool("approval_status", {"id": "ask1", "wait_seconds": 0})
        assert waiting.structured_content is not None
        assert waiting.structured_content["status"] == "pending"
        assert "Call approval_status" in waiting.structured_content["next"]
        assert waiting.structured_content["waiting_for"] == ["Ada"]


async def test_what_signoff_refuses_and_that_it_is_gone_reaches_the_model(over: McpServer, asks: AskServer) -> None:
    async with over.client() as client:
        unknown = await client.call_tool("approval_status", {"id": "ask9"})
        assert unknown.is_error
        assert "There is no such ask." in text(unknown)
        wrong = await client.call_tool("report_outcome", {"id": "ask1", "status": "maybe"})
        assert wrong.is_error


async def test_a_cancelled_call_cancels_its_ask(over: McpServer, asks: AskServer) -> None:
    async with over.client() as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "request_approval", REFUND)
            await anyio.to_thread.run_sync(lambda: asks.await_ask(polled=True))
            group.cancel_scope.cancel()
        await anyio.to_thread.run_sync(lambda: asks.await_status("cancelled"))


async def test_a_cancelled_call_with_a_key_can_be_continued(over: McpServer, asks: AskServer) -> None:
    named = {**REFUND, "key": "refund-1"}
    async with over.client() as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "request_approval", named)
            await anyio.to_thread.run_sync(lambda: asks.await_ask(polled=True))
            group.cancel_scope.cancel()
        asks.decide("ask1")
        approved = await client.call_tool("request_approval", named)
        assert approved.structured_content is not None
        assert (approved.structured_content["status"], len(asks.asks)) == ("approved", 1)


async def test_a_call_waits_over_a_restart_of_signoff(over: McpServer, asks: AskServer) -> None:
    async with over.client() as client:
        async with calling(client, "request_approval", REFUND) as results:
            await anyio.to_thread.run_sync(lambda: asks.await_ask(polled=True))
            await anyio.to_thread.run_sync(asks.stop)
            asks.decide("ask1")
            asks.start()
        assert not results[0].is_error


def test_a_client_that_goes_away_leaves_no_ask_behind(agent: Installation, asks: AskServer) -> None:
    me = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": me},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "request_approval", "arguments": REFUND}},
    ]
    ended = agent.run("mcp", stdin="".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages))
    assert ended.code == 0, ended.output
    assert {ask["status"] for ask in asks.asks.values()} <= {"cancelled"}


async def test_two_clients_get_their_own_answers(over: McpServer, asks: AskServer) -> None:
    async with over.client() as first, over.client() as second:
        async with calling(first, "request_approval", {**REFUND, "title": "One"}) as ones:
            await anyio.to_thread.run_sync(lambda: asks.await_ask(polled=True))
            async with calling(second, "request_approval", {**REFUND, "title": "Two"}) as twos:
                await anyio.to_thread.run_sync(lambda: asks.await_count(2))
                asks.decide("ask2", "rejected")
                asks.decide("ask1")
        assert not ones[0].is_error
        assert twos[0].is_error


# -- over HTTP ----------------------------------------------------------------------------------------------


async def test_each_client_is_known_by_its_own_key(over_http: McpServer, asks: AskServer) -> None:
    async with over_http.client(key="sgn_other_" + "x" * 43) as client:
        refused = await client.call_tool("request_approval", REFUND)
        assert refused.is_error
        assert "not known" in text(refused)
    assert not asks.asks


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer sgn_a b"}, 401),
        ({"authorization": "Bearer xoxb-1"}, 401),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"authorization": f"Bearer {KEY}", "host": "evil.example.com"}, 421),
        ({"authorization": f"Bearer {KEY}", "origin": "https://evil.example.com"}, 403),
    ],
)  # fmt: skip
def test_a_stranger_is_turned_away(over_http: McpServer, asks: AskServer, headers: dict[str, str], status: int) -> None:
    assert _list_tools(over_http, headers).status_code == status


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (None, "This call has no API key. Send it in the header “Authorization: Bearer sgn_…”."),
        (KEY, "The word Bearer is missing before this API key."),
        (f"Token {KEY}", "The word Bearer is missing before this API key."),
        ("Bearer sgn_a b", "There is a space or a line break in this API key."),
        ("Bearer xoxb-1", "This is no API key of Signoff: those begin with sgn_."),
        (f"Bearer Bearer {KEY}", "This is no API key of Signoff: those begin with sgn_."),
    ],
)
def test_a_header_without_a_key_is_refused_with_a_sentence(
    over_http: McpServer, asks: AskServer, header: str | None, sentence: str
) -> None:
    reply = _list_tools(over_http, {} if header is None else {"authorization": header})
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reply.json()["error"] == "invalid_token"
    assert reply.json()["error_description"].startswith(sentence)
    assert KEY not in reply.text


def _list_tools(server: McpServer, headers: dict[str, str]) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    return httpx2.post(server.url, json=body, headers={"accept": "application/json, text/event-stream"} | headers)


async def test_a_session_answers_only_the_key_that_began_it(over_http: McpServer, asks: AskServer) -> None:
    start = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {KEY}"}
    async with httpx2.AsyncClient() as http:
        began = await http.post(over_http.url, json=start, headers=headers)
        stolen = {
            **headers,
            "authorization": "Bearer sgn_other_" + "x" * 43,
            "mcp-session-id": began.headers["mcp-session-id"],
            "mcp-protocol-version": "2025-06-18",
        }
        call = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
        assert (await http.post(over_http.url, json=call, headers=stolen)).status_code in (403, 404)


async def test_a_public_name_is_answered_when_it_is_allowed(agent: Installation, asks: AskServer) -> None:
    with open_mcp_over_http(agent, "--allow-host", "mcp.example.com") as server:
        headers = {"authorization": f"Bearer {KEY}", "host": "mcp.example.com", "accept": "application/json"}
        reply = httpx2.post(server.url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
        assert reply.status_code not in (401, 403, 421)


# -- tasks --------------------------------------------------------------------------------------------------


class CreateTask(Result):
    """What a server answers in the place of the result of a tool."""

    result_type: Literal["task"] = Field("task", alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str
    created_at: str = Field(alias="createdAt")
    last_updated_at: str = Field(alias="lastUpdatedAt")
    ttl_ms: int | None = Field(alias="ttlMs")
    poll_interval_ms: int = Field(alias="pollIntervalMs")


class TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class TaskRequest(Request[TaskParams, str]):
    name_param: ClassVar[str | None] = "taskId"


class TaskState(Result):
    result_type: Literal["complete"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str
    result: dict[str, Any] | None = None


class WithTasks(ClientExtension):
    """A client that understands tasks, and keeps those that it got."""

    identifier = IDENTIFIER

    def __init__(self) -> None:
        self.created: list[CreateTask] = []

    def claims(self) -> tuple[ResultClaim[Any], ...]:
        return (ResultClaim(result_type="task", model=CreateTask, resolve=self._resolve),)

    async def _resolve(self, task: CreateTask, context: ClaimContext) -> CallToolResult:
        self.created.append(task)
        return CallToolResult(content=[], structured_content={"status": "pending", "id": task.task_id, "next": "Poll."})


async def state(client: Client, task: str) -> TaskState:
    return await client.session.send_request(tasks("get", task), TaskState)


def tasks(action: str, task: str) -> TaskRequest:
    return TaskRequest(method=f"tasks/{action}", params=TaskParams(taskId=task))


async def test_a_client_with_tasks_gets_one_at_once_and_polls_it(over: McpServer, asks: AskServer) -> None:
    extension = WithTasks()
    async with over.client(extensions=(extension,)) as client:
        assert IDENTIFIER in (client.server_capabilities.extensions or {})
        await client.call_tool("request_approval", {**REFUND, "editable": True})
        (task,) = extension.created
        assert (task.task_id, task.status, task.ttl_ms, task.poll_interval_ms) == ("ask1", "working", None, 2000)
        assert (await state(client, "ask1")).status == "working"
        asks.decide("ask1", amount=80)
        completed = await state(client, "ask1")
    assert (completed.status, asks.asks["ask1"]["consumed_at"] is not None) == ("completed", True)
    result = CallToolResult.model_validate(completed.result)
    assert result.structured_content is not None
    assert result.structured_content["arguments"] == {"order": "A-1", "amount": 80}


async def test_a_task_outlives_the_process_that_made_it(over: McpServer, asks: AskServer) -> None:
    async with over.client(extensions=(WithTasks(),)) as client:
        await client.call_tool("request_approval", REFUND)
    asks.decide("ask1", "rejected", reason="No.")
    async with over.client(extensions=(WithTasks(),)) as client:
        completed = await state(client, "ask1")
    result = CallToolResult.model_validate(completed.result)
    assert (completed.status, result.is_error) == ("completed", True)
    assert "rejected by Ada: No." in text(result)


async def test_a_task_is_cancelled_with_its_ask(over: McpServer, asks: AskServer) -> None:
    async with over.client(extensions=(WithTasks(),)) as client:
        await client.call_tool("request_approval", REFUND)
        await client.session.send_request(tasks("update", "ask1"), EmptyResult)
        await client.session.send_request(tasks("cancel", "ask1"), EmptyResult)
        assert asks.asks["ask1"]["status"] == "cancelled"
        assert (await state(client, "ask1")).status == "cancelled"
        for action in ("get", "cancel", "update"):
            with pytest.raises(MCPError) as refused:
                await client.session.send_request(tasks(action, "ask9"), EmptyResult)
            assert refused.value.error.code == -32602


async def test_a_client_that_has_not_declared_tasks_gets_none(over: McpServer, asks: AskServer) -> None:
    async with over.client("2026-07-28") as client:
        async with calling(client, "request_approval", REFUND) as results:
            await decided(asks)
        assert not results[0].is_error
        with pytest.raises(MCPError) as refused:
            await state(client, "ask1")
        assert refused.value.error.code == -32021


async def test_a_decision_that_is_there_at_once_makes_no_task(over: McpServer, asks: AskServer) -> None:
    extension = WithTasks()
    async with over.client(extensions=(extension,)) as client:
        await client.call_tool("request_approval", {**REFUND, "key": "refund-1"})
        asks.decide("ask1")
        approved = await client.call_tool("request_approval", {**REFUND, "key": "refund-1"})
        assert approved.structured_content is not None
        assert (approved.structured_content["status"], len(extension.created)) == ("approved", 1)


# -- the command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--allow-host", "a.example.com"], "Add --http"),
        (["--http", "8765"], "write HOST:PORT"),
        (["--http", "127.0.0.1:99999"], "write HOST:PORT"),
        (["--http", "203.0.113.1:8765"], "cannot be used"),
    ],
)  # fmt: skip
def test_wrong_use_is_said(agent: Installation, options: list[str], sentence: str) -> None:
    ended = agent.run("mcp", *options)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


@pytest.mark.parametrize("missing", ["SIGNOFF_URL", "SIGNOFF_API_KEY"])
def test_it_does_not_start_without_an_address_and_a_key(agent: Installation, missing: str) -> None:
    del agent.settings[missing]
    ended = agent.run("mcp")
    assert (ended.code, ended.out) == (2, "")
    assert missing in ended.err


def test_it_ends_with_its_input(agent: Installation) -> None:
    ended = agent.run("mcp")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
