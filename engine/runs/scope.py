"""The names that the expressions of a run may use: `inputs`, `run`, `steps` and, where they are read, decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine import timestamps
from engine.domain import StepStatus
from engine.expressions import APPROVED, DECISIONS
from engine.json_values import Value, show_path
from engine.requests import Revision
from engine.runs import asked_content
from engine.runs.state import RunState, Visit
from engine.workflowfile import Workflow, approved_params
from engine.workflowfile.review_names import NO_REVIEW

_WITH_OUTPUT = frozenset({StepStatus.SUCCEEDED, StepStatus.OUTPUT_IN_REVIEW})


class RunScope:
    """Builds the names for each expression of one transition; the names that never change are built once."""

    def __init__(self, workflow: Workflow, state: RunState) -> None:
        self._workflow, self._state = workflow, state
        self._constant: dict[str, Value] | None = None
        self.run_id = state.id

    def names(self, visits: Mapping[str, Visit], cursor: int) -> dict[str, Value]:
        """Return the names as they are with these visits, at the step with the index `cursor`."""
        if self._constant is None:
            self._constant = _constant_names(self._workflow, self._state, self.run_id)
        # A step that runs again does not see what later steps made of its earlier output.
        review = _review([asked for asked in self._state.revisions if self._goes_to(asked, cursor)])
        names = {
            **self._constant,
            "review": review,
            "steps": _outputs(visit for visit in visits.values() if visit.index <= cursor),
        }
        if self._workflow.reads_decisions:
            names[DECISIONS] = self._decisions(visits, cursor)
        if self._workflow.reads_approved:
            names[APPROVED] = self._approved(visits, cursor)
        return names

    def _approved(self, visits: Mapping[str, Visit], cursor: int) -> dict[str, Value]:
        """Return what each earlier step with a gate before it was called with, edits included, without secrets."""
        called = (visits.get(step.id) for step in self._workflow.steps[:cursor] if approved_params.keeps(step))
        return {visit.step: visit.params.shown() for visit in called if visit is not None and visit.params is not None}

    def _decisions(self, visits: Mapping[str, Visit], cursor: int) -> dict[str, Value]:
        """Return the decision at each earlier step with a gate, or None where no person decided."""
        gated = [step.id for step in self._workflow.steps[:cursor] if step.gate is not None]
        return {name: self._decision(visits[name]) for name in gated if _reached_gate(visits.get(name))}

    def _decision(self, visit: Visit) -> Value:
        """Return the decision in this visit. One in an earlier visit was about other content."""
        decided_in, decision = self._state.decisions.get(visit.step, (0, None))
        return decision if decided_in == visit.visit else None

    def _goes_to(self, revision: Revision, cursor: int) -> bool:
        """Return whether the step with this index runs again for what was asked for."""
        asking = self._workflow.step(revision.step)
        assert asking.gate is not None
        target = asking.gate.revise
        return target is not None and self._workflow.step(target).index <= cursor <= asking.index


def _outputs(visits: Iterable[Visit]) -> dict[str, Value]:
    steps: dict[str, Value] = {}
    for visit in visits:
        if visit.status in _WITH_OUTPUT:
            steps[visit.step] = visit.output or {}
        elif visit.status is StepStatus.FAILED:
            steps[visit.step] = {"error": visit.error}
    return steps


def _reached_gate(visit: Visit | None) -> bool:
    """Return whether the run came to the gate of the step: a step that was skipped did not."""
    return visit is not None and visit.status is not StepStatus.SKIPPED


def _constant_names(workflow: Workflow, state: RunState, run_id: str) -> dict[str, Value]:
    """Return the names that stay the same during a transition: all but `steps`, `review` and decisions."""
    content = (
        {"ask": asked_content.as_read(state.inputs), "inputs": {}}
        if workflow.is_asked
        else {"inputs": dict(state.inputs)}
    )
    return {
        **content,
        "trigger": {},
        "run": {
            "id": run_id,
            "workflow": workflow.name,
            "requester": state.requester,
            "started_at": timestamps.iso(state.started_at),
        },
    }


def _review(revisions: Sequence[Revision]) -> dict[str, Value]:
    """Return the last request for changes. Before the first one its parts are there, and empty."""
    last = revisions[-1] if revisions else None
    if last is None:
        return NO_REVIEW
    return {
        "round": len(revisions),
        "comment": last.comment,
        "by": {"name": last.name, "address": last.address},
        "at": timestamps.iso(last.at),
        "content": last.content.shown(),
        "edits": {show_path(path): value for path, value in last.edits.items()},
    }
