"""What happens to a request when a deadline is due."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.delivery.routing import Routing
from engine.domain import RequestState
from engine.errors import Conflict
from engine.json_values import Value
from engine.requests import Deadlines, NoResponse, NotDelivered, PastDue, Request
from engine.service.context import CommandContext
from engine.store import deliveries, request_model, request_rows, run_rows
from engine.store.transaction import Tx
from engine.worker.advance import wake


def process_due(context: CommandContext, tx: Tx, request: str) -> None:
    """Do the first thing that is due for a request. The unit of `Engine.process_due`."""
    loaded = request_model.load_asked(tx, request)
    if loaded is None or loaded[0].state is not RequestState.PENDING:
        return
    asked, _ = loaded
    match asked.deadlines.due(tx.now):
        case NoResponse():
            _ask_another_way(context, tx, asked)
        case NotDelivered():
            _notify_owner(context, tx, asked)
        case PastDue(state):
            _expire(tx, asked, state)
        case None:
            pass


def _set(tx: Tx, asked: Request, deadlines: Deadlines) -> None:
    if not request_rows.try_set_deadlines(tx, asked, deadlines):
        raise Conflict(f"request {asked.id} changed meanwhile")


def _ask_another_way(context: CommandContext, tx: Tx, asked: Request) -> None:
    _set(tx, asked, asked.deadlines.after_falling_back())
    ways = Routing(context.advancer.directory, asked.email)
    run = asked.subject.run
    persons = [one.person for one in asked.eligible]
    copies = routing.fall_back(tx, ways, workspace=asked.workspace, run=run, request=asked.id, persons=persons)
    channels = sorted({copy.route.channel for copy in copies if copy.route})
    tx.audit(
        asked.workspace, entry(EntryKind.REQUEST_FELL_BACK, run=run, request=asked.id, channels=list[Value](channels))
    )


def _notify_owner(context: CommandContext, tx: Tx, asked: Request) -> None:
    held = run_rows.load_run(tx, asked.subject.run)
    assert held is not None
    _set(tx, asked, asked.deadlines.after_notifying_owner(tx.now))
    context.advancer.alert(tx, held.place, topic="unseen", request=asked.id)
    tx.audit(asked.workspace, entry(EntryKind.REQUEST_UNSEEN, run=asked.subject.run, request=asked.id))


def _expire(tx: Tx, asked: Request, state: RequestState) -> None:
    if not request_rows.try_expire(tx, asked, state):
        raise Conflict(f"request {asked.id} was decided meanwhile")
    deliveries.mark_outdated(tx, asked.subject.run, asked.id)
    wake(tx, asked.subject.run)
    tx.audit(
        asked.workspace,
        entry(
            EntryKind.REQUEST_EXPIRED,
            run=asked.subject.run,
            request=asked.id,
            step=asked.subject.step,
            becomes=state.value,
            on_expiry=asked.deadlines.on_expiry.value,
        ),
    )
