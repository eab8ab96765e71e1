"""Language models with one script, on loopback, for agents of other frameworks: call `refund`, then say its result.

Each framework speaks to the provider that it knows best. So this speaks the four protocols that they use: chat
completions and responses as OpenAI has them, messages as Anthropic has them, and `generateContent` as Gemini has it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

CALL: Final[Mapping[str, Any]] = {"order": "A-7", "amount": 120}
"""The arguments with which the model calls `refund`."""
THOUGHT: Final = "The parcel of order A-7 came broken."
USED: Final = {"input_tokens": 9, "output_tokens": 7}


@dataclass
class ScriptedModels:
    """The server. `results`: what the model was told after its call, in order, each once."""

    url: str = ""
    results: list[str] = field(default_factory=list)

    def answer(self, results: list[str]) -> str | None:
        """Return the last words of the model, or None if it calls the tool now."""
        if not results:
            return None
        if results[-1] not in self.results:
            self.results.append(results[-1])
        return f"The tool says: {results[-1]}"

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1/chat/completions`."""
        call = await request.json()
        last = self.answer([_text(one["content"]) for one in call["messages"] if one["role"] == "tool"])
        function = {"name": _refund(one["function"]["name"] for one in call["tools"]), "arguments": json.dumps(CALL)}
        calls = {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
        message = {"role": "assistant", "content": last or THOUGHT, **({} if last else calls)}
        choice = {"index": 0, "message": message, "finish_reason": "stop" if last else "tool_calls"}
        usage = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
        body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": call["model"]}
        return web.json_response({**body, "choices": [choice], "usage": usage})

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1/responses`."""
        call = await request.json()
        sent = [one for one in call["input"] if isinstance(one, dict)] if isinstance(call["input"], list) else []
        last = self.answer([_text(one["output"]) for one in sent if one.get("type") == "function_call_output"])
        said = {"type": "output_text", "text": last or THOUGHT, "annotations": []}
        output: list[dict[str, Any]] = [
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
        ]
        if last is None:
            name = _refund(one["name"] for one in call["tools"])
            function = {"name": name, "arguments": json.dumps(CALL), "status": "completed"}
            output.append({"id": "fc_1", "type": "function_call", "call_id": "call_1", **function})
        details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        body = {"id": "resp_1", "object": "response", "created_at": 1, "model": call["model"], "status": "completed"}
        settings = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": call["tools"]}
        usage = {**USED, **details, "total_tokens": 16}
        return web.json_response({**body, **settings, "output": output, "usage": usage})

    async def message(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1/messages`, whole or as a stream. Calls without tools are for titles and the like."""
        call = await request.json()
        blocks = self._blocks(call) if call.get("tools") else [{"type": "text", "text": "Refunds"}]
        stop = "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"
        whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": call["model"], "stop_sequence": None}
        if not call.get("stream"):
            return web.json_response({**whole, "content": blocks, "stop_reason": stop, "usage": USED})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in _events({**whole, "content": [], "stop_reason": None, "usage": USED}, blocks, stop):
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        await response.write_eof()
        return response

    def _blocks(self, call: Mapping[str, Any]) -> list[dict[str, Any]]:
        parts = [part for one in call["messages"] if isinstance(one["content"], list) for part in one["content"]]
        last = self.answer([_text(part.get("content", "")) for part in parts if part["type"] == "tool_result"])
        if last is not None:
            return [{"type": "text", "text": last}]
        name = _refund(one["name"] for one in call["tools"])
        return [{"type": "text", "text": THOUGHT}, {"type": "tool_use", "id": "toolu_1", "name": name, "input": CALL}]

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1beta/models/{model}:generateContent`."""
        call = await request.json()
        parts = [part for one in call["contents"] for part in one["parts"]]
        results = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
        last = self.answer([json.dumps(one) for one in results])
        function = {"functionCall": {"name": "refund", "args": CALL}}
        said: list[dict[str, Any]] = [{"text": last or THOUGHT}, *([] if last else [function])]
        candidate = {"content": {"role": "model", "parts": said}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 7, "totalTokenCount": 16}
        return web.json_response({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"})


def _refund(names: Iterator[str]) -> str:
    """Return the name by which the framework knows the tool. Claude is only told of it once it searches for it."""
    return next((name for name in names if name.endswith("refund")), "mcp__shop__refund")


def _text(content: Any) -> str:
    """Return the text of a result, which is a text or parts with a text."""
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content)
    return str(content)


def _events(message: dict[str, Any], blocks: list[dict[str, Any]], stop: str) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            begun: dict[str, Any] = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            begun = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(CALL)}
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": 7},
    }
    yield {"type": "message_stop"}


async def _count_tokens(_: web.Request) -> web.Response:
    return web.json_response({"input_tokens": 9})


async def _nothing(_: web.Request) -> web.Response:
    return web.json_response({})


@asynccontextmanager
async def run_scripted_models() -> AsyncIterator[ScriptedModels]:
    """Run the server on a free port of loopback."""
    models = ScriptedModels()
    application = web.Application(client_max_size=50_000_000)
    application.add_routes(
        [
            web.post("/v1/chat/completions", models.complete),
            web.post("/v1/responses", models.respond),
            web.post("/v1/messages", models.message),
            web.post("/v1/messages/count_tokens", _count_tokens),
            web.post("/v1beta/models/{call}", models.generate),
            web.route("*", "/{rest:.*}", _nothing),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        models.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield models
    finally:
        await runner.cleanup()
