"""Finds an ask for the program that made it. To any other it does not exist, and that it tried goes on the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from engine.audit_entries import EntryKind, entry
from engine.domain import Address, NotFound, Origin
from engine.json_values import Value
from engine.store import ask_rows, people, run_rows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun


class OwnAsk(Struct, frozen=True):
    """An ask of the program that acts, with its run. `row`: beside the run."""

    row: Any
    run: LoadedRun


class AskCommand(Protocol):
    """A command of a program about what it asked."""

    @property
    def ask(self) -> str:
        """The id of the ask, or what the program calls it."""

    @property
    def actor(self) -> Address:
        """The program."""

    @property
    def origin(self) -> Origin:
        """Where the command came from."""

    @property
    def workspace(self) -> str:
        """The workspace of the ask."""


def find(tx: Tx, command: AskCommand, *, tried: str) -> OwnAsk | NotFound:
    """Return the ask of this program. `tried`: what the command does, for the record."""
    row = ask_rows.load(tx.connection, command.workspace, command.actor, command.ask)
    if row is not None and row.asker == ask_rows.written(command.actor):
        run = run_rows.load_run(tx, row.run)
        assert run is not None
        return OwnAsk(row, run)
    if row is not None:
        refuse(tx, row, command.actor, command.origin, tried=tried, why="foreign")
    return NotFound(what="ask", name=command.ask)


def refuse(
    tx: Tx,
    row: Any,
    actor: Address,
    origin: Origin,
    *,
    tried: str,
    why: str,
    content: Mapping[str, Value] | None = None,
) -> None:
    """Record what a program tried to do with an ask, and may not."""
    about = {**(content or {}), "tried": tried, "why": why, "asker": ask_rows.written(actor)}
    record(tx, row, EntryKind.ASK_REFUSED, actor, origin, about)


def refuse_to_show(tx: Tx, workspace: str, ask: str, actor: Address) -> None:
    """Record that a program looked for the ask of another."""
    row = ask_rows.load(tx.connection, workspace, actor, ask)
    if row is not None:
        refuse(tx, row, actor, Origin(surface="api"), tried="read", why="foreign")


def record(tx: Tx, row: Any, kind: EntryKind, actor: Address, origin: Origin, content: Mapping[str, Value]) -> None:
    """Append an entry about what a program did."""
    program = people.find_person_cached(tx, row.workspace, actor)
    where: dict[str, Value] = {"surface": origin.surface, "place": dict[str, Value](origin.place)}
    known = {name: value for name, value in {**content, **where}.items() if value not in (None, {})}
    tx.audit(row.workspace, entry(kind, run=row.run, step=row.step, actor=program, content=known))
