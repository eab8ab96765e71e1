"""The server of the local provider of language models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from bot.devtools.language_model import completions
from bot.devtools.language_model.faults import ModelFault
from bot.devtools.language_model.recorded_answers import RecordedAnswer, find_answer
from bot.devtools.sandbox.armed_faults import ArmedFaults

KEY: Final = "sk-local-4f2b9c7d1e8a6053"
"""The key that the provider accepts."""
MODEL: Final = "local-writer"
_MOST_BYTES: Final = 50_000_000
"""Maximum size of a call, in bytes, files included."""
_HOST: Final = "127.0.0.1"
_NO_ANSWER: Final = {"note": "No answer was recorded for this prompt."}


@dataclass(kw_only=True)
class ModelService:
    """The provider. `calls`: the body of each call that was answered or broken off, the oldest first."""

    answers: Sequence[RecordedAnswer]
    models: frozenset[str] = frozenset({MODEL})
    key: str = KEY
    url: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    """The headers of each of these calls, their names in small letters."""
    armed: ArmedFaults[ModelFault] = field(default_factory=ArmedFaults)

    def fault(self, kind: Any, **more: Any) -> None:
        """Arm a fault for the next call."""
        self.armed.queue.append(ModelFault(kind=kind, **more))

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1/chat/completions`."""
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
            return _failed(401, f"Incorrect API key provided: {sent}.", "invalid_request_error", "invalid_api_key")
        try:
            call = json.loads(await request.read())
        except ValueError:
            return _failed(400, "We could not parse the JSON body of your request.", "invalid_request_error")
        if why := completions.problem(call):
            return _failed(400, why, "invalid_request_error")
        if call["model"] not in self.models:
            why = f"The model `{call['model']}` does not exist or you do not have access to it."
            return _failed(404, why, "invalid_request_error", "model_not_found")
        self.calls.append(call)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        fault = self.armed.first(lambda _: True)
        if fault is not None and (broken := await self._break(fault, request)) is not None:
            return broken
        conversation = "\n".join(map(completions.text_of, call["messages"]))
        answer = find_answer(self.answers, conversation) or _NO_ANSWER
        body = completions.completion(len(self.calls), call, answer, fault=fault, key=self.key)
        return web.json_response(body, headers={"x-request-id": f"req_{len(self.calls)}"})

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /v1/models`."""
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return _failed(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "local"} for name in sorted(self.models)]
        return web.json_response({"object": "list", "data": models})

    async def _break(self, fault: ModelFault, request: web.Request) -> web.StreamResponse | None:
        """Return the failed response of a fault, or None if the call is answered with a completion."""
        match fault.kind:
            case "slow":
                await asyncio.sleep(fault.seconds)
            case "reset":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "page":
                return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
            case "limited":
                limit = "Rate limit reached. Please try again later."
                wait = {"Retry-After": f"{fault.seconds:.0f}"}
                return _failed(429, limit, "requests", "rate_limit_exceeded", headers=wait)
            case "no_credit":
                return _failed(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
            case "too_long":
                why = "This model's maximum context length is 8192 tokens."
                return _failed(400, why, "invalid_request_error", "context_length_exceeded")
            case "status":
                return _failed(fault.status, f"Something broke with {self.key}.", "server_error")
        return None


def _failed(
    status: int, message: str, kind: str, code: str | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    return web.json_response(completions.error(message, kind, code), status=status, headers=headers)


@asynccontextmanager
async def run_model_service(
    answers: Sequence[RecordedAnswer], *, port: int = 0, models: Sequence[str] = (MODEL,)
) -> AsyncIterator[ModelService]:
    """Run the provider on a port of loopback, a free one by default. Raises `OSError` if the port is taken."""
    service = ModelService(answers=answers, models=frozenset(models))
    application = web.Application(client_max_size=_MOST_BYTES)
    application.add_routes(
        [web.post("/v1/chat/completions", service.complete), web.get("/v1/models", service.list_models)]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
        service.url = f"http://{_HOST}:{runner.addresses[0][1]}/v1"
        yield service
    finally:
        await runner.cleanup()
