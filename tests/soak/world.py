"""Where a campaign takes place: the local Slack, the service, the workflows; and what was said to whom."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import Message, User
from bot.local import client
from bot.local.reply import CommandReply
from bot.slack.transport import PATH
from engine.errors import StoreError
from engine.json_values import Value
from engine.system import SystemClock
from tests.soak import evidence, service
from tests.soak.evidence import Claim, Evidence
from tests.soak.service import Service

OPERATOR: Final = "lee@example.com"
"""Decides in the terminal, and has a copy in Slack like the others."""
APPROVERS: Final = ("ada@example.com", "ben@example.com", OPERATOR)
OWNER: Final = "cleo@example.com"
MULTIPLIER: Final = 60.0
"""Of Slack's published rates: five hundred runs in five minutes are more than it allows to one app."""
SLOW_SECONDS: Final = (0.0, 0.05, 0.4, 1.5, 4.0)

WORKFLOW: Final = """\
name: NAME
title: Pay
owner: OWNER
inputs:
  token: {type: text}
steps:
  - id: note
    uses: set
    with: {text: "pay {{ inputs.token }}"}
  - id: pay
    uses: http
    idempotent: IDEMPOTENT
    with:
      method: POST
      url: URL/pay
      json: {token: "{{ inputs.token }}", text: "{{ steps.note.text }}"}
    gate:
      title: "Pay {{ inputs.token }}?"
      approvers: [APPROVERS]
      edit: [json.text]
EXPIRY"""
RECEIPT: Final = """\
  - id: receipt
    uses: set
    with: {number: "{{ steps.pay.body.receipt }}", text: "paid {{ inputs.token }}"}
    gate: {at: after, title: "Close {{ inputs.token }}?", approvers: [APPROVERS], edit: [text]}
  - id: close
    uses: set
    with: {text: "{{ steps.receipt.text }}"}
"""
KINDS: Final = {
    "sure": ("true", "", RECEIPT),
    "unsure": ("false", "", RECEIPT),
    "brief": ("true", "      expires: 6s\n", ""),
    "brief-reject": ("true", "      expires: 9s\n      on_expiry: reject\n", ""),
    "brief-go": ("true", "      expires: 12s\n      on_expiry: continue\n", ""),
}
"""Name: whether its call may be repeated, its expiry, and the steps after the call."""


def workflow(name: str, url: str) -> str:
    """The text of one of `KINDS`."""
    idempotent, expiry, rest = KINDS[name]
    text = WORKFLOW.replace("EXPIRY", expiry) + rest
    given = {"NAME": name, "OWNER": OWNER, "URL": url, "IDEMPOTENT": idempotent, "APPROVERS": ", ".join(APPROVERS)}
    for word, value in given.items():
        text = text.replace(word, value)
    return text


def left_waiting(run: str) -> bool:
    """Whether nobody decides about this run: some still wait when all is over."""
    return run.endswith(("0", "1", "2"))


@dataclass
class World:
    """`evidence` is only added to. `over`: no client begins anything new. `ahead`: of the servers' clock, seconds."""

    slack: RunningSandbox
    service: Service
    evidence: Evidence
    port: int
    ahead: Callable[[], float] = lambda: 0.0
    full: bool = False
    """The disk is full, or was a moment ago."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _copies: dict[tuple[str, str], Message] = field(default_factory=dict)
    _looked: dict[str, int] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.evidence.database

    @property
    def now(self) -> datetime:
        """The servers' time."""
        return SystemClock().now() + timedelta(seconds=self.ahead())

    def settings(self) -> dict[str, str]:
        """The environment of a server, without anything of whoever runs the campaign."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        given = {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "OPERATOR": OPERATOR,
            "HTTP_ALLOW": "127.0.0.1",
            "SLACK_BOT_TOKEN": self.slack.app.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.app.signing_secret,
            "SLACK_API_URL": self.slack.api_url,
            "PORT": str(self.port),
        }
        own = {f"SIGNOFF_{name}": value for name, value in given.items()}
        return {**kept, "HOME": str(self.database.parent), "PATH": os.defpath, "PYTHONUTF8": "1", **own}

    # -- looking --

    def rows(self, query: str, *given: object) -> list[sqlite3.Row]:
        """What the tables say; nothing while they cannot be read, which only a client that goes on may be told."""
        try:
            return self.evidence.rows(query, *given)
        except sqlite3.Error:
            return []

    def approved(self, key: str) -> bool | None:
        """Whether the database has an approval of the call with this key, by a person or by a clock that may."""
        run, step, visit = key.split(":")
        try:
            found = self.evidence.rows(
                "SELECT request.state, request.on_expiry, decision.verdict FROM request "
                "LEFT JOIN decision ON decision.request = request.id "
                "WHERE request.run = ? AND request.step = ? AND request.visit = ? AND request.at = 'before'",
                run,
                step,
                int(visit),
            )
        except sqlite3.Error:
            return None
        by_person = any(row["verdict"] == "approved" and row["state"] == "approved" for row in found)
        return by_person or any((row["state"], row["on_expiry"]) == ("expired", "continue") for row in found)

    def person(self, email: str) -> SimulatedPerson:
        return self.slack.person(email.partition("@")[0])

    def copy(self, email: str, about: str) -> Message | None:
        """Somebody's newest message whose buttons are about a request or a run."""
        dm = self.person(email).dm
        found = self.slack.world.messages.get(dm, [])
        for message in found[self._looked.get(dm, 0) :]:
            told = evidence.shown(message)
            for one in (*told.requests, *told.runs):
                self._copies[dm, one] = message
        self._looked[dm] = len(found)
        return self._copies.get((dm, about))

    # -- the socket --

    async def ask(self, command: str, given: dict[str, Value]) -> CommandReply | None:
        """The server's answer. None: there was none, and whether it did anything is not known."""
        try:
            return await client.ask(self.database, command, given)
        except StoreError:
            return None

    # -- what clicks are told --

    def acknowledged(self, request: str, by: str) -> None:
        """A click on Approve was acknowledged: by now its request is closed, by it or by what was faster."""
        query = (
            "SELECT request.state, request.expires_at, decision.id FROM request "
            "LEFT JOIN decision ON decision.request = request.id WHERE request.id = ?"
        )
        for row in self.rows(query, request):
            claim = Claim(how="click", request=request, by=by, decision=row["id"])
            if row["state"] != "pending":
                self.evidence.claims.append(claim)
            elif not self._late(row["expires_at"]) and not self.full:
                self.evidence.empty.append(claim)

    def _late(self, expires_at: str | None) -> bool:
        """Whether the answer was that it is too late."""
        return expires_at is not None and datetime.fromisoformat(expires_at).replace(tzinfo=UTC) <= self.now


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@asynccontextmanager
async def world(database: Path) -> AsyncIterator[World]:
    """A world without a server, while the body runs."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(sandbox())
        slack.rates.configure(multiplier=MULTIPLIER)
        lee = User(id=slack.world.new_id("U"), name="lee", real_name="Lee Operator", email=OPERATOR)
        slack.world.users[lee.id] = lee
        port = free_port()
        slack.app.request_url = f"http://127.0.0.1:{port}{PATH}"
        calls = await stack.enter_async_context(service.serving(lambda key: made.approved(key)))
        made = World(slack=slack, service=calls, evidence=Evidence(database=database, calls=calls.calls), port=port)
        yield made
