"""Compares oversight requests with the audit log: who can write the tables could let one be about something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import select

from engine.domain import RequestState
from engine.store.connection import Connection
from engine.store.oversight_tables import OversightRequestRow

_oversight = OversightRequestRow.__table__  # type: ignore[attr-defined]
_ABOUT: Final = ("run", "request", "workflow", "version", "step")


class OversightEntry(Protocol):
    """An entry of the log. `content` is None if it was erased."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def content(self) -> dict[str, Any] | None: ...


def load(connection: Connection, runs: Sequence[str]) -> Sequence[Any]:
    """Return the rows of oversight requests of these runs."""
    return connection.execute(select(_oversight).where(_oversight.c.run.in_(runs))).all()


def differences(
    run: str, rows: Sequence[Any], requests: Sequence[Any], entries: Sequence[OversightEntry]
) -> Iterator[str]:
    """Yield a sentence for every difference between the oversight request of a run, its request and its entries."""
    opened = [entry for entry in entries if entry.kind == "oversight.opened"]
    ended = [entry for entry in entries if entry.kind == "oversight.ended"]
    if len(opened) != len(rows):
        yield f"run {run} has {len(rows)} oversight requests in the tables, and {len(opened)} by its entries"
    for row in rows:
        for entry in opened:
            if entry.content is not None and _differs(row, entry.content):
                yield f"oversight request {run} is about something else in the tables than entry {entry.seq} says"
        yield from _compare_end(run, row, requests, ended)


def _differs(row: Any, content: dict[str, Any]) -> bool:
    about = {name: value for name in _ABOUT if (value := getattr(row, f"about_{name}")) is not None}
    return (row.purpose, about) != (content.get("purpose"), content.get("about", {}))


def _compare_end(run: str, row: Any, requests: Sequence[Any], ended: Sequence[OversightEntry]) -> Iterator[str]:
    if len(ended) != (row.state is not None):
        yield f"oversight request {run} is {row.state or 'open'} in the tables, and ended {len(ended)} times by entries"
    for entry in ended:
        if entry.content is not None and entry.content.get("state") != row.state:
            yield f"oversight request {run} is {row.state} in the tables, and entry {entry.seq} says otherwise"
    for request in requests:
        if request.state != (row.state or RequestState.PENDING.value):
            yield f"oversight request {run} is {row.state or 'open'} in the tables, and its request is {request.state}"
