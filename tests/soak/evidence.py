"""What is left when all is over: the database, what was said to whom, what was called, what stands in Slack."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from bot.devtools.sandbox.world import Message, World
from bot.slack import ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that arrived at the service. `approved`: whether the database had an approval of it at that moment.

    None: the database could not be read just then.
    """

    key: str
    body: Any
    approved: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something about a request that a client was told is recorded. `by`: the person's address.

    `decision`: the one that was named, or that stood in the database when a click was acknowledged; None: the request
    was closed otherwise. `verdict` and `edits`: set where it was said that *this* is what was decided.
    """

    how: str
    request: str
    by: str
    decision: str | None
    verdict: str | None = None
    edits: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message in Slack. `requests`: those that its buttons decide; `runs`: those whose step they answer for."""

    channel: str
    ts: str
    delivery: str | None
    requests: tuple[str, ...]
    runs: tuple[str, ...]
    words: str


@dataclass(kw_only=True)
class Evidence:
    """`heads`: of the audit log, noted while it grew; `starts`: the runs that a start was answered with, by token."""

    database: Path
    starts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Decisions that somebody asked for, answered or not: request, address, verdict, edits as JSON."""
    claims: list[Claim] = field(default_factory=list)
    empty: list[Claim] = field(default_factory=list)
    """Clicks that were acknowledged while their request stood open, and nobody had said that the disk is full."""
    cancelled: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    """Runs of which somebody may have said `stop`: counted before it is said, like the next."""
    repeats: Counter[str] = field(default_factory=Counter)
    calls: list[Call] = field(default_factory=list)
    messages: list[Shown] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    export: str = ""
    """The audit log as the program exports it."""

    def rows(self, query: str, *given: object) -> list[sqlite3.Row]:
        """What the tables say."""
        return rows(self.database, query, *given)

    @cached_property
    def requests(self) -> dict[str, sqlite3.Row]:
        """By id."""
        return {row["id"]: row for row in self.rows("SELECT * FROM request")}

    @cached_property
    def runs(self) -> dict[str, sqlite3.Row]:
        """By id, with the name of the workflow."""
        found = self.rows("SELECT run.*, workflow.name FROM run JOIN workflow ON workflow.id = run.workflow")
        return {row["id"]: row for row in found}

    @cached_property
    def decisions(self) -> dict[str, list[sqlite3.Row]]:
        """By request."""
        found = defaultdict(list)
        for row in self.rows("SELECT * FROM decision"):
            found[row["request"]].append(row)
        return found

    @cached_property
    def answers(self) -> list[tuple[str, str]]:
        """Run and answer, of everybody who was heard on a step of unknown outcome, as the log has it."""
        found = self.rows("SELECT run, content FROM audit WHERE leaf LIKE '%\"run.resumed\"%'")
        return [(row["run"], json.loads(row["content"])["answer"]) for row in found]

    @cached_property
    def repeated(self) -> Counter[str]:
        """By run, how often somebody who was heard said `repeat`, and no more than was said."""
        return Counter(run for run, answer in self.answers if answer == "repeat") & self.repeats

    @cached_property
    def posted(self) -> Mapping[str, list[Shown]]:
        """Messages by the copy that they are."""
        found = defaultdict(list)
        for one in self.messages:
            if one.delivery is not None:
                found[one.delivery].append(one)
        return found

    def save(self, folder: Path) -> None:
        """Write it down for whoever looks into a finding."""
        left_out = ("database", "export")
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in left_out}
        text = json.dumps(told, default=_plain, indent=1)
        (folder / "evidence.json").write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else asdict(value)


def rows(database: Path, query: str, *given: object) -> list[sqlite3.Row]:
    """What the tables say, asked without a line of the product's code. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, given).fetchall()


def messages(world: World) -> Iterator[Shown]:
    """Every message that stands in the local Slack, in any conversation."""
    for found in world.messages.values():
        yield from map(shown, found)


def shown(message: Message) -> Shown:
    """What matters of a message."""
    buttons = [one for one in _elements(message.blocks) if one.get("type") == "button"]
    values = [one.get("value") for one in buttons]
    requests = [ref.request for value in values if (ref := ids.decode_ref(value)) is not None]
    runs = [about.run for value in values if (about := ids.decode_run(value)) is not None]
    payload = (message.metadata or {}).get("event_payload") or {}
    return Shown(
        channel=message.channel,
        ts=message.ts,
        delivery=payload.get("delivery"),
        requests=tuple(dict.fromkeys(requests)),
        runs=tuple(dict.fromkeys(runs)),
        words=" ".join(words(message.blocks)),
    )


def _elements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _elements(one)


def words(value: Any) -> Iterator[str]:
    """All text in blocks."""
    for one in _elements(value):
        if isinstance(one.get("text"), str):
            yield one["text"]
