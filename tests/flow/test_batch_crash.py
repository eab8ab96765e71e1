"""A server is killed in the middle of a batch: what was decided is recorded once, and the rest is offered again."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from bot.devtools.demo.servers import free_port
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.local import client
from tests.support.html_forms import Form
from tests.support.http_service import PATIENCE, HttpService
from tests.support.processes import Installation, Server, create_installation
from tests.support.web_env import ADA, BEN, Answer, Browser

COUNT: Final = 50
KILLED_AT: Final = 15
"""Number of decisions that are on the disk when the server is killed."""
WORKFLOW = """\
name: pay
title: Pay
owner: sam@example.com
inputs: {order: {type: text}}
steps:
  - id: pay
    uses: http
    idempotent: true
    with: {method: POST, url: "URL/pay", json: {order: "{{ inputs.order }}"}}
    gate: {title: "Pay {{ inputs.order }}?", approvers: [ada@example.com, ben@example.com]}
"""


def decided(installation: Installation) -> dict[str, tuple[int, str]]:
    """Return how many decisions each request has, and its state, without the code of the product."""
    query = (
        "SELECT request.id, COUNT(decision.id), request.state FROM request"
        " LEFT JOIN decision ON decision.request = request.id GROUP BY request.id"
    )
    with closing(sqlite3.connect(f"file:{installation.database}?mode=ro", uri=True, timeout=10)) as connection:
        return {str(request): (int(count), str(state)) for request, count, state in connection.execute(query)}


async def wait_until_decided(installation: Installation, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while sum(row[0] for row in decided(installation).values()) < count:
        assert time.monotonic() < until
        await asyncio.sleep(0.001)


async def sign_in(world: RunningSandbox, browser: Browser, address: str) -> None:
    form = (await browser.get("/inbox")).page.form
    at_code = await browser.post(form.action, form.with_(email=address), kind=form.kind)
    emails = await world.mail.wait_for(to=address, subject="code", count=1)
    code = re.search(r"\d{4}(?: \d{4}){3}", emails[-1].text or "")
    assert code is not None
    form = at_code.page.form
    await browser.post(form.action, form.with_(code=code[0]), kind=form.kind)


async def press(browser: Browser, form: Form, **button: str) -> Answer:
    return await browser.post(form.action, form.with_(**button), kind=form.kind)


async def choose_all(browser: Browser, requests: list[str]) -> Form:
    """Choose these requests in the list, and return the form that shows each of them."""
    form = (await browser.get("/inbox")).page.form_with("together")
    fields = [*form.fields, *(("pick", request) for request in requests), ("together", "approve")]
    return (await browser.post(form.action, fields, kind=form.kind)).page.form_with("sure")


@pytest.fixture
def installation(tmp_path: Path, empty_database: bytes) -> Installation:
    new = create_installation(tmp_path, email_from="signoff@example.com", port=str(port := free_port()))
    new.settings["SIGNOFF_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    new.database.write_bytes(empty_database)
    new.database.chmod(0o600)
    return new


async def test_a_batch_that_is_killed_is_decided_once_and_finished_by_the_same_form(
    installation: Installation, http_service: HttpService
) -> None:
    async with sandbox() as world, aiohttp.ClientSession() as session:
        installation.settings["SIGNOFF_SMTP_URL"] = world.mail.url
        base = installation.settings["SIGNOFF_PUBLIC_URL"]
        server = await asyncio.to_thread(lambda: Server(installation).wait_until_ready())
        try:
            requests = await ask(installation, http_service)
            ada, ben = Browser(session, base), Browser(session, base)
            await sign_in(world, ada, ADA)
            await sign_in(world, ben, BEN)
            sure = await choose_all(ada, requests)
            rejected, passed_on, changed = requests[3:6], requests[10], requests[20:22]
            theirs = (await ben.get("/inbox")).page.form_with("approve")
            for request in rejected:
                form = (await press(ben, theirs, reject=request)).page.form
                await ben.send(form, "reject", reason="No budget")
            form = (await ada.get(f"/pass-on/{passed_on}")).page.form
            await press(ada, form, to="sam@example.com", reason="on holiday")
            stale = {f"seen-{request}": f"1.{'0' * 64}" for request in changed}
            batch = asyncio.ensure_future(press(ada, sure, sure="approve", **stale))
            await wait_until_decided(installation, len(rejected) + KILLED_AT)
            await asyncio.to_thread(server.kill)
            with pytest.raises(aiohttp.ClientError):
                await batch
            on_disk = decided(installation)
            assert max(count for count, _ in on_disk.values()) == 1
            approved = [request for request, (_, state) in on_disk.items() if state == "approved"]
            assert KILLED_AT <= len(approved) < COUNT - 6
            server = await asyncio.to_thread(lambda: Server(installation).wait_until_ready())
            listed = (await ada.get("/inbox")).text
            assert not any(f'name="pick" value="{request}"' in listed for request in (*approved, *rejected))
            again = await press(ada, sure, sure="approve", **stale)
            assert again.page.headings[0] == f"{COUNT - 6} approved. 6 were left out."
            after = decided(installation)
            assert max(count for count, _ in after.values()) == 1, "no request was decided twice"
            left = {request for request, (_, state) in after.items() if state != "approved"}
            assert left == {*rejected, passed_on, *changed}
            await asyncio.to_thread(http_service.wait_for, COUNT - 6)
        finally:
            if server.process.poll() is None:
                await asyncio.to_thread(server.stop)
    keys = {post.key for post in http_service.posts}
    orders = {post.body["order"] for post in http_service.posts}
    assert (len(keys), len(orders)) == (COUNT - 6, COUNT - 6), "an effect for each approval, and for nothing else"


async def ask(installation: Installation, http_service: HttpService) -> list[str]:
    """Start a run for each request, and return the requests."""
    file = installation.write("pay.yaml", WORKFLOW.replace("URL", http_service.url))
    registered = await asyncio.to_thread(installation.run, "register", file)
    assert registered.code == 0, registered.output
    for number in range(COUNT):
        reply = await client.ask(
            installation.database, "start", {"workflow": "pay", "inputs": {"order": f"A-{number}"}}
        )
        assert reply is not None
        assert reply.refused is None, reply
    until = time.monotonic() + PATIENCE
    while len(found := decided(installation)) < COUNT:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    return sorted(found)
