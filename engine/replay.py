"""Replays a changed file over what was recorded: at which visits its gates open, without any effect. Pure.

Only what was recorded is evaluated: inputs, what steps returned, and what programs asked. What cannot be evaluated
counts as opened, because that is how a gate treats it, and is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, cast

from msgspec import Struct, field

from engine import json_values, requests, timestamps
from engine.domain import ReviewPoint
from engine.identifiers import in_words
from engine.json_values import Value
from engine.runs import asked_content, branches
from engine.workflowfile import Gate, Step, Workflow
from engine.workflowfile.rule import RULES

MAX_LISTED: Final = 1000
"""Number of missed requests that a report lists."""
_REBUILT: Final = frozenset({"inputs", "ask", "steps", "run", "trigger"})
"""The names whose values were recorded as they were."""


class Correction(StrEnum):
    """What people did other than to approve what was proposed."""

    REJECTED = "rejected"
    EDITED = "edited"
    CHANGES_REQUESTED = "changes_requested"
    UNDONE = "undone"


class RecordedVisit(Struct, frozen=True, kw_only=True):
    """A visit of a run to a step, as it was recorded. JSON stays text until an expression reads it.

    `request`: what the visit asked, if its gate opened. `outputs`: what earlier steps had returned by then, by step.
    `is_item`: it is about an item of a foreach.
    """

    run: str
    step: str
    started_at: datetime
    requester: str
    inputs: str
    has_output: bool
    is_erased: bool = False
    is_item: bool = False
    request: str | None = None
    correction: Correction | None = None
    outputs: Mapping[str, Value] = {}


class Replayed(Struct, frozen=True):
    """What the changed file does at a visit. `unknown`: why that could not be evaluated, or an empty text."""

    opens: bool
    unknown: str = ""
    asked: tuple[str, ...] = ()


class MissedCorrection(Struct, frozen=True):
    """A request that people corrected, and that the changed file would not have opened."""

    request: str
    run: str
    step: str
    correction: Correction


class ReplayReport(Struct, kw_only=True):
    """What the changed file would have done, counted. `asked`: how often which people."""

    visits: int = 0
    opened: int = 0
    would_open: int = 0
    saved: int = 0
    added: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    asked: Counter[tuple[str, ...]] = field(default_factory=Counter)
    missed: Counter[Correction] = field(default_factory=Counter)
    listed: list[MissedCorrection] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None

    def add(self, visit: RecordedVisit, replayed: Replayed) -> None:
        """Count a visit. Visits come newest first."""
        self.visits += 1
        self.since, self.until = visit.started_at, self.until or visit.started_at
        self.opened += visit.request is not None
        self.would_open += replayed.opens
        self.saved += visit.request is not None and not replayed.opens
        self.added += visit.request is None and replayed.opens
        if replayed.unknown:
            self.unknown[replayed.unknown] += 1
        if replayed.opens:
            self.asked[replayed.asked] += 1
        elif visit.request is not None and visit.correction is not None:
            self._add_missed(MissedCorrection(visit.request, visit.run, visit.step, visit.correction))

    def _add_missed(self, missed: MissedCorrection) -> None:
        self.missed[missed.correction] += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(missed)


class GateReplay:
    """Evaluates the gates of one file over recorded visits."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._steps = {step.id: step for step in workflow.steps}
        self._rules = self._steps.get(RULES)
        self._plans = {step.id: _GatePlan(step.gate) for step in workflow.steps if step.gate is not None}

    @cached_property
    def steps_with_gates(self) -> frozenset[str]:
        """The ids of the steps whose gates may open."""
        return frozenset(self._plans)

    @property
    def has_rules(self) -> bool:
        """Whether a recorded ask may come to another step than it did."""
        return self._rules is not None

    @cached_property
    def steps_read(self) -> frozenset[str]:
        """The ids of the steps whose output a gate reads."""
        read = (path for plan in self._plans.values() for path in plan.references if path[0] == "steps")
        return frozenset(str(path[1]) for path in read if len(path) > 1)

    def report(self, visits: Iterable[RecordedVisit]) -> ReplayReport:
        """Replay visits, the newest first, and count what comes of them."""
        report = ReplayReport()
        for visit in visits:
            replayed = self.replay(visit)
            if replayed is not None:
                report.add(visit, replayed)
        return report

    def replay(self, visit: RecordedVisit) -> Replayed | None:
        """Return what the file does at a visit, or None if the visit never came to the point of the gate."""
        if self._rules is not None:
            return self._replay_rules(self._rules, visit)
        step = self._steps.get(visit.step)
        if step is None:
            return Replayed(opens=True, unknown=f"The file has no step “{in_words(visit.step)}”.")
        if step.gate is None:
            return Replayed(opens=False)
        plan = self._plans[step.id]
        if plan.gate.at is ReviewPoint.AFTER and not visit.has_output:
            return _never_ran(plan) if visit.request is not None else None
        return self._evaluate(plan, visit, "")

    def _replay_rules(self, rules: Step, visit: RecordedVisit) -> Replayed:
        """Return what the rules of the file do about a recorded ask."""
        if visit.is_erased:
            return Replayed(opens=True, unknown=_ERASED)
        names = self._names(visit, _ASK_ROOTS)
        path, output = branches.choose(rules, names)
        assert path is not None, "the last path is for asks that no rule matches"
        step = self._workflow.steps[path.steps.start]
        if step.gate is None:
            return Replayed(opens=False)
        return self._evaluate(self._plans[step.id], visit, str(output.get(branches.DOUBT) or ""))

    def _evaluate(self, plan: _GatePlan, visit: RecordedVisit, doubt: str) -> Replayed:
        if plan.is_constant:
            return Replayed(opens=True, unknown=doubt, asked=plan.always_asked)
        why = plan.not_replayed or (_ITEM if visit.is_item else "") or (_ERASED if visit.is_erased else "")
        if why:
            return Replayed(opens=True, unknown=why, asked=plan.always_asked)
        names = self._names(visit, plan.roots)
        opens = doubt or requests.wanted(plan.gate, names)
        if opens is False:
            return Replayed(opens=False)
        asked = plan.always_asked if plan.asks_same else requests.asked_people(plan.gate, names)
        return Replayed(opens=True, unknown=opens if isinstance(opens, str) else "", asked=asked)

    def _names(self, visit: RecordedVisit, roots: frozenset[str]) -> dict[str, Value]:
        """Return the names that the expressions of a gate read, as they were at the visit."""
        names: dict[str, Value] = {"trigger": {}, "steps": {**visit.outputs}}
        if "inputs" in roots:
            names["inputs"] = {} if self._workflow.is_asked else json_values.loads(visit.inputs)
        if "ask" in roots:
            names["ask"] = asked_content.as_read(cast("dict[str, Value]", json_values.loads(visit.inputs)))
        if "run" in roots:
            names["run"] = {
                "id": visit.run,
                "workflow": self._workflow.name,
                "requester": visit.requester,
                "started_at": timestamps.iso(visit.started_at),
            }
        return names


_ASK_ROOTS: Final = frozenset({"ask", "inputs", "run"})
_ERASED: Final = "The contents of the run were erased."
_ITEM: Final = "The gate is about an item of a foreach, and its condition reads more than is recorded with the item."


class _GatePlan:
    """What of a gate has to be evaluated at each visit; the rest is worked out once."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        read = [*gate.people, *(text for text in (gate.when, gate.policy_choice) if text is not None)]
        self.references: frozenset[tuple[Any, ...]] = frozenset(path for text in read for path in text.references)
        self.roots = frozenset(str(path[0]) for path in self.references)
        people = [text for text in (*gate.people, gate.policy_choice) if text is not None]
        self.asks_same = all(text.is_literal for text in people)
        self.always_asked = requests.asked_people(gate, {}) if self.asks_same else ()
        self.is_constant = self.asks_same and gate.when is None and gate.risk is None
        self.not_replayed = self._not_replayed()

    def _not_replayed(self) -> str:
        """Return why this gate cannot be evaluated from what was recorded, or an empty text."""
        if self.gate.risk is not None:
            return "The gate tells a risk, which a replay does not know."
        names = sorted(self.roots - _REBUILT)
        return f"The gate reads {' and '.join(f'“{name}”' for name in names)}, which a replay does not know." * bool(
            names
        )


def _never_ran(plan: _GatePlan) -> Replayed:
    why = "The step never returned anything, so there is no output to ask about."
    return Replayed(opens=True, unknown=why, asked=plan.always_asked)
