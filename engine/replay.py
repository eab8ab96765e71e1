"""Replays a changed file over what was recorded: at which visits its gates open, without any effect. Pure.

Only what was recorded is evaluated: inputs, what steps returned, and what programs asked. What cannot be evaluated
counts as opened, because that is how a gate treats it, and is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

from msgspec import Struct, field
from msgspec.structs import replace

from engine import json_values, requests, timestamps
from engine.domain import Params, ReviewPoint
from engine.errors import ExpressionError
from engine.identifiers import in_words
from engine.json_values import Value
from engine.oversight import draw, sampling_plan
from engine.oversight.sampling_plan import NEW, PlanStage, PlanState, SamplingPlan
from engine.runs import asked_content, branches
from engine.workflowfile import Autonomy, Gate, Step, Workflow
from engine.workflowfile.rule import RULES

MAX_LISTED: Final = 1000
"""Number of missed requests that a report lists."""
_REBUILT: Final = frozenset({"inputs", "ask", "steps", "run", "trigger", "content"})
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
    `is_item`: it is about an item of a foreach. `content`, `params`, `output`: what was asked, called and
    returned, if a gate reads its content. `is_own`: the person decided who had started the run. `edited`: the fields
    that were changed, by dotted path, if a gate calls some of them minor and it is known.
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
    visit: int = 1
    is_own: bool = False
    edited: tuple[str, ...] | None = None
    content: str | None = None
    params: str | None = None
    output: str | None = None

    @property
    def key(self) -> str:
        """The key under which the visit is drawn."""
        return draw.visit_key(self.run, self.step, self.visit)

    def without_contents(self) -> RecordedVisit:
        """Return what a report needs of it, in little memory."""
        return replace(self, inputs="", outputs={}, content=None, params=None, output=None)


class Replayed(Struct, frozen=True):
    """What the changed file does at a visit. `unknown`: why that could not be evaluated, or an empty text.

    `counted`: what a sampling plan counts by itself, if one may let this through. `is_sampled_out`: one does.
    """

    opens: bool
    unknown: str = ""
    asked: tuple[str, ...] = ()
    counted: tuple[str, ...] | None = None
    is_sampled_out: bool = False


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
    sampled_out: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    asked: Counter[tuple[str, ...]] = field(default_factory=Counter)
    missed: Counter[Correction] = field(default_factory=Counter)
    listed: list[MissedCorrection] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None

    def add(self, visit: RecordedVisit, replayed: Replayed) -> None:
        """Count a visit."""
        self.visits += 1
        at = visit.started_at
        self.since, self.until = min(self.since or at, at), max(self.until or at, at)
        self.opened += visit.request is not None
        self.would_open += replayed.opens
        self.saved += visit.request is not None and not replayed.opens
        self.added += visit.request is None and replayed.opens
        self.sampled_out += replayed.is_sampled_out
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


Review: TypeAlias = Callable[[PlanState], PlanState]
"""What a review makes of the state of a sampling plan."""


class ReplayedPlan:
    """A sampling plan over recorded requests, the oldest first, as if people had agreed to each proposal at once."""

    def __init__(self, plan: SamplingPlan) -> None:
        self._plan, self._state = plan, NEW

    def lets_through(self, key: str, count: Review | None) -> bool:
        """Return whether a visit goes through without review. `count`: what people said; None: they were not asked."""
        salt = draw.salt_of(_SALT, "", self._state.number)
        if self._state.stage is PlanStage.SAMPLE and not draw.is_drawn(salt, key, self._plan.share):
            return True
        if count is not None:
            self._state = count(self._state)
        if sampling_plan.may_propose(self._plan, self._state):
            proposed = sampling_plan.after_proposal(self._state, _SALT.decode(), _AGREED_AT)
            self._state = sampling_plan.after_agreement(self._plan, proposed, _SALT.decode(), person="", now=_AGREED_AT)
        return False


_SALT: Final = b"replay"
"""What a replay draws with: the same each time, and never that of a server."""
_AGREED_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)


class GateReplay:
    """Evaluates the gates of one file over recorded visits."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._steps = {step.id: step for step in workflow.steps}
        self._rules = self._steps.get(RULES)
        self._gates = {step.id: _ReplayedGate(step.id, step.gate) for step in workflow.steps if step.gate is not None}

    @cached_property
    def steps_with_gates(self) -> frozenset[str]:
        """The ids of the steps whose gates may open."""
        return frozenset(self._gates)

    @property
    def has_rules(self) -> bool:
        """Whether a recorded ask may come to another step than it did."""
        return self._rules is not None

    @cached_property
    def reads_content(self) -> bool:
        """Whether a gate reads what it asks about."""
        return any(gate.reads_content for gate in self._gates.values())

    @cached_property
    def reads_edits(self) -> bool:
        """Whether a gate tells minor changes from others."""
        written = (step.gate.autonomy for step in self._workflow.steps if step.gate is not None)
        return any(autonomy.minor for autonomy in written if autonomy is not None)

    @cached_property
    def steps_read(self) -> frozenset[str]:
        """The ids of the steps whose output a gate reads."""
        read = (path for gate in self._gates.values() for path in gate.references if path[0] == "steps")
        return frozenset(str(path[1]) for path in read if len(path) > 1)

    def report(self, visits: Iterable[RecordedVisit]) -> ReplayReport:
        """Replay visits, the newest first, and count what comes of them."""
        report, counted = ReplayReport(), list[tuple[RecordedVisit, Replayed]]()
        for visit in visits:
            done = self.replay(visit)
            if done is not None and done.counted is not None:
                # A sampling plan begins with the oldest, so these wait, without their contents.
                counted.append((visit.without_contents(), done))
            elif done is not None:
                report.add(visit, done)
        for visit, done in reversed([*self._sampled(reversed(counted))]):
            report.add(visit, done)
        return report

    def _sampled(self, counted: Iterable[tuple[RecordedVisit, Replayed]]) -> Iterator[tuple[RecordedVisit, Replayed]]:
        """Yield the visits, the oldest first, with what sampling plans would have let through."""
        plans: dict[tuple[str, ...], ReplayedPlan] = {}
        for visit, done in counted:
            assert done.counted is not None
            gate = self._gates[done.counted[0]]
            plan = plans.setdefault(done.counted, ReplayedPlan(gate.autonomy.plan))
            passes = plan.lets_through(visit.key, gate.review(visit))
            yield visit, Replayed(opens=False, is_sampled_out=True) if passes else done

    def replay(self, visit: RecordedVisit) -> Replayed | None:
        """Return what the file does at a visit, or None if the visit never came to the point of the gate."""
        if self._rules is not None:
            return self._replay_rules(self._rules, visit)
        step = self._steps.get(visit.step)
        if step is None:
            return Replayed(opens=True, unknown=f"The file has no step “{in_words(visit.step)}”.")
        if step.gate is None:
            return Replayed(opens=False)
        gate = self._gates[step.id]
        if gate.gate.at is ReviewPoint.AFTER and not visit.has_output:
            return _never_ran(gate) if visit.request is not None else None
        return self._evaluate(gate, visit, "")

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
        return self._evaluate(self._gates[step.id], visit, str(output.get(branches.DOUBT) or ""))

    def _evaluate(self, gate: _ReplayedGate, visit: RecordedVisit, doubt: str) -> Replayed:
        if gate.is_constant:
            return Replayed(opens=True, unknown=doubt, asked=gate.always_asked)
        why = gate.not_replayed or (_ITEM if visit.is_item else "") or (_ERASED if visit.is_erased else "")
        content = self._content(gate, visit) if gate.reads_content and not why else Params({})
        if why or content is None:
            return Replayed(opens=True, unknown=why or _NO_CONTENT, asked=gate.always_asked)
        names = self._names(visit, gate.roots)
        opens = doubt or requests.wanted(gate.gate, names)
        if opens is True and requests.passes(gate.gate, content, names) is not None:
            opens = False
        if opens is False:
            return self._left_to_people(gate, visit)
        return Replayed(
            opens=True,
            unknown=opens if isinstance(opens, str) else "",
            asked=gate.asked(content, names),
            counted=gate.counted(names) if opens is True and visit.visit == 1 else None,
        )

    def _left_to_people(self, gate: _ReplayedGate, visit: RecordedVisit) -> Replayed:
        """Return what happens where the gate does not open: people give what a program left to them, all the same."""
        left = self._workflow.is_asked and asked_content.left_to_people(_ask(visit))
        return Replayed(opens=True, asked=gate.always_asked) if left else Replayed(opens=False)

    def _content(self, gate: _ReplayedGate, visit: RecordedVisit) -> Params | None:
        """Return what the gate asks about, or None if it was not recorded."""
        if self._workflow.is_asked:
            return Params(asked_content.arguments(_ask(visit)))
        stored = visit.content or (None if gate.gate.at is ReviewPoint.AFTER else visit.params)
        if stored is not None:
            return Params.from_value(json_values.loads(stored))
        # A step that only sets values returns its parameters, which are not kept.
        return Params(cast("dict[str, Value]", json_values.loads(visit.output))) if visit.output is not None else None

    def _names(self, visit: RecordedVisit, roots: frozenset[str]) -> dict[str, Value]:
        """Return the names that the expressions of a gate read, as they were at the visit."""
        names: dict[str, Value] = {"trigger": {}, "steps": {**visit.outputs}}
        if "inputs" in roots:
            names["inputs"] = {} if self._workflow.is_asked else json_values.loads(visit.inputs)
        if "ask" in roots:
            names["ask"] = asked_content.as_read(_ask(visit))
        if "run" in roots:
            names["run"] = {
                "id": visit.run,
                "workflow": self._workflow.name,
                "requester": visit.requester,
                "started_at": timestamps.iso(visit.started_at),
            }
        return names


def _ask(visit: RecordedVisit) -> dict[str, Value]:
    return cast("dict[str, Value]", json_values.loads(visit.inputs))


_ASK_ROOTS: Final = frozenset({"ask", "inputs", "run"})
_ERASED: Final = "The contents of the run were erased."
_ITEM: Final = "The gate is about an item of a foreach, and its condition reads more than is recorded with the item."
_NO_CONTENT: Final = "The gate reads its content, which was not recorded because no one was asked."


class _ReplayedGate:
    """What of a gate has to be evaluated at each visit; the rest is worked out once."""

    def __init__(self, step: str, gate: Gate) -> None:
        self.step, self.gate = step, gate
        people = [text for variant in gate.variants for text in (*variant.people, variant.policy_choice)]
        asked = [text for text in people if text is not None]
        plan = (gate.autonomy.only_when, gate.autonomy.class_) if gate.autonomy is not None else ()
        parts = (*gate.risk.parts.values(),) if gate.risk is not None else ()
        read = (*asked, *(text for text in (gate.when, *plan, *parts) if text is not None))
        self.references: frozenset[tuple[Any, ...]] = frozenset(path for text in read for path in text.references)
        self.roots = frozenset(str(path[0]) for path in self.references)
        self.reads_content = gate.risk is not None
        self.asks_same = len(gate.variants) == 1 and all(text.is_literal for text in asked)
        self.always_asked = requests.asked_people(gate, {}) if self.asks_same else ()
        self.is_constant = self.asks_same and gate.when is None and gate.risk is None and gate.autonomy is None
        names = [f"“{name}”" for name in sorted(self.roots - _REBUILT)]
        self.not_replayed = f"The gate reads {' and '.join(names)}, which a replay does not know." if names else ""

    def asked(self, content: Params, names: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the people that the gate asks about this content."""
        return (
            self.always_asked
            if self.asks_same
            else requests.asked_people(requests.at_risk(self.gate, content, names)[0], names)
        )

    @property
    def autonomy(self) -> Autonomy:
        """What may go through without review, once people agree."""
        autonomy = self.gate.autonomy
        assert autonomy is not None
        return autonomy

    def review(self, visit: RecordedVisit) -> Review | None:
        """Return what the sampling plan counts of a visit, as the engine does; None if no one was asked."""
        if visit.request is None:
            return None
        is_minor = visit.edited is not None and self.autonomy.is_minor(visit.edited)
        if visit.correction is not None and not (visit.correction is Correction.EDITED and is_minor):
            return sampling_plan.after_correction
        return sampling_plan.after_own_approval if visit.is_own else sampling_plan.after_review

    def counted(self, names: Mapping[str, Value]) -> tuple[str, ...] | None:
        """Return what the sampling plan counts by itself, or None for what may never go through without review."""
        autonomy = self.gate.autonomy
        if autonomy is None:
            return None
        try:
            if autonomy.only_when is not None and not requests.gate_condition(autonomy.only_when, names):
                return None
            class_ = autonomy.class_.render(names) if autonomy.class_ is not None else None
        except ExpressionError:
            return None
        return self.step, json_values.dumps(class_)


def _never_ran(gate: _ReplayedGate) -> Replayed:
    why = "The step never returned anything, so there is no output to ask about."
    return Replayed(opens=True, unknown=why, asked=gate.always_asked)
