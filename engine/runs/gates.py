"""The transitions at a gate: it opens, it does not apply, or its sampling plan lets the run through without review."""

from __future__ import annotations

from abc import ABC
from typing import Final

from msgspec.structs import replace

from engine import requests
from engine.audit_entries import EntryKind
from engine.domain import Params, PolicyKind, ReviewPoint, RunStatus, StepStatus
from engine.errors import ExpressionError
from engine.json_values import Value
from engine.oversight import draw
from engine.oversight.draw import GateDraw
from engine.runs import asked_content
from engine.runs.grants import Grants
from engine.runs.state import Event, ReviewResult, Visit
from engine.workflowfile import Autonomy, Gate, Step
from engine.workflowfile.step_kinds import Nature

# A module name, because it is read at each gate, and reading a member of an enum class takes longer.
_GRANT: Final = Nature.GRANT
MAX_CLASS: Final = 200
"""Maximum length of the name of what a plan counts by itself, in characters."""


class Gates(Grants, ABC):
    """Moves a run to a gate and past it."""

    def try_open(self, step: Step, visit: Visit, at: ReviewPoint, content: Params, names: dict[str, Value]) -> bool:
        """Open the gate of the step if it is at this point and applies. Return whether the run stops at it."""
        gate = step.gate
        if gate is None or gate.at is not at:
            return False
        passed = requests.passes(gate, content, names)
        why = self.why_asked(step, gate, names, passes=passed is not None)
        if why is False:
            told = {"risk": requests.risk_value(passed)} if passed is not None else {}
            self.events.append(Event(EntryKind.GATE_PASSED, step.id, told))
            return False
        drawn = self._draw(gate, step, visit, content, names) if gate.autonomy is not None and why is True else None
        if drawn is not None and drawn.goes_through:
            self._let_through(drawn, self.subject(step, visit, at).digest(content))
            return False
        self.open_gate(gate, step, visit, content, names, why)
        if drawn is not None and self.opening is not None:
            self.opening = replace(self.opening, drawn=drawn)
        return True

    def _draw(self, gate: Gate, step: Step, visit: Visit, content: Params, names: dict[str, Value]) -> GateDraw | None:
        """Return how the visit is drawn, or None if it is reviewed in any case and its plan does not count it.

        A later visit is: a person wanted a change, or a step failed and is tried again. So is what has a risk that
        wants a second person, or each decision confirmed.
        """
        plan, find = gate.autonomy, self.state.find_plan
        subject = self.subject(step, visit, gate.at)
        if plan is None or find is None or visit.visit > 1 or self.state.lane is not None or subject.is_form:
            return None
        if step.kind.nature is _GRANT and asked_content.left_to_people(self.state.inputs):
            return None
        asked, _ = requests.at_risk(gate, content, names)
        class_name = _class_of(plan, names)
        if class_name is None or asked.policy.kind is not PolicyKind.ANY or asked.confirm_with is not None:
            return None
        found = find(subject, class_name, gate.clocks.hours)
        return draw.drawn(found, self.state.id, step.id, visit.visit, class_name=class_name, plan=plan.plan)

    def _let_through(self, drawn: GateDraw, digest: str) -> None:
        drawn = replace(drawn, digest=digest)
        self.let_through.append(drawn)
        facts: dict[str, Value] = {
            "plan": drawn.plan,
            "stage": drawn.number,
            "visit": drawn.visit,
            "digest": digest,
            "later": drawn.is_later,
        }
        self.events.append(Event(EntryKind.GATE_SAMPLED_OUT, drawn.step, facts))

    def open_gate(
        self, gate: Gate, step: Step, visit: Visit, content: Params, names: dict[str, Value], why: bool | str
    ) -> None:
        """Open a gate about this content, or stop before it where this call may not."""
        if not self.may_open_requests:
            # The next call of `proceed` comes to the same gate. The output of the effect is kept until then.
            if gate.at is ReviewPoint.AFTER:
                self.put(replace(visit, status=StepStatus.OUTPUT_IN_REVIEW))
            self.wait(RunStatus.RUNNING, self.now)
            return
        facts = None
        gate, risk = requests.at_risk(gate, content, names)
        if step.kind.nature is _GRANT:
            gate = asked_content.fitted(gate, self.state.inputs)
            facts = asked_content.facts(gate, step, self.state.inputs)
        opening = requests.open_request(
            gate=gate, step=step, subject=self.subject(step, visit, gate.at), content=content, scope=names, why=why
        )
        offer = requests.revision_offer(gate, step, self.state.revisions)
        self.opening = replace(opening, revision=offer, ask=facts, risk=risk)
        status = StepStatus.IN_REVIEW if gate.at is ReviewPoint.BEFORE else StepStatus.OUTPUT_IN_REVIEW
        self.put(replace(visit, status=status))
        self.wait(RunStatus.WAITING, None)

    def open_edited(self, gate: Gate, step: Step, visit: Visit, review: ReviewResult) -> None:
        """Open the gate of a step for what a person changed after a failure, whatever its condition says.

        The condition was about the values before the change, and a change is another proposal.
        """
        assert review.edited_by is not None
        person, name = review.edited_by
        names = self.scope.names(self.visits, self.cursor)
        content = replace(review.content, context={})
        self.open_gate(gate, step, visit, content, names, f"{name} changed this after the step had failed.")
        if self.opening is not None:
            self.opening = replace(self.opening, edited_before=(person,))


def _class_of(plan: Autonomy, names: dict[str, Value]) -> str | None:
    """Return what is counted by itself, or None where it is not sure that the plan may let this through."""
    try:
        if plan.only_when is not None and not requests.gate_condition(plan.only_when, names):
            return None
        name = "" if plan.class_ is None else plan.class_.render_shown(names)
    except ExpressionError:
        return None
    text = name if isinstance(name, str) else str(name)
    return text if len(text) <= MAX_CLASS else None
