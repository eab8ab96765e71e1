"""The calls of language models, with what they used. Written before and after a call, so that each one counts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from engine.language_model import ModelCall
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ModelCallRow

_call = ModelCallRow.__table__  # type: ignore[attr-defined]
_OF_RUN = select(_call).where(_call.c.run == bindparam("run")).order_by(_call.c.step, _call.c.visit, _call.c.number)
_ALL = Statement(_OF_RUN)
_OF_VISIT = Statement(_OF_RUN.where(_call.c.step == bindparam("step"), _call.c.visit == bindparam("visit")))
_NEW = Statement(insert(_call))
_END = Statement(
    update(_call)
    .where(
        _call.c.run == bindparam("held"),
        _call.c.step == bindparam("of_step"),
        _call.c.visit == bindparam("of_visit"),
        _call.c.number == bindparam("of_number"),
    )
    .values(
        model=bindparam("new_model"),
        answered_at=bindparam("new_answered_at"),
        input_tokens=bindparam("new_input_tokens"),
        output_tokens=bindparam("new_output_tokens"),
        cost=bindparam("new_cost"),
        problem=bindparam("new_problem"),
    )
)


def load_of_run(connection: Connection, run: str) -> Mapping[tuple[str, int], tuple[ModelCall, ...]]:
    """Return the calls of a run by step and visit, the oldest first."""
    calls: dict[tuple[str, int], tuple[ModelCall, ...]] = {}
    for row in _ALL.all(connection, {"run": run}):
        calls[row.step, row.visit] = (*calls.get((row.step, row.visit), ()), _read(row))
    return calls


def load_of_visit(connection: Connection, run: str, step: str, visit: int) -> tuple[ModelCall, ...]:
    """Return the calls of one visit to a step, the oldest first."""
    rows = _OF_VISIT.all(connection, {"run": run, "step": step, "visit": visit})
    return tuple(map(_read, rows))


def begin(tx: Tx, run: str, step: str, visit: int, *, attempt: int, model: str, max_tokens: int) -> int:
    """Write that a call is about to be made, and return its number in the visit."""
    number = len(_OF_VISIT.all(tx.connection, {"run": run, "step": step, "visit": visit})) + 1
    tx.write(
        _NEW,
        {
            "run": run,
            "step": step,
            "visit": visit,
            "number": number,
            "attempt": attempt,
            "model": model,
            "max_tokens": max_tokens,
            "asked_at": tx.now,
        },
    )
    return number


def end(tx: Tx, run: str, step: str, visit: int, call: ModelCall) -> None:
    """Write what a call answered."""
    tx.write(
        _END,
        {
            "held": run,
            "of_step": step,
            "of_visit": visit,
            "of_number": call.number,
            "new_model": call.model,
            "new_answered_at": call.answered_at,
            "new_input_tokens": call.input_tokens,
            "new_output_tokens": call.output_tokens,
            "new_cost": None if call.cost is None else f"{call.cost:f}",
            "new_problem": call.problem,
        },
    )


def _read(row: Any) -> ModelCall:
    return ModelCall(
        number=row.number,
        attempt=row.attempt,
        model=row.model,
        max_tokens=row.max_tokens,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost=None if row.cost is None else Decimal(row.cost),
        problem=row.problem,
    )
