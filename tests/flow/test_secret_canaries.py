"""Secrets that are set through Slack and the server are in nothing that is ever emitted, in no spelling.

A run calls servers that fail and repeat what they got; its errors go to Slack, emails, pages, the API, exports, the log
and the database. Then everything is searched.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web

from bot import log, page_urls
from bot.app import wait_for_deliveries, wait_for_run
from engine.domain import DEFAULT_WORKSPACE, Address
from engine.domain.api_keys import ApiAction, ApiKeyMade, CreateApiKey
from engine.domain.secret_commands import SecretSet, SetSecret
from engine.server_secrets import ServerSecrets
from engine.service import ApiKeys
from engine.store import audit_log
from tests.flow.test_batch_crash import sign_in
from tests.support.http_calls import serving
from tests.support.log_state import restored_logging
from tests.support.server_env import MIA, SAM, TERMINAL, ServerEnv, open_server
from tests.support.slack_env import expect_ok, words
from tests.support.span_receiver import receiving_spans
from tests.support.web_env import Browser

IN_SLACK, OWN, OF_SERVER, HOOK = (
    'canary"one\\4711/+&<x>',
    "canary-two-of-one-workflow-0815",
    "canary-three-of-the-environment",
    "canary-four-of-the-webhook-2718",
)
CANARIES = (IN_SLACK, OWN, OF_SERVER, HOOK)
FLOW = """\
name: canary
title: Canary
owner: sam@example.com
triggers:
  - webhook: {header: X-Token, secret: HOOK}
steps:
  - id: good
    uses: http
    with:
      method: POST
      url: "URL/good"
      headers: {Authorization: "Bearer {{ secret.SHOP }}", X-Own: "{{ secret.OWN }}"}
      json: {key: "{{ secret.BANK }}", shop: "{{ secret.SHOP }}"}
  - id: bad
    uses: http
    with:
      method: POST
      url: "URL/bad"
      auth: {basic: {user: me, password: "{{ secret.OWN }}"}}
      form: {key: "{{ secret.BANK }}", shop: "{{ secret.SHOP }}"}
    on_error: continue
  - id: ask
    uses: set
    with: {said: "{{ steps.bad.error }}", body: "{{ steps.good.body | string }}"}
    gate: {title: "Go on?", approvers: [ada@example.com, mia@example.com]}
  - id: tell
    uses: message
    with: {to: ada@example.com, text: "{{ steps.ask.said }} {{ steps.ask.body }}"}
  - id: mail
    uses: email
    with: {to: mia@example.com, subject: Canary, body: "{{ steps.ask.said }} {{ steps.ask.body }}"}
"""


def spellings(canary: str) -> Iterator[str]:
    """Yield how a canary may be written, and a part of it that no redaction can leave by chance."""
    raw = canary.encode()
    yield from (canary, quote(canary, safe=""), json.dumps(canary)[1:-1], raw.hex(), raw.hex().upper())
    for offset in range(3):
        whole = base64.b64encode(bytes(offset) + raw).decode()
        yield whole[4:-4].rstrip("=")
        yield base64.urlsafe_b64encode(bytes(offset) + raw).decode()[4:-4].rstrip("=")


async def echo(request: web.Request) -> web.Response:
    """Answer with everything that was sent, in several spellings; at /bad with an error."""
    sent = "\n".join([*(f"{name}: {text}" for name, text in request.headers.items()), await request.text()])
    said = {
        "plain": sent,
        "json": json.dumps(sent),
        "base64": base64.b64encode(sent.encode()).decode(),
        "quoted": quote(sent),
    }
    status = 400 if request.path == "/bad" else 200
    return web.json_response(said, status=status, headers={"X-Echo": quote(sent)[:4000]})


async def set_in_slack(env: ServerEnv) -> None:
    """Set a secret as Ada, who is an admin, in the form of Slack."""
    ada = env.sandbox.person("ada")
    listed = expect_ok(await ada.command("/signoff secrets", channel="general"))
    assert "No secrets are set." in words(listed.body)
    await env.sandbox.until(lambda: ada.sees("general"))
    expect_ok(await ada.click("Set a secret", on=ada.sees("general")[-1]))
    await env.sandbox.until(lambda: ada.modal is not None)
    assert "Slack shows what you type here." in words(ada.modal)
    wrong = expect_ok(await ada.submit({"Name": "shop", "Value": IN_SLACK}))
    assert "A secret cannot be called “shop”" in wrong.body["errors"]["name"]
    wrong = expect_ok(await ada.submit({"Name": "SHOP", "Value": IN_SLACK, "Workflow": "none"}))
    assert "There is no workflow “none”." in wrong.body["errors"]["workflow"]
    done = expect_ok(await ada.submit({"Name": "SHOP", "Value": IN_SLACK, "Workflow": ""}))
    assert "The secret SHOP is set, for all workflows." in words(done.body)
    await ada.close(everything=True)


async def set_on_server(env: ServerEnv, name: str, value: str, workflow: str | None = None) -> None:
    assert env.app.secrets is not None
    command = SetSecret(name=name, value=value, workflow=workflow, actor=Address("email", SAM), origin=TERMINAL)
    assert isinstance(await env.app.secrets.set(command), SecretSet)


async def run_by_webhook(env: ServerEnv, session: aiohttp.ClientSession) -> str:
    """Start the run by a call with a wrong secret and then the right one, and approve it in Slack."""
    url = f"{env.url}/hooks/canary"
    async with session.post(url, json={}, headers={"X-Token": f"{HOOK}-wrong"}) as refused:
        assert refused.status == 401
    async with session.post(url, json={}, headers={"X-Token": HOOK}) as started:
        assert started.status == 201
        run = str((await started.json())["run"])
    ada = env.sandbox.person("ada")
    await wait_for_run(env.app, run)
    await env.sandbox.until(lambda: any("Go on?" in words(message) for message in ada.sees()))
    expect_ok(await ada.click("Approve", on=next(one for one in ada.sees() if "Go on?" in words(one))))
    await wait_for_run(env.app, run)
    await wait_for_deliveries(env.app)
    return run


async def from_api(env: ServerEnv, session: aiohttp.ClientSession, run: str) -> str:
    """Return what a program with a key reads of the run."""
    made = await ApiKeys(env.app.engine).create(
        CreateApiKey(name="Reader", actions=(ApiAction.READ,), actor=Address("email", SAM), origin=TERMINAL)
    )
    assert isinstance(made, ApiKeyMade)
    signed = {"Authorization": f"Bearer {made.text}"}
    found = []
    for path in (f"/api/v1/runs/{run}", "/api/v1/runs", "/api/v1/workflows", "/api/v1/requests"):
        async with session.get(f"{env.url}{path}", headers=signed) as answer:
            assert answer.status == 200, (path, await answer.text())
            found.append(await answer.text())
    return "\n".join(found)


async def signed_in(env: ServerEnv, owner: Browser, run: str) -> str:
    """Return the pages that the owner of the workflow, who is an admin, sees after signing in."""
    await sign_in(env.sandbox, owner, SAM)
    workflow = f"{page_urls.WORKFLOWS}/canary"
    requests = [f"{page_urls.REQUESTS}/{request.id}" for request in await env.app.engine.requests_of_run(run)]
    for path in (
        *(page_urls.INBOX, page_urls.RUNS, f"{page_urls.RUNS}/{run}", *requests),
        *(page_urls.WORKFLOWS, workflow, f"{workflow}/edit", page_urls.INSIGHTS, page_urls.PREFERENCES),
    ):
        answer = await owner.get(path)
        assert answer.status == 200, (path, answer.status)
    return "\n".join(answer.text for answer in owner.answers)


async def break_a_page(env: ServerEnv, owner: Browser, run: str) -> None:
    """Read a page whose row was damaged by hand, with a secret in it, so that the log gets an incident about it."""
    (request,) = await env.app.engine.requests_of_run(run)
    with closing(sqlite3.connect(env.app.settings.database)) as connection, connection:
        (details,) = connection.execute("SELECT details FROM request WHERE id = ?", (request.id,)).fetchone()
        connection.execute("UPDATE request SET details = ? WHERE id = ?", (f"broken {OWN}", request.id))
    assert (await owner.get(f"{page_urls.REQUESTS}/{request.id}")).status == 500
    with closing(sqlite3.connect(env.app.settings.database)) as connection, connection:
        connection.execute("UPDATE request SET details = ? WHERE id = ?", (details, request.id))


def files_of(env: ServerEnv) -> dict[str, bytes]:
    """Return the files beside the database, with their bytes."""
    folder = env.app.settings.database.parent
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


async def emitted(env: ServerEnv, run: str) -> dict[str, str]:
    """Return everything that people and programs were sent or could read, by its door."""
    async with aiohttp.ClientSession() as session:
        api = await from_api(env, session, run)
        owner = Browser(session, env.url)
        pages = await signed_in(env, owner, run)
        files = files_of(env)
        await break_a_page(env, owner, run)
    engine, mails = env.app.engine, await env.sandbox.mail.wait_for(to=MIA)
    entries = await env.app.store.read(lambda connection: [*audit_log.export(connection, DEFAULT_WORKSPACE)])
    return {
        "slack": json.dumps([call.arguments for call in env.sandbox.slack.calls], default=str, ensure_ascii=False),
        "mail": "\n".join(f"{mail.text}\n{mail.html}\n{mail.subject}" for mail in mails),
        "api": api,
        "pages": pages,
        "run": repr(await engine.run(run)) + repr(await engine.requests_of_run(run)) + repr(await engine.story(run)),
        "log": "\n".join(entries),
        **{name: content.decode("latin-1") for name, content in files.items()},
    }


async def test_no_secret_is_in_anything_that_was_ever_emitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ServerSecrets({"SIGNOFF_SECRET_BANK": OF_SERVER})
    more = {
        "SIGNOFF_HTTP_ALLOW": "127.0.0.1",
        "SIGNOFF_ADMINS": f"ada@example.com,{SAM}",
        "SIGNOFF_TRACING": "on",
    }
    with restored_logging(), receiving_spans() as collector:
        async with (
            serving(echo) as url,
            open_server(tmp_path, in_slack=True, more=more, secrets=known, environment=collector.variables) as env,
            aiohttp.ClientSession() as session,
        ):
            log.set_up("debug", "json", lambda text: known.redact(env.app.settings.redact(text)))
            await set_in_slack(env)
            await env.register(FLOW.replace("URL", url))
            await set_on_server(env, "OWN", "canary-of-before-1414", "canary")
            await set_on_server(env, "OWN", OWN, "canary")
            await set_on_server(env, "HOOK", HOOK)
            run = await run_by_webhook(env, session)
            found = await emitted(env, run)
        found["log of the server"] = capsys.readouterr().err
        found["traces"] = b"".join(collector.raw).decode("latin-1")
        assert {"start", "advance", "call", "deliver"} <= {span.name for span in collector.spans}
    assert "(secret SHOP)" in found["run"]
    assert "(secret OWN)" in found["slack"]
    assert "(secret OWN)" in found["pages"]
    assert "Traceback" in found["log of the server"]
    for door, text in found.items():
        leaked = [one for canary in CANARIES for one in spellings(canary) if one in text]
        assert leaked == [], door
    assert not re.search("canary-of-before", "".join(found.values()))


async def test_only_admins_see_set_and_delete_secrets_in_slack(tmp_path: Path) -> None:
    more: dict[str, Any] = {"SIGNOFF_ADMINS": f"ada@example.com,{SAM}"}
    async with open_server(tmp_path, in_slack=True, more=more) as env:
        ada, ben = env.sandbox.person("ada"), env.sandbox.person("ben")
        await set_in_slack(env)
        refused = expect_ok(await ben.command("/signoff secrets", channel="general"))
        assert "Only an admin can see, set and delete secrets." in words(refused.body)
        listed = expect_ok(await ada.command("/signoff secrets", channel="general"))
        assert "SHOP, for all workflows" in words(listed.body)
        await env.sandbox.until(lambda: "SHOP, for" in words(ada.sees("general")[-1]))
        expect_ok(await ada.click("Delete", on=ada.sees("general")[-1]))
        await env.sandbox.until(lambda: "The secret SHOP is deleted" in words(ada.sees("general")[-1]))
        assert env.app.secrets is not None
        assert await env.app.secrets.views() == []
