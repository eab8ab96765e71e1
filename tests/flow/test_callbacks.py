"""Callbacks of a real server: the commands that set endpoints up, and servers that are killed while they send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import app, loaded_settings
from bot.app_parts import AppOptions
from bot.local import client
from engine.domain import Address, Origin
from engine.domain.asks import Ask, AskContent, Asked
from tests.flow.test_failure_crashes import row, until
from tests.support.cli import Commands
from tests.support.http_service import HttpService, open_http_service
from tests.support.processes import OPERATOR, Installation, create_installation, serving

SOURCE = f"""\
name: approvals
title: Tool calls of agents
owner: {OPERATOR}
steps:
  - id: call
    uses: ask
    gate: {{exclude: []}}
"""


@pytest.fixture
def receiver() -> Iterator[HttpService]:
    with open_http_service() as service:
        yield service


@pytest.fixture
def installation(tmp_path: Path, receiver: HttpService) -> Installation:
    """Return an installation with a program, its endpoint, and a question that waits."""
    installation = create_installation(tmp_path)
    for arguments in (
        ("register", str(installation.write("approvals.yaml", SOURCE))),
        ("keys", "create", "Support agent", "--callback", f"{receiver.url}/hooks"),
    ):
        finished = installation.run(*arguments)
        assert finished.code == 0, finished.output
    asyncio.run(ask(installation, f"{receiver.url}/hooks"))
    return installation


async def ask(installation: Installation, callback: str) -> str:
    """Ask as the program, in a process that owns the database for a moment."""
    settings = loaded_settings.load(dict(installation.environment))
    key = row(installation, "SELECT id FROM api_key")
    assert key is not None
    async with app.open_for_commands(AppOptions(settings=settings, environment=installation.environment)) as opened:
        asked = await opened.engine.ask(
            Ask(
                content=AskContent(title="Refund 12 EUR", arguments={"amount": 12}, callback=callback),
                actor=Address("api", key["id"]),
                agent="Support agent",
                origin=Origin(surface="api"),
            )
        )
        assert isinstance(asked, Asked), asked
        return asked.run


def approve(installation: Installation) -> None:
    until(lambda: row(installation, "SELECT id FROM request"))
    request = row(installation, "SELECT id FROM request")
    assert request is not None
    arguments = {"request": request["id"], "verdict": "approve", "edits": {}, "confirmed": True}
    reply = asyncio.run(client.ask(installation.database, "decide", arguments))
    assert reply is not None
    assert reply.refused is None, reply


def is_recorded(installation: Installation) -> bool:
    return row(installation, "SELECT 1 FROM delivery WHERE kind = 'callback' AND state = 'shown'") is not None


# -- killed servers -------------------------------------------------------------------------------------------


def test_a_server_that_is_killed_after_the_decision_tells_it_when_it_is_back(
    installation: Installation, receiver: HttpService
) -> None:
    with serving(installation) as server:
        approve(installation)
        server.kill()
    with serving(installation) as server:
        until(lambda: is_recorded(installation))
        assert server.stop() == 0
    assert len({post.body["id"] for post in receiver.posts}) == 1
    assert receiver.posts[-1].body["data"]["status"] == "approved"


def test_a_server_that_is_killed_before_it_records_the_answer_sends_the_same_id_again(
    installation: Installation, receiver: HttpService
) -> None:
    receiver.may_answer.clear()
    with serving(installation) as server:
        approve(installation)
        receiver.wait_for(1)
        server.kill()
    receiver.may_answer.set()
    assert not is_recorded(installation)
    with serving(installation) as server:
        until(lambda: is_recorded(installation))
        assert server.stop() == 0
    assert len(receiver.posts) == 2
    assert len({post.body["id"] for post in receiver.posts}) == 1
    assert installation.run("audit", "verify").code == 0


# -- commands -------------------------------------------------------------------------------------------------


def test_only_the_secret_goes_to_standard_output_and_nothing_shows_it_again(signoff: Commands) -> None:
    signoff.run_ok("keys", "create", "First agent")
    url = "http://127.0.0.1:9/first"
    made = signoff.run_ok("callbacks", "add", "First agent", url)
    secret = made.out.removesuffix("\n")
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
    assert f"This is the signing secret of {url}. Keep it now" in " ".join(made.err.split())
    [listed] = [row for row in signoff.json("callbacks", "list") if row["url"] == url]
    assert (listed["url"], listed["key_name"], listed["state"]) == (url, "First agent", "active")
    rotated = signoff.run_ok("callbacks", "rotate", listed["id"], "--overlap", "2d", "--json").json
    assert rotated["secret"] not in ("", secret)
    assert rotated["previous_until"] is not None
    assert "works" in signoff.run_ok("callbacks", "list").out
    enabled = signoff.run_ok("callbacks", "enable", listed["id"])
    assert enabled.output == f"The endpoint {url} was on."
    assert signoff.run_ok("callbacks", "remove", listed["id"]).output == f"The endpoint {url} is removed."
    assert url not in signoff.run_ok("callbacks", "list").out
    texts = "".join(
        path.read_bytes().decode("latin-1")
        for path in signoff.installation.folder.rglob("signoff.db*")
        if path.is_file()
    )
    assert secret not in texts
    assert rotated["secret"] not in texts


def test_a_key_and_its_endpoint_are_made_together(signoff: Commands) -> None:
    made = signoff.run_ok("keys", "create", "Second agent", "--callback", "http://127.0.0.1:9/hooks")
    key, secret = made.out.splitlines()
    assert key.startswith("sgn_")
    assert secret.startswith("whsec_")
    both = signoff.run_ok("keys", "create", "Other", "--callback", "http://127.0.0.1:9/hooks", "--json").json
    assert both["callback"]["secret"].startswith("whsec_")


def test_what_is_wrong_with_an_endpoint_is_said(signoff: Commands) -> None:
    signoff.run_ok("keys", "create", "Third agent")
    private = signoff("callbacks", "add", "Third agent", "https://10.0.0.1/hooks")
    assert private.code == 1
    assert "Callbacks cannot be sent to this URL: 10.0.0.1 is not a public address" in private.output
    unknown = signoff("callbacks", "add", "Nobody", "https://10.0.0.1/hooks")
    assert unknown.code == 1
    refused = signoff("keys", "create", "Fourth agent", "--callback", "https://10.0.0.1/hooks")
    assert refused.code == 1
    assert refused.out.startswith("sgn_")
    assert "The key was created, and its callbacks were not set up." in refused.output
    missing = signoff("callbacks", "rotate", "06b6pe67q4f51ayka")
    assert missing.code == 1
    assert "signoff callbacks list" in missing.output
