"""Compares sampling plans and draws with the audit log.

A plan that says that only a share is reviewed, and a visit that went through without review, must have their entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, cast

from sqlalchemy import select

from engine import json_values
from engine.oversight.sampling_plan import PlanStage
from engine.store import sampling_plans
from engine.store.connection import Connection
from engine.store.sampling_tables import GateDrawRow, SamplingPlanRow
from engine.store.tables import AuditRow, RequestRow

_audit = AuditRow.__table__  # type: ignore[attr-defined]
_draw = GateDrawRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_plan = SamplingPlanRow.__table__  # type: ignore[attr-defined]
_PASSED: Final = "gate.sampled_out"
_OPENED: Final = "request.opened"
_RELAXED: Final = "autonomy.relaxed"
_ENDS: Final = frozenset({"autonomy.tightened", "autonomy.lapsed"})


class RunEntry(Protocol):
    """The parts of an entry about a run that are compared. `content` is None if it was erased."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def request(self) -> str | None: ...
    @property
    def content(self) -> dict[str, Any] | None: ...


def load_draws(connection: Connection, runs: Sequence[str]) -> Iterable[Any]:
    """Return the draws of these runs."""
    return connection.execute(select(_draw).where(_draw.c.run.in_(runs)))


def load_counted(connection: Connection, runs: Sequence[str]) -> Iterable[Any]:
    """Return the requests of these runs whose details may name the plan that counts them."""
    named = _request.c.details.contains('"plan":')
    return connection.execute(
        select(_request.c.id, _request.c.run, _request.c.details).where(_request.c.run.in_(runs), named)
    )


def compare_draws(run: str, rows: Sequence[Any], counted: Sequence[Any], entries: Sequence[RunEntry]) -> Iterator[str]:
    """Yield a sentence for every draw of a run that its entries do not tell of, and the other way round.

    `counted`: requests that may say which plan counts them.
    """
    passed = [entry for entry in entries if entry.kind == _PASSED]
    let_through = [row for row in rows if row.request is None]
    if len(passed) != len(let_through):
        yield (
            f"run {run} went through {len(let_through)} gates without review by the tables, "
            f"and {len(passed)} by its entries"
        )
    told = [entry.content for entry in passed if entry.content is not None]
    for row in let_through:
        if len(told) == len(passed) and not any(_is_told(row, content) for content in told):
            yield f"the draw of run {run} at step {row.step} is not what its entry says"
    opened = {entry.request: entry for entry in entries if entry.kind == _OPENED}
    for row in rows:
        entry = opened.get(row.request) if row.request is not None else None
        if entry is not None and entry.content is not None and not _is_opened(row, entry.content):
            yield f"the draw of request {row.request} is not what entry {entry.seq} says"
    for row in counted:
        entry, plan = opened.get(row.id), sampling_plans.plan_of(row.details)
        if entry is not None and entry.content is not None and plan != entry.content.get("autonomy", {}).get("plan"):
            yield f"request {row.id} is counted by another sampling plan than entry {entry.seq} says"


def _is_told(row: Any, content: Mapping[str, Any]) -> bool:
    names = ("plan", "visit", "digest")
    stored = (*(getattr(row, name) for name in names), row.number, bool(row.is_later))
    return stored == (*(content.get(name) for name in names), content.get("stage"), content.get("later"))


def _is_opened(row: Any, content: Mapping[str, Any]) -> bool:
    told = content.get("autonomy", {})
    return (row.plan, row.number, bool(row.is_sample)) == (told.get("plan"), told.get("stage"), told.get("sample"))


def compare_plans(connection: Connection, workspace: str) -> Iterator[str]:
    """Yield a sentence for every plan whose stage no entry tells of."""
    stages, is_erased = _stages(connection, workspace)
    for row in connection.execute(select(_plan).where(_plan.c.workspace == workspace).order_by(_plan.c.id)):
        told = stages.get(row.id)
        is_sample = row.stage == PlanStage.SAMPLE.value
        if is_sample and (told is None or told[1] is None):
            if not is_erased:
                yield f"by sampling plan {row.id} only a share is reviewed, and no entry says that anyone agreed"
        elif is_sample and told != (row.number, row.commitment):
            yield f"the stage of sampling plan {row.id} is not the one that its entry says"
        elif not is_sample and told is not None and told[1] is not None:
            yield f"by the entries only a share is reviewed of sampling plan {row.id}, and everything by the tables"


def _stages(connection: Connection, workspace: str) -> tuple[dict[str, tuple[int, str | None]], bool]:
    """Return the last stage of each plan by its entries, with the commitment while it lasts.

    And whether the contents of some were erased.
    """
    rows = connection.execute(
        select(_audit.c.leaf, _audit.c.content)
        .where(_audit.c.workspace == workspace, _audit.c.leaf.contains('"kind":"autonomy.'))
        .order_by(_audit.c.seq)
    )
    stages: dict[str, tuple[int, str | None]] = {}
    is_erased = False
    for row in rows:
        kind = cast("dict[str, Any]", json_values.loads(row.leaf))["kind"]
        if kind != _RELAXED and kind not in _ENDS:
            continue
        if row.content is None:
            is_erased = True
            continue
        content = cast("dict[str, Any]", json_values.loads(row.content))
        stages[content["plan"]] = (content["stage"], content.get("commitment") if kind == _RELAXED else None)
    return stages, is_erased
