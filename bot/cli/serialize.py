"""The JSON of read models that `--json` prints. docs/commands.md documents its keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.presentation.dates import iso
from engine import json_values
from engine.domain import Approver, Person, RequestState
from engine.json_values import Value
from engine.language_model import ModelCall
from engine.person_views import AddressPeriod, PersonView
from engine.plan_views import PlanView
from engine.read_models import DeliveryView, RequestView, RunView, Signature, StepView, WorkflowView
from engine.requests import ContentChange, Edit, Question, Request, risk_value
from engine.story_entries import StoryEntry


def person(view: Person) -> Value:
    return {"name": view.label, "addresses": [str(address) for address in view.addresses]}


def person_view(view: PersonView) -> dict[str, Value]:
    """Return a person as `signoff people` lists them."""
    return {
        "id": view.person.id,
        "name": view.person.name,
        "addresses": [str(address) for address in view.person.addresses],
        "split_from": view.split_from,
        "joined_into": view.joined_into,
        "created_at": iso(view.created_at),
    }


def period(view: AddressPeriod) -> dict[str, Value]:
    return {
        "address": str(view.address),
        "since": iso(view.since),
        "until": iso(view.until),
        "evidence": view.evidence,
        "ended": view.ended,
    }


def run(view: RunView) -> dict[str, Value]:
    """Return a run. `steps` is empty for the view of a list."""
    return {
        "id": view.id,
        "workflow": view.workflow,
        "title": view.workflow_title,
        "version": view.version,
        "status": view.status.value,
        "requester": person(view.requester),
        "owner": person(view.owner),
        "inputs": dict(view.inputs),
        "error": view.error,
        "output": dict(view.output) if view.output is not None else None,
        "parent": view.parent,
        "not_reviewed": view.is_unreviewed,
        "started_at": iso(view.started_at),
        "ended_at": iso(view.ended_at),
        "steps": [*map(_step, view.steps)],
        "items": [
            {
                "step": progress.step,
                "visit": progress.visit,
                "total": progress.total,
                "counts": {status.value: progress.counts[status] for status in sorted(progress.counts)},
                "asking": [{"item": number, "request": request} for number, request in progress.asking],
            }
            for progress in view.items
        ],
        "runs": [
            {"run": child.run, "title": child.title, "status": child.status.value, "step": child.step}
            for child in view.children
        ],
    }


def _step(step: StepView) -> Value:
    return {
        "step": step.step,
        "title": step.label,
        "visit": step.visit,
        "status": step.status.value,
        "attempt": step.attempt,
        "not_reviewed": step.is_unreviewed,
        "output": dict(step.output) if step.output is not None else None,
        "error": step.error,
        "wakes_at": iso(step.wakes_at),
        "started_at": iso(step.started_at),
        "ended_at": iso(step.ended_at),
        **({"model_calls": [_model_call(call) for call in step.model_calls]} if step.model_calls else {}),
    }


def _model_call(call: ModelCall) -> Value:
    return {
        "model": call.model,
        "attempt": call.attempt,
        "asked_at": iso(call.asked_at),
        "answered_at": iso(call.answered_at),
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost_usd": call.cost,
        "problem": call.problem,
    }


def _question(question: Question) -> Value:
    return {
        "id": question.id,
        "asked_by": person(question.asked_by),
        "asked_to": person(question.asked_to),
        "text": question.text,
        "asked_at": iso(question.asked_at),
        "answer": question.answer,
        "answered_by": person(question.answered_by) if question.answered_by is not None else None,
        "answered_at": iso(question.answered_at),
    }


def request(view: RequestView) -> dict[str, Value]:
    """Return a request, with its content as people may see it."""
    request = view.model
    return {
        "id": view.id,
        "run": view.run,
        "workflow": view.workflow,
        "step": request.subject.step,
        "at": view.at.value,
        "state": request.state.value,
        "title": view.title,
        "reason": view.reason,
        "notes": list(view.notes),
        "show": [{"label": label, "value": text} for label, text in view.show],
        "requester": person(view.requester),
        "approvers": [_approver(approver) for approver in view.approvers],
        "approvals": _approvals(request),
        "changes": [_change(change) for change in request.changes],
        "content": request.content.shown(),
        "editable": [
            {
                "path": json_values.show_path(editable.path),
                "type": editable.field.type.value,
                "label": editable.field.label,
            }
            for editable in request.editable
        ],
        "content_version": request.content_version,
        "digest": request.digest,
        "opened_at": iso(request.deadlines.opened_at),
        "first_shown_at": iso(request.deadlines.first_shown_at),
        "expires_at": iso(request.deadlines.expires_at),
        "escalates_at": iso(request.deadlines.asks_backups_at),
        "escalated_at": iso(request.deadlines.escalated_at),
        "closed_at": iso(request.closed_at),
        "questions": [_question(question) for question in request.questions],
        "decision": _decision(view),
        **_undoing(view),
        **({"because": request.because} if request.because else {}),
        **({"risk": risk_value(request.risk.assessment)} if request.risk is not None else {}),
        **({"context": dict(request.content.context)} if request.content.context else {}),
        **({"models": [{"step": step, "model": model} for step, model in view.models]} if view.models else {}),
        **({"signatures": [_signature(signed) for signed in view.signatures]} if view.signatures else {}),
    }


def _undoing(view: RequestView) -> dict[str, Value]:
    """Return until when the approval can be undone, or who undid it; nothing for most requests."""
    undone = view.model.undone
    facts: dict[str, Value] = {"hold_ends_at": iso(view.model.hold_ends_at)} if view.is_held else {}
    return facts if undone is None else {"undone": {"person": person(undone.person), "at": iso(undone.at)}}


def _approver(approver: Approver) -> Value:
    return {
        "person": person(approver.person),
        "rule": approver.rule,
        "excluded": approver.excluded,
        "groups": list[Value](approver.groups),
        "handed_to": approver.handed_to,
    }


def _change(change: ContentChange) -> Value:
    return {
        "content_version": change.version,
        "person": person(change.person),
        "edits": _edits(change.edits),
        "changed_at": iso(change.at),
    }


def _approvals(request: Request) -> dict[str, Value]:
    """Return how many approvals the request needs, who gave some, and who is asked now."""
    tally = request.tally
    waiting = tally.waiting if request.state is RequestState.PENDING else ()
    return {
        "policy": request.policy.kind.value,
        "needed": tally.needed,
        "given": [{"person": person(vote.person), "at": iso(vote.at)} for vote in tally.votes],
        "waiting_for": [person(approver.person) for approver in waiting],
    }


def _decision(view: RequestView) -> Value:
    if view.decision is None:
        return None
    signature = _signature(view.decision.signature)
    return {
        "id": view.decision.id,
        "verdict": view.decision.verdict,
        "person": person(view.decision.person),
        "reason": view.decision.reason,
        "assurance": view.decision.assurance,
        "edits": _edits(view.decision.edits),
        "decided_at": iso(view.decision.decided_at),
        **({} if signature is None else {"signature": signature}),
    }


def _edits(edits: Iterable[Edit]) -> list[Value]:
    return [{"path": json_values.show_path(edit.path), "before": edit.before, "after": edit.after} for edit in edits]


def _signature(signed: Signature | None) -> Value:
    return None if signed is None else {"name": signed.name, "at": iso(signed.at), "meaning": signed.meaning}


def delivery(view: DeliveryView) -> dict[str, Value]:
    return {
        "id": view.id,
        "kind": view.kind.value,
        "topic": view.topic,
        "state": view.state.value,
        "person": person(view.person),
        "channel": view.channel,
        "address": view.address,
        "attempts": view.attempts,
        "error": view.last_error,
        "shown_at": iso(view.shown_at),
        "next_at": iso(view.next_at),
    }


def workflow(view: WorkflowView, plans: Sequence[PlanView] = ()) -> dict[str, Value]:
    """Return a workflow, with the sampling plans of its current version."""
    return {
        "name": view.name,
        "title": view.title,
        "version": view.version,
        "state": view.state.value,
        "owner": person(view.owner),
        "hash": view.hash,
        "updated_at": iso(view.updated_at),
        "next_run_at": None if view.next_at is None else iso(view.next_at),
        "autonomy": [plan(one) for one in plans if one.workflow == view.name],
    }


def plan(view: PlanView) -> dict[str, Value]:
    """Return a sampling plan as JSON has it."""
    state = view.state
    return {
        "id": view.id,
        "workflow": view.workflow,
        "version": view.version,
        "is_current": view.is_current,
        "step": view.step,
        "title": view.step_label,
        "class": view.class_name or None,
        "model": view.model or None,
        "stage": state.stage.value,
        "in_a_row": state.clean,
        "reviewed": state.reviewed,
        "corrected": state.bad,
        "left_out": state.by_requester,
        "not_reviewed": view.unreviewed,
        "agreed_by": view.agreed_by.label if view.agreed_by is not None else None,
        "agreed_at": iso(state.agreed_at),
        "lapses_at": iso(state.lapses_at),
        "used_at": iso(view.used_at),
        "proposal": state.proposal,
    }


def story(entry: StoryEntry) -> dict[str, Value]:
    return {
        "seq": entry.seq,
        "at": iso(entry.at),
        "kind": entry.kind,
        "step": entry.step,
        "request": entry.request,
        "content": dict(entry.content) if entry.content is not None else None,
    }
