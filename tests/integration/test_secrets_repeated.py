"""An `http` step whose answer or error repeats its secret: the secret is readable nowhere, in no spelling."""

from __future__ import annotations

import base64
import html
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from sqlalchemy import text

from bot.web import run_history
from engine.domain import RunStatus, Verdict
from engine.ports import StepType
from engine.steps.http import HttpStep
from engine.steps.set import SetStep
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.http_calls import serving

SECRET = 'kQ7"x\\w/9+&zT<p4\nVb2mR8sLd0'
PIECES = ("kQ7", "zT<p4", "zT&lt;p4", "Vb2mR8", "zT%3Cp4", base64.b64encode(SECRET.encode())[4:16].decode())
FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: http
    with: {method: POST, url: "URL", json: {key: "{{ secret.BANK }}"}}
    on_error: continue
  - id: ask
    uses: set
    with: {said: "{{ steps.act.error | default(steps.act.body | default('') | string) }}"}
    gate: {approvers: [lee@example.com]}
"""
PLAYED = """
name: flow
owner: sam@example.com
steps: [{id: act, uses: played, with: {headers: {a: "{{ secret.BANK }}"}}}]
"""
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda secret: json.dumps({"error": f"bad key {secret}"}),
    "json in json": lambda secret: json.dumps({"sent": json.dumps({"key": secret})}),
    "pretty": lambda secret: json.dumps({"lines": secret.split("\n")}, indent=4),
    "percent": lambda secret: f"key={quote(secret)}",
    "percent, small letters": lambda secret: f"key={quote(secret, safe='').lower()}" + quote(secret),
    "html": lambda secret: f"<p>{html.escape(secret)}</p>",
    "base64": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "base64, url-safe": lambda secret: base64.urlsafe_b64encode(f"ab:{secret}".encode()).decode(),
    "cut": lambda secret: "x" * 290 + secret,
    "cut after spaces": lambda secret: "x" * 20 + " " * 16_000 + secret * 30,
}


async def everything(env: EngineEnv) -> str:
    """Return each value of each table, and all cards that people saw."""

    def query(connection: Any) -> list[str]:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        rows = [row for table in tables for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
        return [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for row in rows
            for value in row
        ]

    return "\n".join([*await env.store.read(query), *map(repr, env.rendered), *map(repr, env.channel.posted.values())])


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("name", SPELLINGS)
async def test_a_secret_that_an_answer_repeats_is_readable_nowhere(
    tmp_path: Path, name: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = SPELLINGS[name](SECRET)

    async def answer(request: web.Request) -> web.Response:
        assert (await request.json())["key"] == SECRET
        kind = "application/json" if body.startswith("{") else "text/plain"
        return web.Response(text=body, status=status, content_type=kind, headers={"X-Echo": quote(SECRET)})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    steps: dict[str, StepType[Any]] = {"set": SetStep(), "http": HttpStep(allow=["127.0.0.1"])}
    try:
        with caplog.at_level(logging.DEBUG):
            async with open_engine(tmp_path / "signoff.db", secrets={"BANK": SECRET}, steps=steps) as env:
                await env.register(FLOW.replace("URL", url))
                run = await env.start()
                await env.settle()
                if status == 200 or status == 400:
                    await env.decide(run, Verdict.APPROVE)
                    await env.settle()
                stored = await everything(env)
                view = await env.view(run)
    finally:
        await runner.cleanup()
    readable = f"{stored}\n{view!r}\n{json.dumps(view.steps[0].output, ensure_ascii=False)}\n{caplog.text}"
    assert [piece for piece in PIECES if piece in readable] == []
    if "cut" not in name:
        assert "(secret BANK)" in readable


SIGNED = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: http
    with:
      url: "URL"
      auth: {oauth2: {token_url: "URLtoken", client_id: me, client_secret: "{{ secret.BANK }}", client_auth: body}}
      pages: {next: "{{ response.body.next }}", items: "{{ response.body.items }}"}
    gate: {approvers: [lee@example.com]}
  - {id: keep, uses: set, with: {all: "{{ steps.act.items }}"}, gate: {approvers: [lee@example.com]}}
"""


async def test_a_sign_in_that_an_answer_repeats_is_readable_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = "an-access-token-of-the-server"

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.json_response({"access_token": token, "sent": dict(await request.post())})
        said = [request.headers["Authorization"], quote(SECRET)]
        return web.json_response({"items": said, "next": None if "n" in request.query else "/?n=2"})

    steps: dict[str, StepType[Any]] = {"set": SetStep(), "http": HttpStep(allow=["127.0.0.1"])}
    with caplog.at_level(logging.DEBUG):
        async with (
            serving(answer) as url,
            open_engine(tmp_path / "signoff.db", secrets={"BANK": SECRET}, steps=steps) as env,
        ):
            await env.register(SIGNED.replace("URL", f"{url}/"))
            run = await env.start()
            for _ in range(2):
                await env.settle()
                await env.decide(run, Verdict.APPROVE)
                env.pass_time(seconds=1)
            await env.settle()
            view, stored = await env.view(run), await everything(env)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[0].output is not None
    assert view.steps[0].output["pages"] == 2
    readable = f"{stored}\n{view!r}\n{caplog.text}"
    assert [piece for piece in (*PIECES, token) if piece in readable] == []
    words = f"Signs in as me with an access token from {url}/token"
    assert words in readable
    assert ("Sign-in", words) in [*run_history.given(view.steps[0], {})], "what the page of the run shows"


async def test_a_secret_of_digits_that_comes_back_as_a_number_is_masked(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", secrets={"BANK": "48151623"}) as env:

        async def play(params: object, context: object) -> Any:
            return {"pin": 48151623, "near": 1548151623.5, "other": 7, "yes": True}

        env.step.play = play
        await env.register(PLAYED)
        run = await env.start()
        await env.settle()
        output = (await env.view(run)).steps[0].output
        assert output == {"pin": "(secret BANK)", "near": "15(secret BANK).5", "other": 7, "yes": True}


async def test_a_long_output_is_searched_as_a_short_one(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", secrets={"BANK": SECRET}) as env:

        async def play(params: object, context: object) -> Any:
            return {"rows": ["x" * 50, json.dumps(SECRET)] * 2_000}

        env.step.play = play
        await env.register(PLAYED)
        run = await env.start()
        await env.settle()
        output = (await env.view(run)).steps[0].output
        assert output == {"rows": ["x" * 50, '"(secret BANK)"'] * 2_000}
