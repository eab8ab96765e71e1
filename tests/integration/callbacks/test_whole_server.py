"""A program asks a whole server over HTTP, and is called back with the ask as the API gives it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from engine import json_values
from engine.domain import Address, Assurance, Decide, Decided, Verdict
from tests.support.callback_receiver import CallbackReceiver, receiver
from tests.support.node import VERIFY, run_script
from tests.support.server_env import SAM, TERMINAL, ServerEnv, open_server

APPROVALS = f"""\
name: approvals
title: Tool calls of agents
owner: {SAM}
steps:
  - id: ask
    uses: ask
    gate: {{approvers: [{SAM}], edit: [amount]}}
"""
ADMIN = Address("email", SAM)


class Program:
    """A program with an API key, which calls the API."""

    def __init__(self, env: ServerEnv, key: str) -> None:
        self._env, self._key = env, key

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        sent = {"Authorization": f"Bearer {self._key}", **({"Idempotency-Key": key} if key else {})}
        async with (
            aiohttp.ClientSession(headers=sent) as session,
            session.request(method, f"{self._env.url}/api/v1{path}", json=body) as response,
        ):
            text = await response.text()
            assert response.status < 300, text
            return json_values.loads(text)


async def set_up(env: ServerEnv, taking: CallbackReceiver) -> Program:
    await env.register(APPROVALS)
    operator = env.app.operator_commands
    made = await operator.carry_out("create_api_key", {"name": "Support agent"})
    added = await operator.carry_out("add_callback", {"key": "Support agent", "url": taking.url})
    taking.secret = str(added.facts["secret"])
    return Program(env, str(made.facts["key"]))


async def approve(env: ServerEnv, ask: str) -> None:
    model = (await env.request(ask)).model
    decided = await env.app.engine.decide(
        Decide(
            request=model.id,
            verdict=Verdict.APPROVE,
            actor=ADMIN,
            content_version=model.content_version,
            digest=model.digest,
            origin=TERMINAL,
            assurance=Assurance.TERMINAL,
            edits={"amount": 10},
            reason="Less is enough",
        )
    )
    assert isinstance(decided, Decided), decided


async def test_a_program_is_called_back_with_its_ask_and_can_have_it_sent_again(tmp_path: Path) -> None:
    settings = {"SIGNOFF_HTTP_ALLOW": "127.0.0.1", "SIGNOFF_ADMINS": SAM}
    async with receiver() as taking, open_server(tmp_path, more=settings) as env:
        program = await set_up(env, taking)
        asked = await program.call(
            "POST",
            "/asks",
            {
                "title": "Rückzahlung 💶",
                "arguments": {"amount": 12},
                "editable": ["amount"],
                "callback": taking.url,
                "use": "once",
            },
        )
        await approve(env, asked["id"])
        await taking.wait_for(1)
        (webhook_id, body), read = taking.calls[0], await program.call("GET", f"/asks/{asked['id']}")
        assert body["type"] == "ask.decided"
        assert body["data"] == read
        assert read["arguments"] == {"amount": 10}

        listed = await program.call("GET", f"/asks/{asked['id']}/callbacks")
        assert [delivery["id"] for delivery in listed["deliveries"]] == [webhook_id]
        for _ in range(2):
            # The second call is a repeat, so it sends nothing.
            await program.call("POST", f"/callbacks/{webhook_id}/redeliver", key="again-1")
        await taking.wait_for(2)
        assert [again for again, _ in taking.calls] == [webhook_id, webhook_id]

        signed = [{"secret": taking.secret, "headers": headers, "body": text} for headers, text in taking.raw]
        verified = await asyncio.to_thread(run_script, VERIFY, signed)
        assert verified == [body for _, body in taking.calls]
