"""The command with which a program says what became of an approval that it took."""

from __future__ import annotations

from typing import Final

from engine import audit, json_values, runs
from engine.audit_entries import EntryKind
from engine.delivery import callbacks
from engine.delivery.recipients import Resolved
from engine.domain import InvalidInputs, NotFound, RunStatus, StepStatus, Work
from engine.domain.asks import (
    NotConsumed,
    OutcomeAlreadyKnown,
    OutcomeReported,
    OutcomeStatus,
    ReportOutcome,
)
from engine.domain.results import Refusal
from engine.errors import Conflict, InvalidValue
from engine.json_values import Value
from engine.runs import RESULT, Outcome, StepFailure, StepOutput, Visit
from engine.service import own_asks
from engine.service.context import CommandContext
from engine.service.own_asks import OwnAsk
from engine.service.repeated_calls import RepeatedCall
from engine.store import ask_rows, deliveries, request_model, run_rows
from engine.store.port import Tx

NOTE_LENGTH: Final = 3_000
"""Maximum length of a note, in characters."""
_RECORDED: Final = 4_000
"""Maximum size of a result that the audit log keeps in full, in characters."""
_OPEN: Final = frozenset({StepStatus.STARTED, StepStatus.OUTCOME_UNKNOWN})
_KNOWN: Final = frozenset({OutcomeStatus.SUCCEEDED.value, OutcomeStatus.FAILED.value})
_ALERTS: Final = (RunStatus.CANCELLED.value, RunStatus.FAILED.value, "approved_unknown")
"""The topics of the alerts that say that it is not known what became of an approval."""


def report_outcome(
    context: CommandContext, tx: Tx, command: ReportOutcome, resolved: Resolved
) -> OutcomeReported | Refusal:
    """Record what became of an approval, and go on with the run: the unit of `Engine.report_outcome`."""
    own = own_asks.find(tx, command, tried="outcome")
    if isinstance(own, NotFound):
        return own
    note = json_values.clean_text(command.note or "").strip()[:NOTE_LENGTH] or None
    try:
        call = RepeatedCall(own.row, command.key, "outcome", _sent(command))
        visit = _repeated(call, own, command) or _check(own, command)
        if not isinstance(visit, Visit):
            return visit
        outcome = _outcome(command, visit, note)
    except InvalidValue as error:
        return InvalidInputs(errors={"result": f"cannot be kept: {error}"})
    call.remember(tx)
    is_late = own.run.state.status.ended or visit.status not in _OPEN
    if not is_late and not _says_the_same(command, visit):
        _move(context, tx, own, visit, outcome, resolved)
    ask_rows.save_outcome(tx, own.row.run, command.status, note)
    if is_late:
        _tell(tx, own.row.run, visit)
    _record(tx, own, command, note)
    return OutcomeReported(run=own.row.run, status=command.status)


def _sent(command: ReportOutcome) -> dict[str, object]:
    """Return what a repeat has to come with, too."""
    return {"status": command.status.value, "note": command.note, "result": command.result}


def _repeated(call: RepeatedCall, own: OwnAsk, command: ReportOutcome) -> Refusal | OutcomeReported | None:
    """Return the result of a call that came before, or the refusal if another one came with its key."""
    earlier = call.look()
    if isinstance(earlier, Refusal):
        return earlier
    return OutcomeReported(run=own.row.run, status=command.status) if earlier else None


def _check(own: OwnAsk, command: ReportOutcome) -> Visit | Refusal | OutcomeReported:
    """Return the visit whose outcome is reported, or why it is not, or that it was reported before."""
    row = own.row
    visit = own.run.state.visits.get(row.step or "")
    if row.consumed_at is None or visit is None:
        return NotConsumed()
    if row.outcome == command.status.value:
        return OutcomeReported(run=row.run, status=command.status)
    if row.outcome in _KNOWN:
        return OutcomeAlreadyKnown(status=OutcomeStatus(row.outcome), at=row.outcome_at)
    if visit.status is StepStatus.SUCCEEDED:
        # The owner found out.
        return OutcomeAlreadyKnown(status=OutcomeStatus.SUCCEEDED, at=visit.ended_at)
    # What the owner did not know when they stopped the run, or cancelled it, the program can still say.
    return visit


def _outcome(command: ReportOutcome, visit: Visit, note: str | None) -> Outcome:
    """Return the outcome of the step. Raises `InvalidValue` if the result cannot be kept."""
    if command.status is OutcomeStatus.SUCCEEDED:
        assert visit.params is not None
        return StepOutput(runs.checked_output({**visit.params.value, RESULT: command.result}))
    if command.status is OutcomeStatus.FAILED:
        return StepFailure(message=_quoted(note) or "The program that asked says that it failed.", final=True)
    unknown = _quoted(note) or "The program that asked does not know whether it worked."
    return StepFailure(message=unknown, unknown=True)


def _quoted(note: str | None) -> str:
    """Return the words of the program in quotes that they cannot end, so that they never pass for ours."""
    inside = (note or "").replace("“", "'").replace("”", "'")
    return f"“{inside}”" if inside else ""


def _says_the_same(command: ReportOutcome, visit: Visit) -> bool:
    """Return whether the owner is asked what happened already, and the program does not know it either."""
    return command.status is OutcomeStatus.UNKNOWN and visit.status is StepStatus.OUTCOME_UNKNOWN


def _move(context: CommandContext, tx: Tx, own: OwnAsk, visit: Visit, outcome: Outcome, resolved: Resolved) -> None:
    run, advancer = own.run, context.advancer
    workflow = advancer.workflow(tx, run.workflow, run.version)
    progress = runs.report(workflow, advancer.informed(tx, run, workflow), outcome, now=tx.now)
    advancer.foresee(tx, run, progress, resolved)
    if not run_rows.try_save_run(tx, run, progress):
        raise Conflict(f"run {run.state.id} was moved by another process")
    if visit.status is StepStatus.OUTCOME_UNKNOWN:
        deliveries.mark_alerts_outdated(tx, run.state.id)
    advancer.follow(tx, run, progress, resolved)
    tx.enqueue(Work("advance", run.state.id))


def _tell(tx: Tx, run: str, visit: Visit) -> None:
    """Tell the people and the program that were told that it is not known, without the run, which goes on no more."""
    callbacks.announce_late_outcome(tx, run)
    approval = request_model.load_approval(tx.connection, run=run, step=visit.step, visit=visit.visit)
    if approval is not None:
        deliveries.mark_outdated(tx, run, approval[0])
    for topic in _ALERTS:
        deliveries.mark_alerts_outdated(tx, run, topic)


def _record(tx: Tx, own: OwnAsk, command: ReportOutcome, note: str | None) -> None:
    content: dict[str, Value] = {"status": command.status.value, "note": note}
    if command.result is not None:
        content |= audit.abridged("returned", {RESULT: json_values.clean(command.result)}, _RECORDED)
    own_asks.record(tx, own.row, EntryKind.ASK_OUTCOME, command.actor, command.origin, content)
