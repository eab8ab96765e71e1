"""The evidence of a campaign: the database, the answers to clients, the calls of the service, the messages in Slack."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from bot.devtools.sandbox.world import Message, World
from bot.slack import ids
from tests.soak.tables import FileTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that arrived at the service. `approved`: whether the database had an approval of it at that moment.

    `approved` is None if the database could not be read at that moment.
    """

    key: str
    body: Any
    approved: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An acknowledgement that a request is closed, which a client got. `by` is the address of the person.

    `decision` is the id that the answer named, or that the database had when a click was acknowledged. It is None if
    the request was closed without a decision. `verdict` and `edits` are set if the answer confirmed this decision.
    """

    how: str
    request: str
    by: str
    decision: str | None
    verdict: str | None = None
    edits: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """Work that a killed worker had, and after how many seconds another one did it (None: not at all)."""

    work: str
    seconds: float | None
    limit: float


_DETAILS: Final = frozenset({ids.DETAILS, ids.RUN_DETAILS})
"""Buttons that decide nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message in Slack. Its buttons decide the `requests`, and answer `questions` and for steps of the `runs`."""

    channel: str
    ts: str
    delivery: str | None
    requests: tuple[str, ...]
    runs: tuple[str, ...]
    words: str
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """An acknowledgement that a place was passed on."""

    request: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """An acknowledgement that a question was asked, or answered."""

    request: str
    text: str
    is_answer: bool


@dataclass(kw_only=True)
class Evidence:
    """The evidence. `heads` of the audit log were noted while it grew; `starts` are the started runs by token."""

    database: Path
    starts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    started: set[str] = field(default_factory=set)
    """Tokens of starts that Slack was told to be done; the message about them follows."""
    asked: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Decisions that a person asked for, answered or not: request, address, verdict, edits as JSON."""
    claims: list[Claim] = field(default_factory=list)
    empty: list[Claim] = field(default_factory=list)
    """Clicks that were acknowledged while their request was open, and while no server reported a full disk."""
    cancelled: set[str] = field(default_factory=set)
    passings: list[Passing] = field(default_factory=list)
    askings: list[Asking] = field(default_factory=list)
    absences: Counter[str] = field(default_factory=Counter)
    """How often a person was told that they are away, by their address."""
    stopped: set[str] = field(default_factory=set)
    """Runs that the owner may have stopped. Like `repeats`, it is recorded before the command is sent."""
    repeats: Counter[str] = field(default_factory=Counter)
    calls: list[Call] = field(default_factory=list)
    messages: list[Shown] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    takeovers: list[Takeover] = field(default_factory=list)
    ended_at: str = ""
    """The time of the servers at the end, as the tables have times."""
    has_older_words: bool = False
    """Whether processes of an older version wrote some of the messages."""
    export: str = ""
    """The audit log, as `signoff audit export` prints it."""

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Query the database file."""
        return FileTables(self.database).rows(query, *values)

    @cached_property
    def requests(self) -> dict[str, sqlite3.Row]:
        """Return the requests by id."""
        return {row["id"]: row for row in self.rows("SELECT * FROM request")}

    @cached_property
    def runs(self) -> dict[str, sqlite3.Row]:
        """Return the runs by id, with the names of their workflows."""
        rows = self.rows("SELECT run.*, workflow.name FROM run JOIN workflow ON workflow.id = run.workflow")
        return {row["id"]: row for row in rows}

    @cached_property
    def entries(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the leaf and the content of each entry of the audit log, in its order."""
        rows = self.rows("SELECT leaf, content FROM audit ORDER BY seq")
        return [(json.loads(row["leaf"]), json.loads(row["content"] or "{}")) for row in rows]

    def logged(self, kind: str) -> list[dict[str, Any]]:
        """Return the contents of the entries of a kind."""
        return [content for leaf, content in self.entries if leaf["kind"] == kind]

    @cached_property
    def addresses(self) -> Mapping[str, set[str]]:
        """Return the addresses of each person."""
        addresses: dict[str, set[str]] = defaultdict(set)
        for row in self.rows("SELECT person, value FROM address"):
            addresses[row["person"]].add(row["value"])
        return addresses

    @cached_property
    def _joined(self) -> dict[str, str]:
        rows = self.rows("SELECT id, joined_into FROM person WHERE joined_into IS NOT NULL")
        return {row["id"]: row["joined_into"] for row in rows}

    def person(self, person: str) -> str:
        """Return the person that a person is now."""
        return self._joined.get(person, person)

    @cached_property
    def handed_on(self) -> set[tuple[str, str]]:
        """Return the request and the person of each place that was passed on."""
        rows = self.rows("SELECT request, person FROM approver WHERE handed_to IS NOT NULL")
        return {(row["request"], row["person"]) for row in rows}

    @cached_property
    def decisions(self) -> dict[str, list[sqlite3.Row]]:
        """Return the decisions by request."""
        by_request = defaultdict(list)
        for row in self.rows("SELECT * FROM decision"):
            by_request[row["request"]].append(row)
        return by_request

    @cached_property
    def changes(self) -> dict[tuple[str, int], sqlite3.Row]:
        """Return the changes of contents while approvals were missing, by request and the version that they made."""
        return {(row["request"], row["version"]): row for row in self.rows("SELECT * FROM content_change")}

    def needed(self, request: str) -> int:
        """Return how many approvals a request needs."""
        return int(self.requests[request]["policy"].partition(":")[2] or 1)

    def approvals(self, request: str) -> list[sqlite3.Row]:
        """Return the approvals of the content that a request has now."""
        version = self.requests[request]["content_version"]
        rows = self.decisions.get(request, [])
        return [row for row in rows if (row["verdict"], row["content_version"]) == ("approved", version)]

    def edits(self, decision: sqlite3.Row) -> list[dict[str, str]]:
        """Return the edits that may have come with a decision, by path.

        The edits of an approval that others follow made a new version. The same person may also have made that version
        before, and have approved it afterwards.
        """
        change = self.changes.get((decision["request"], decision["content_version"]))
        is_change = change is not None and change["person"] == decision["person"]
        texts = [decision["edits"], *([change["edits"]] if change is not None and is_change else [])]
        return [edits_by_path(text) for text in texts]

    @cached_property
    def answers(self) -> list[tuple[str, str]]:
        """Return run and answer of each accepted answer about a step of unknown outcome, from the audit log."""
        entries = self.rows("SELECT run, content FROM audit WHERE leaf LIKE '%\"run.resumed\"%'")
        return [(row["run"], json.loads(row["content"])["answer"]) for row in entries]

    @cached_property
    def repeated(self) -> Counter[str]:
        """Return how often `repeat` was accepted for each run, but not more often than it was sent."""
        return Counter(run for run, answer in self.answers if answer == "repeat") & self.repeats

    @cached_property
    def posted(self) -> Mapping[str, list[Shown]]:
        """Return the messages by the id of their delivery."""
        by_delivery = defaultdict(list)
        for message in self.messages:
            if message.delivery is not None:
                by_delivery[message.delivery].append(message)
        return by_delivery

    def save(self, folder: Path) -> None:
        """Write the evidence to a file for the analysis of findings."""
        left_out = ("database", "export")
        content = {
            attribute.name: getattr(self, attribute.name)
            for attribute in fields(self)
            if attribute.name not in left_out
        }
        text = json.dumps(content, default=_plain, indent=1)
        (folder / "evidence.json").write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else asdict(value)


def edits_by_path(text: str | None) -> dict[str, str]:
    """Return the new values of edits by path."""
    return {".".join(edit["path"]): edit["after"] for edit in json.loads(text or "[]")}


def messages(world: World) -> Iterator[Shown]:
    """Yield every message in the local Slack, in all conversations."""
    for conversation in world.messages.values():
        yield from map(shown, conversation)


def shown(message: Message) -> Shown:
    """Return the parts of a message that the checks need."""
    buttons = [element for element in _elements(message.blocks) if element.get("type") == "button"]
    values = [element.get("value") for element in buttons if element.get("action_id") not in _DETAILS]
    requests = [ref.request for value in values if (ref := ids.decode_ref(value)) is not None]
    runs = [about.run for value in values if (about := ids.decode_run(value)) is not None]
    asked = [question for value in values if (question := ids.decode_question(value)) is not None]
    payload = (message.metadata or {}).get("event_payload") or {}
    return Shown(
        channel=message.channel,
        ts=message.ts,
        delivery=payload.get("delivery"),
        requests=tuple(dict.fromkeys(requests)),
        runs=tuple(dict.fromkeys(runs)),
        words=" ".join(words(message.blocks)),
        questions=tuple(dict.fromkeys(about.question for about in asked)),
    )


def _elements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in inner:
        yield from _elements(child)


def words(value: Any) -> Iterator[str]:
    """Yield all texts in blocks."""
    for element in _elements(value):
        if isinstance(element.get("text"), str):
            yield element["text"]
