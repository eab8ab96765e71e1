"""The surroundings of the servers in a campaign: the local Slack, the service, the workflows and the evidence."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import Message, User
from bot.local import client
from bot.local.reply import CommandReply
from bot.slack import ids
from bot.slack.transport import PATH
from engine.errors import SignoffError
from engine.json_values import Value
from engine.system import SystemClock
from tests.soak import evidence, service
from tests.soak.evidence import Claim, Evidence
from tests.soak.service import Service
from tests.soak.tables import FileTables, Tables, Unreadable

CarryOut = Callable[[str, dict[str, Value]], Awaitable[CommandReply | None]]

ROOT: Final = Path(__file__).parents[2]
"""The code that the servers and commands of a campaign run."""
OPERATOR: Final = "lee@example.com"
"""The approver who decides in the terminal, and who has a copy in Slack like the others."""
APPROVERS: Final = ("ada@example.com", "ben@example.com", OPERATOR)
OWNER: Final = "cleo@example.com"
ABSENTEE: Final = "ida@example.com"
"""An approver who goes away and comes back all the time."""
DELEGATE: Final = "kim@example.com"
"""The person who decides in the place of others; away now and then as well."""
BACKUP: Final = "max@example.com"
"""The person who is asked as well if there is no decision in time."""
EVERYONE: Final = (*APPROVERS, OWNER, ABSENTEE, DELEGATE, BACKUP)
MULTIPLIER: Final = 60.0
"""Factor on Slack's published rates, because a campaign makes more calls than Slack allows to one app."""
KEY: Final = "5a" * 32
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
KEYS"""
RECEIPT: Final = """\
  - id: receipt
    uses: set
    with: {number: "{{ steps.pay.body.receipt }}", text: "paid {{ inputs.token }}"}
    gate:
      at: after
      title: "Close {{ inputs.token }}?"
      approvers: [APPROVERS]
      edit: [text]
      exclude: []
  - id: close
    uses: set
    with: {text: "{{ steps.receipt.text }}"}
"""
PAUSE: Final = """\
  - id: pause
    uses: wait
    with: {for: 3s}
"""
REMINDED: Final = "      remind: {after: 2s, every: 4s, times: 3}\n"
ALLOWED: Final = "      exclude: []\n"
"""The operator starts most runs and is an approver, so she may decide on her own ones."""
KINDS: Final = {
    "sure": ("true", ALLOWED, RECEIPT),
    "unsure": ("false", ALLOWED, RECEIPT),
    "pause": ("true", ALLOWED, PAUSE + RECEIPT),
    "brief": ("true", ALLOWED + "      expires: 6s\n", ""),
    "brief-reject": ("true", ALLOWED + "      expires: 9s\n      on_expiry: reject\n", ""),
    "brief-go": ("true", ALLOWED + "      expires: 12s\n      on_expiry: continue\n", ""),
    "two": ("true", "      policy: {quorum: 2}\n", ""),
    "strict": ("true", "      policy: {quorum: 2}\n      exclude: [requester, editor]\n", ""),
    "all": ("true", ALLOWED + "      policy: all\n", ""),
    "chain": ("true", ALLOWED + "      policy: {chain: [[ada@example.com, ben@example.com], [OPERATOR]]}\n", ""),
    "away": ("true", ALLOWED + "      policy: all\n      approvers: [ada@example.com, ABSENTEE]\n", ""),
    "asked": ("true", ALLOWED + "      questions: pause\n      expires: 20s\n", ""),
    "slow": ("true", ALLOWED + REMINDED + "      escalate: {after: 8s, to: [BACKUP]}\n", ""),
    "slow-again": (
        "true",
        ALLOWED + REMINDED + "      expires: 15s\n      on_expiry: escalate\n      escalate: {to: [BACKUP]}\n",
        "",
    ),
}
"""Name: whether its call may be repeated, further keys of its gate, and the steps after the call."""
OWN_PEOPLE: Final = frozenset({"chain", "away"})
"""The workflows that name approvers of their own."""
TOGETHER: Final = frozenset({"two", "strict", "all", "chain", "away"})
"""The workflows whose call several people have to approve."""
PAUSING: Final = "asked"
"""The workflow whose deadlines stand still while a question waits for its answer."""
ESCALATED: Final = frozenset({"slow", "slow-again"})
"""The workflows that remind approvers, and ask a backup if there is no decision in time."""
HASTY: Final = ("brief", "asked", "slow")
"""Beginnings of the names of workflows whose requests people mostly leave to their deadlines."""
EXCLUDED: Final = frozenset({"two", "strict"})
"""The workflows whose requesters may not approve."""


_NAMES: Final = {OPERATOR: "Lee Operator", ABSENTEE: "Ida Away", DELEGATE: "Kim Delegate", BACKUP: "Max Backup"}
"""The people that are added to the local Slack."""


def workflow(name: str, url: str) -> str:
    """Return the workflow file of one of `KINDS`."""
    idempotent, keys, rest = KINDS[name]
    text = WORKFLOW.replace("KEYS", keys) + rest
    if name in OWN_PEOPLE:
        text = text.replace("      approvers: [APPROVERS]\n", "", 1)
    values = {"NAME": name, "OWNER": OWNER, "URL": url, "IDEMPOTENT": idempotent, "APPROVERS": ", ".join(APPROVERS)}
    values |= {"OPERATOR": OPERATOR, "ABSENTEE": ABSENTEE, "BACKUP": BACKUP}
    for word, value in values.items():
        text = text.replace(word, value)
    return text


def is_hasty(name: str) -> bool:
    """Return whether people mostly leave the requests of this workflow to their deadlines."""
    return name.startswith(HASTY)


def left_waiting(run: str) -> bool:
    """Return whether all clients leave this run waiting, so that some requests are open at the end."""
    return run.endswith(("0", "1", "2"))


@dataclass
class World:
    """The surroundings of the servers. Once `over` is set, clients start nothing new.

    `ahead` returns how many seconds the clock of the servers is ahead.
    """

    slack: RunningSandbox
    service: Service
    evidence: Evidence
    port: int
    url: str
    """The URL of the database on a server, or nothing."""
    tables: Tables
    operator: CarryOut
    """Carries out the operator's commands: through the socket, or on the server's database."""
    ahead: Callable[[], float] = lambda: 0.0
    _excuses: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _copies: dict[tuple[str, str], list[Message]] = field(default_factory=dict)
    _without_buttons: dict[str, list[Message]] = field(default_factory=dict)
    _looked: dict[str, int] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.evidence.database

    @property
    def now(self) -> datetime:
        """Return the time of the servers."""
        return SystemClock().now() + timedelta(seconds=self.ahead())

    def settings(self) -> dict[str, str]:
        """Return the environment of a server, without the settings of the person who runs the campaign."""
        inherited = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        values = {
            "DATABASE_URL": self.url or f"sqlite:///{self.database}",
            "KEY": KEY if self.url else "",
            "OPERATOR": OPERATOR,
            "HTTP_ALLOW": "127.0.0.1",
            "SLACK_BOT_TOKEN": self.slack.app.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.app.signing_secret,
            "SLACK_API_URL": self.slack.api_url,
            "PORT": str(self.port),
        }
        own = {f"SIGNOFF_{name}": value for name, value in values.items()}
        return {
            **inherited,
            "HOME": str(self.database.parent),
            "PATH": os.defpath,
            "PYTHONUTF8": "1",
            "PYTHONPATH": str(ROOT),
            **own,
        }

    @property
    def unwritable(self) -> bool:
        """Whether the database cannot be written, or could not a moment ago."""
        return self._excuses > 0

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Expect that the database cannot be written while the body runs."""
        self._excuses += 1
        try:
            yield
        finally:
            self._excuses -= 1

    # -- queries --

    def rows(self, query: str, *values: object) -> Sequence[Any]:
        """Query the database, or return no rows while it cannot be read. The checks must not use this."""
        try:
            return self.tables.rows(query, *values)
        except Unreadable:
            return []

    def approved(self, key: str) -> bool | None:
        """Return whether a person or an expiry approved the call with this key, or None if that cannot be read."""
        run, step, visit = key.split(":")
        try:
            requests = self.tables.rows(
                "SELECT request.state, request.on_expiry, decision.verdict FROM request "
                "LEFT JOIN decision ON decision.request = request.id "
                "WHERE request.run = ? AND request.step = ? AND request.visit = ? AND request.at = 'before'",
                run,
                step,
                int(visit),
            )
        except Unreadable:
            return None
        by_person = any(row["verdict"] == "approved" and row["state"] == "approved" for row in requests)
        return by_person or any((row["state"], row["on_expiry"]) == ("expired", "continue") for row in requests)

    def person(self, email: str) -> SimulatedPerson:
        return self.slack.person(email.partition("@")[0])

    def copy(self, email: str, about: str) -> Message | None:
        """Return the newest message to a person that has buttons for this request, run or question, or had some."""
        dm = self.person(email).dm
        messages = self.slack.world.messages.get(dm, [])
        # A message without buttons may get some when the person is asked again.
        for message in (*self._without_buttons.pop(dm, ()), *messages[self._looked.get(dm, 0) :]):
            shown = evidence.shown(message)
            subjects = (*shown.requests, *shown.runs, *shown.questions)
            for subject in subjects:
                self._copies.setdefault((dm, subject), []).append(message)
            if not subjects:
                self._without_buttons.setdefault(dm, []).append(message)
        self._looked[dm] = len(messages)
        copies = [*reversed(self._copies.get((dm, about), []))]
        return next((copy for copy in copies if _is_open(copy, about)), copies[0] if copies else None)

    # -- the operator --

    async def ask(self, command: str, arguments: dict[str, Value]) -> CommandReply | None:
        """Give a command, and return the answer, or None if there was none and its effect is unknown."""
        try:
            return await self.operator(command, arguments)
        except SignoffError:
            return None

    # -- acknowledged clicks --

    def record_acknowledged_click(self, request: str, by: str) -> None:
        """Record that a click on Approve was acknowledged. By now its request must be closed by a decision."""
        query = (
            "SELECT request.state, request.policy, request.expires_at, decision.id FROM request "
            "LEFT JOIN decision ON decision.request = request.id WHERE request.id = ?"
        )
        for row in self.rows(query, request):
            claim = Claim(how="click", request=request, by=by, decision=row["id"])
            if row["policy"] != "any":
                # Others may have to approve too, or it may not be this person's turn. The answers of modals and of
                # commands say which; a click is acknowledged in any case.
                continue
            if row["state"] != "pending":
                self.evidence.claims.append(claim)
            elif not self._is_expired(row["expires_at"]) and not self.unwritable and not self._has_left(request, by):
                self.evidence.empty.append(claim)

    def _has_left(self, request: str, email: str) -> bool:
        """Return whether the place of a person was passed on, so that their click was refused."""
        query = (
            "SELECT 1 FROM approver JOIN address ON address.person = approver.person "
            "WHERE approver.request = ? AND address.value = ? AND approver.handed_to IS NOT NULL"
        )
        return bool(self.rows(query, request, email))

    def _is_expired(self, expires_at: str | None) -> bool:
        """Return whether the click came too late."""
        return expires_at is not None and datetime.fromisoformat(expires_at).replace(tzinfo=UTC) <= self.now


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@asynccontextmanager
async def world(database: Path, *, url: str = "", tables: Tables | None = None) -> AsyncIterator[World]:
    """Open the surroundings of servers, without a server, while the body runs.

    `url`, `tables`: of a database on a server. Its rows are in `database` at the end.
    """
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(sandbox())
        slack.rates.configure(multiplier=MULTIPLIER)
        for email, name in _NAMES.items():
            user = User(id=slack.world.new_id("U"), name=email.partition("@")[0], real_name=name, email=email)
            slack.world.users[user.id] = user
        port = free_port()
        slack.app.request_url = f"http://127.0.0.1:{port}{PATH}"
        calls = await stack.enter_async_context(service.serving(lambda key: new_world.approved(key)))
        new_world = World(
            slack=slack,
            service=calls,
            evidence=Evidence(database=database, calls=calls.calls),
            port=port,
            url=url,
            tables=tables or FileTables(database),
            operator=lambda command, arguments: client.ask(database, command, arguments),
        )
        yield new_world


def _is_open(message: Message, about: str) -> bool:
    """Return whether a message has the buttons of its subject now.

    One that tells a person about a change of a request has others, and a copy gets its own back when they decide again.
    """
    return about not in evidence.shown(message).requests or ids.APPROVE in str(message.blocks)
