"""The evidence of recommendations, counted from the entries of the audit log: where a test begins, and what it counts.

A test that may be looked at whenever people like has to begin at a moment that its own numbers do not choose. So it
begins with a version of a workflow, and anew when people say no to what was recommended. It never forgets the oldest
numbers, as a window of some weeks would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Table, bindparam, select, update

from engine.audit_entries import EntryKind
from engine.domain import RequestState
from engine.domain.oversight import OversightPurpose
from engine.insights import GateEvidence
from engine.recommendations import RecommendationKind
from engine.store import oversight_rows
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.insight_facts import LogLeaf
from engine.store.insight_tables import EvidenceCountRow
from engine.store.port import Tx
from engine.store.statements import Statement

TestedGate: TypeAlias = tuple[str, int, str]
"""A workflow, its version and a step."""
NUMBERS: Final[Mapping[RecommendationKind, tuple[str, str]]] = {
    RecommendationKind.SAMPLE: ("decided", "corrected"),
    RecommendationKind.DROP_REMINDER: ("before", "after"),
}
"""The columns that each recommendation is tested with."""
_ALL: Final = tuple(name for names in NUMBERS.values() for name in names)

_evidence: Final[Table] = EvidenceCountRow.__table__  # type: ignore[attr-defined]
_ADD = Statement(Upsert(_evidence, key=["workspace", "workflow", "version", "step"], adds=_ALL))
_RESTART = {
    kind: Statement(
        update(_evidence)
        .where(*(_evidence.c[name] == bindparam(f"of_{name}") for name in ("workspace", "workflow", "step")))
        .values(**{name: bindparam(f"no_{name}") for name in names})
    )
    for kind, names in NUMBERS.items()
}


class EvidenceBatch:
    """The evidence in some entries of the log, until it is written together. Add it in the order of the log."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._counts: dict[TestedGate, Counter[str]] = defaultdict(Counter)
        self._restarts: set[tuple[str, str, RecommendationKind]] = set()

    def add(self, gate: TestedGate, **numbers: int) -> None:
        """Count a case of a gate."""
        self._counts[gate].update(numbers)

    def restart(self, workflow: str, step: str, kind: RecommendationKind) -> None:
        """Begin a test anew: forget what was counted so far, here and in the table."""
        self._restarts.add((workflow, step, kind))
        for gate, counts in self._counts.items():
            if (gate[0], gate[2]) == (workflow, step):
                for name in NUMBERS[kind]:
                    del counts[name]

    def write(self, tx: Tx) -> None:
        """Add the evidence to the table."""
        for workflow, step, kind in sorted(self._restarts):
            key = {"of_workspace": self._workspace, "of_workflow": workflow, "of_step": step}
            _RESTART[kind].write(tx.connection, key | {f"no_{name}": 0 for name in NUMBERS[kind]})
        rows = [
            {"workspace": self._workspace, "workflow": workflow, "version": version, "step": step}
            | {name: counts[name] for name in _ALL}
            for (workflow, version, step), counts in sorted(self._counts.items())
            if any(counts.values())
        ]
        _ADD.write_all(tx.connection, rows)


def refusals(tx: Tx, entries: Sequence[tuple[int, LogLeaf]]) -> dict[int, list[tuple[str, str, RecommendationKind]]]:
    """Return the tests that begin anew, by the number of the entry that tells that people said no to a change."""
    ended = {seq: leaf.run for seq, leaf in entries if leaf.kind == EntryKind.OVERSIGHT_ENDED and leaf.run is not None}
    rows = oversight_rows.load_by_runs(tx.connection, sorted({*ended.values()})) if ended else {}
    refused = {
        run: row
        for run, row in rows.items()
        if row.purpose is OversightPurpose.CHANGE_GATE and row.state is RequestState.REJECTED
    }
    return {seq: [*_tests_of(refused[run])] for seq, run in ended.items() if run in refused}


def _tests_of(row: oversight_rows.OversightRow) -> Iterator[tuple[str, str, RecommendationKind]]:
    """Yield the tests that a refused change came from. After an erasure it is not known which: all of the gate."""
    assert row.about.workflow is not None
    assert row.about.step is not None
    for kind in RecommendationKind:
        if row.facts.get("kind", kind) == kind:
            yield row.about.workflow, row.about.step, kind


def load(connection: Connection, workspace: str, gates: Mapping[str, Any]) -> dict[tuple[str, str], GateEvidence]:
    """Return the evidence about the current versions of these workflows, by workflow and step.

    `gates`: the rows of the workflows by id, with their `version`.
    """
    wanted = select(_evidence).where(_evidence.c.workspace == workspace, _evidence.c.workflow.in_(gates))
    return {
        (row.workflow, row.step): GateEvidence(**{name: getattr(row, name) for name in _ALL})
        for row in connection.execute(wanted).all()
        if row.version == gates[row.workflow].version
    }
