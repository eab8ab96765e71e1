"""Reads the drafts of language models that people decided about, the oldest decision first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from engine import json_values
from engine.domain import RequestState
from engine.evaluation import JudgedDraft, PromptVersion, prompt_digest
from engine.json_values import Path
from engine.language_model import ModelCall
from engine.oversight.edit_distance import edit_distance
from engine.read_models import DecisionFilter, ExportedDecision, RequestView
from engine.replay import Correction
from engine.store import decision_export, model_calls
from engine.store.connection import Connection
from engine.workflowfile import Step, Workflow
from engine.workflowfile.drafting_steps import drafting_steps

_CORRECTED = {
    RequestState.REJECTED: Correction.REJECTED,
    RequestState.CHANGES_REQUESTED: Correction.CHANGES_REQUESTED,
    RequestState.UNDONE: Correction.UNDONE,
}


def judged_drafts(
    connection: Connection, workspace: str, wanted: DecisionFilter, load: Callable[[RequestView], Workflow]
) -> Iterator[JudgedDraft]:
    """Yield a value for each decision and each `ai` step whose draft it was about.

    `load`: the workflow as the run of a request started with it. What was erased says nothing.
    """
    for decision in decision_export.export(connection, workspace, wanted):
        view = decision.view
        if decision.is_erased or view.model.subject.is_failure:
            continue
        workflow = load(view)
        steps = drafting_steps(workflow, workflow.step(view.model.subject.step), view.at)
        calls = model_calls.load_of_run(connection, view.run) if steps else {}
        for step in steps:
            made_by = _calls_of(view, step, calls)
            if made_by:
                yield _judged(decision, step, made_by)


def _calls_of(
    view: RequestView, step: Step, calls: Mapping[tuple[str, int], tuple[ModelCall, ...]]
) -> tuple[ModelCall, ...]:
    """Return the calls of the newest visit to the step before the request opened."""
    opened = view.model.deadlines.opened_at
    before = [(visit, made) for (name, visit), made in calls.items() if name == step.id and made[0].asked_at <= opened]
    return max(before)[1] if before else ()


def _judged(decision: ExportedDecision, step: Step, calls: tuple[ModelCall, ...]) -> JudgedDraft:
    view = decision.view
    assert view.decision is not None
    costs = [call.cost for call in calls]
    return JudgedDraft(
        prompt=PromptVersion(step.id, prompt_digest(step), calls[-1].model),
        workflow_version=view.workflow_version,
        decided_at=view.decision.decided_at,
        correction=_correction(view),
        fields=_fields(view) if view.model.state is RequestState.APPROVED else {},
        calls=len(calls),
        cost=sum((cost for cost in costs if cost is not None), Decimal(0)) if None not in costs else None,
    )


def _correction(view: RequestView) -> Correction | None:
    if view.model.state is RequestState.APPROVED:
        return Correction.EDITED if view.edits else None
    return _CORRECTED.get(view.model.state)


def _fields(view: RequestView) -> dict[str, float]:
    """Return how much of each field was changed. The items of a list are one field, which counts by the largest."""
    edits = {edit.path: edit_distance(edit.before, edit.after) for edit in view.edits}
    fields: dict[str, float] = {}
    for path in (*(editable.path for editable in view.model.editable), *edits):
        name = _field_name(path)
        fields[name] = max(fields.get(name, 0.0), edits.get(path, 0.0))
    return fields


def _field_name(path: Path) -> str:
    return json_values.show_path(tuple(part for part in path if isinstance(part, str))) or json_values.show_path(path)
