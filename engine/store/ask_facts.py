"""What a request tells about the program that asks, in its `details`, and what became of its approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import convert, to_builtins
from sqlalchemy import select

from engine.domain.ask_facts import AskFacts, AskGrant
from engine.domain.asks import AskStatus, OutcomeStatus
from engine.json_values import Value
from engine.requests import Opening
from engine.store.ask_tables import AskRow
from engine.store.connection import Connection

ASK: Final = "ask"
"""The key in `details`. Only requests of asks have it."""
_ask = AskRow.__table__  # type: ignore[attr-defined]


def details(opening: Opening) -> dict[str, Value]:
    """Return the values for `details`; none for a request that no program asks."""
    # All of it comes from the workflow file, and from the ask, whose text was cleaned as it came in.
    return {} if opening.ask is None else {ASK: to_builtins(opening.ask)}


def read(details: Mapping[str, Any]) -> AskFacts | None:
    """Return what `details` wrote."""
    return convert(details[ASK], AskFacts) if ASK in details else None


def load_grants(connection: Connection, runs: Sequence[str]) -> dict[str, AskGrant]:
    """Return what became of the approvals of asks, by run."""
    rows = connection.execute(select(_ask).where(_ask.c.run.in_(runs))).all() if runs else []
    return {
        row.run: AskGrant(
            status=AskStatus(row.status),
            valid_until=row.valid_until,
            consumed_at=row.consumed_at,
            outcome=None if row.outcome is None else OutcomeStatus(row.outcome),
            outcome_at=row.outcome_at,
            note=row.note,
        )
        for row in rows
    }
