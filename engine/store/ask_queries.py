"""Asks as their programs see them: with what people decided, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import bindparam, select

from engine import json_values
from engine.domain import Address, Params, RequestState, ReviewPoint, StepStatus
from engine.domain.asks import (
    AskDecision,
    AskEdit,
    AskOutcome,
    AskPage,
    AskStatus,
    AskUse,
    AskView,
    OutcomeStatus,
)
from engine.json_values import Value
from engine.read_models import RequestView
from engine.store import ask_rows, request_queries, sampling_plans
from engine.store.ask_tables import AskRow
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import RunRow, StepRunRow, WorkflowRow
from engine.workflowfile.rule import RULES

_ask = AskRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]

NOT_ASKED: Final = "not_asked"
NOT_REVIEWED: Final = "not_reviewed"
"""The verdict of an ask that went through its gate because the sampling plan drew no review."""
"""The verdict if no gate applied, so that no person was asked."""
_FINAL: Final = frozenset({AskStatus.REJECTED, AskStatus.EXPIRED, AskStatus.CANCELLED, AskStatus.FAILED})
_ASKS = select(
    *_ask.c,
    _run.c.inputs,
    _run.c.started_at,
    _run.c.ended_at,
    _workflow.c.name.label("workflow_name"),
    sampling_plans.IS_UNREVIEWED,
).select_from(_ask.join(_run, _run.c.id == _ask.c.run).join(_workflow, _workflow.c.id == _run.c.workflow))
_ASK = Statement(_ASKS.where(_ask.c.run == bindparam("id")))
_REV = Statement(select(_ask.c.rev).where(_ask.c.run == bindparam("id")))
_visits = (
    select(_visit)
    .select_from(_visit.join(_ask, (_ask.c.run == _visit.c.run) & (_ask.c.step == _visit.c.step)))
    .order_by(_visit.c.visit)
)
_VISITS = Statement(_visits.where(_visit.c.run == bindparam("id")))
_chosen = select(_visit.c.run, _visit.c.output).where(_visit.c.step == RULES, _visit.c.output.is_not(None))
_CHOSEN = Statement(_chosen.where(_visit.c.run == bindparam("id")))


def ask_view(connection: Connection, workspace: str, asker: Address, ask: str) -> AskView | None:
    """Return an ask by its id, or by what this program calls it; None if there is none."""
    row = _ASK.one(connection, {"id": ask})
    if row is None:
        named = ask_rows.find_by_external_id(connection, workspace, asker, ask)
        row = None if named is None else _ASK.one(connection, {"id": named.run})
    if row is None or row.workspace != workspace:
        return None
    visits = _VISITS.all(connection, {"id": row.run})
    requests, chosen = request_queries.requests_of_run(connection, row.run), _CHOSEN.all(connection, {"id": row.run})
    return _ask_view(row, visits[-1] if visits else None, requests, _rules(chosen).get(row.run))


def ask_views(connection: Connection, page: AskPage, asker: Address) -> list[AskView]:
    """Return a page of the asks of a program, the newest first."""
    statement = _ASKS.where(_ask.c.workspace == page.workspace, _ask.c.asker == ask_rows.written(asker))
    if page.status is not None:
        statement = statement.where(_ask.c.status == page.status.value)
    if page.workflow is not None:
        statement = statement.where(_workflow.c.name == page.workflow)
    if page.before is not None:
        statement = statement.where(_ask.c.run < page.before)
    rows = connection.execute(statement.order_by(_ask.c.run.desc()).limit(page.limit)).all()
    runs = [row.run for row in rows]
    visits = {row.run: row for row in connection.execute(_visits.where(_visit.c.run.in_(runs))).all()}
    requests: dict[str, list[RequestView]] = {run: [] for run in runs}
    for view in request_queries.requests_of_runs(connection, runs):
        requests[view.run].append(view)
    rules = _rules(connection.execute(_chosen.where(_visit.c.run.in_(runs))).all() if runs else ())
    return [_ask_view(row, visits.get(row.run), requests[row.run], rules.get(row.run)) for row in rows]


def _rules(chosen: Iterable[Any]) -> dict[str, str]:
    """Return the rule that matched, by run, of those whose workflow has rules."""
    found = {row.run: cast("dict[str, Any]", json_values.loads(row.output)) for row in chosen}
    return {run: output["rule"] for run, output in found.items() if "rule" in output}


def load_rev(connection: Connection, ask: str) -> int | None:
    """Return the `rev` of an ask, or None if there is none."""
    row = _REV.one(connection, {"id": ask})
    return None if row is None else row.rev


def _ask_view(row: Any, visit: Any | None, requests: Sequence[RequestView], rule: str | None) -> AskView:
    asked = cast("dict[str, Any]", json_values.loads(row.inputs))
    about = [view for view in requests if view.model.subject.step == row.step and view.at is ReviewPoint.BEFORE]
    request = about[-1] if about else None
    status, use = AskStatus(row.status), AskUse(row.use)
    outcome = _outcome(row, visit)
    waiting = request if request is not None and request.model.state is RequestState.PENDING else None
    return AskView(
        id=row.run,
        asker=ask_rows.read_asker(row.asker),
        external_id=row.external_id,
        status=status,
        title=request.title if request is not None else asked.get("title", ""),
        tool=asked.get("tool"),
        server=asked.get("server"),
        workflow=row.workflow_name,
        use=use,
        arguments=_arguments(asked, status, visit, request),
        editable=tuple(_editable(request)),
        digest=row.digest or (request.model.digest if request is not None else None),
        created_at=row.started_at,
        rev=row.rev,
        is_final=_is_final(row, status, use, visit, outcome),
        decision=None if status is AskStatus.PENDING else _decision(row, status, visit, request),
        valid_until=row.valid_until,
        consumed_at=row.consumed_at,
        outcome=outcome,
        request=request.id if request is not None else None,
        rule=rule,
        waiting_for=_waiting_for(waiting),
        due_at=waiting.model.deadlines.ends_at if waiting is not None else None,
        progress=_progress(waiting),
        callback=row.callback,
        echo=None if row.echo is None else cast("dict[str, Value]", json_values.loads(row.echo)),
    )


def _arguments(
    asked: Mapping[str, Any], status: AskStatus, visit: Any | None, request: RequestView | None
) -> Mapping[str, Value]:
    """Return the arguments: as they were approved, else as they are asked about now."""
    if status is AskStatus.APPROVED and visit is not None and visit.params is not None:
        return Params.from_value(json_values.loads(visit.params)).value
    if status is AskStatus.APPROVED and visit is not None and visit.output is not None:
        return cast("dict[str, Value]", json_values.loads(visit.output))
    if request is not None:
        return request.model.content.value
    return cast("dict[str, Value]", asked.get("arguments", {}))


def _editable(request: RequestView | None) -> list[str]:
    return [] if request is None else [json_values.show_path(place.path) for place in request.model.editable]


def _waiting_for(waiting: RequestView | None) -> tuple[str, ...]:
    return () if waiting is None else tuple(approver.person.label for approver in waiting.model.tally.waiting)


def _progress(waiting: RequestView | None) -> str | None:
    if waiting is None or not waiting.model.policy.counts_votes:
        return None
    return f"{len(waiting.model.votes)} of {waiting.model.policy.needed}"


def _decision(row: Any, status: AskStatus, visit: Any | None, request: RequestView | None) -> AskDecision:
    if request is None:
        return _not_asked(row, status, visit)
    decision = request.decision
    if decision is None:
        return AskDecision(verdict=status.value, at=request.model.closed_at or row.ended_at)
    edits = ((json_values.show_path(edit.path), edit) for edit in decision.edits)
    return AskDecision(
        verdict=_verdict(request.model.state, status),
        at=decision.decided_at,
        by=decision.person.label,
        email=decision.person.email,
        reason=decision.reason,
        edits=tuple(AskEdit(path=path, before=edit.before, after=edit.after) for path, edit in edits),
        assurance=decision.assurance,
    )


def _not_asked(row: Any, status: AskStatus, visit: Any | None) -> AskDecision:
    """Return what became of an ask about which no person was asked. The workflow may have refused it."""
    passed = NOT_REVIEWED if row.is_unreviewed else NOT_ASKED
    verdict = passed if status is AskStatus.APPROVED else status.value
    at = None if visit is None else visit.started_at or visit.ended_at
    why = visit.error if visit is not None and visit.status == StepStatus.STOPPED.value else None
    return AskDecision(verdict=verdict, at=at or row.ended_at, reason=why)


def _verdict(state: RequestState, status: AskStatus) -> str:
    """Return what people decided. It stays when the approval was not used, or the ask was withdrawn after it."""
    if state is RequestState.APPROVED:
        return AskStatus.APPROVED.value
    return AskStatus.REJECTED.value if state is RequestState.REJECTED else status.value


def _outcome(row: Any, visit: Any | None) -> AskOutcome | None:
    """Return what became of an approval that was consumed: as the program said, else as the owner found out."""
    if row.consumed_at is None or visit is None:
        return None
    reported = None if row.outcome is None else OutcomeStatus(row.outcome)
    if reported in (OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED):
        return AskOutcome(status=reported, at=row.outcome_at, note=row.note)
    if visit.status == StepStatus.SUCCEEDED.value:
        return AskOutcome(status=OutcomeStatus.SUCCEEDED, at=visit.ended_at)
    if visit.status == StepStatus.STARTED.value:
        return None
    at: datetime | None = row.outcome_at or visit.ended_at
    return AskOutcome(status=OutcomeStatus.UNKNOWN, at=at, note=row.note)


def _is_final(row: Any, status: AskStatus, use: AskUse, visit: Any | None, outcome: AskOutcome | None) -> bool:
    if status in _FINAL:
        return True
    if status is AskStatus.PENDING:
        return False
    if use is AskUse.ANSWER or row.ended_at is not None:
        return True
    is_known = outcome is not None and outcome.status is not OutcomeStatus.UNKNOWN
    return is_known or (visit is not None and visit.status == StepStatus.FAILED.value)
