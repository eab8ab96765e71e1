"""What time brings to a request."""

from __future__ import annotations

from datetime import datetime

from engine import requests
from engine.delivery import routing
from engine.delivery.routing import Routing
from engine.domain import RequestState
from engine.errors import Conflict
from engine.json_values import Value
from engine.requests import Lapsed, Request, Unanswered, Unseen
from engine.service.context import CommandContext, entry
from engine.store import deliveries, request_model, request_rows, run_rows
from engine.store.transaction import Tx
from engine.worker.advance import wake


def fire(ground: CommandContext, tx: Tx, request: str) -> None:
    """The unit of `Engine.fire`."""
    loaded = request_model.load_asked(tx, request)
    if loaded is None:
        return
    asked, _ = loaded
    match requests.due(asked, tx.now):
        case Unanswered():
            _ask_another_way(ground, tx, asked)
        case Unseen(expires_at):
            _tell_unseen(ground, tx, asked, expires_at)
        case Lapsed(state):
            _lapse(tx, asked, state)
        case None:
            pass


def _ask_another_way(ground: CommandContext, tx: Tx, asked: Request) -> None:
    if not request_rows.try_set_clocks(
        tx,
        asked,
        first_shown_at=asked.first_shown_at,
        told_unseen=asked.told_unseen,
        expires_at=asked.expires_at,
        fall_back_at=None,
    ):
        raise Conflict(f"request {asked.id} changed meanwhile")
    ways = Routing(ground.advancer.directory, asked.email)
    run = asked.subject.run
    persons = [one.person for one in asked.eligible]
    copies = routing.fall_back(tx, ways, workspace=asked.workspace, run=run, request=asked.id, persons=persons)
    channels = sorted({copy.route.channel for copy in copies if copy.route})
    tx.audit(asked.workspace, entry("request.fell_back", run=run, request=asked.id, channels=list[Value](channels)))


def _tell_unseen(ground: CommandContext, tx: Tx, asked: Request, expires_at: datetime | None) -> None:
    held = run_rows.load_run(tx, asked.subject.run)
    assert held is not None
    if not request_rows.try_set_clocks(
        tx,
        asked,
        first_shown_at=None,
        told_unseen=True,
        expires_at=expires_at,
        fall_back_at=asked.fall_back_at,
    ):
        raise Conflict(f"request {asked.id} changed meanwhile")
    ground.advancer.alert(tx, held.place, topic="unseen", request=asked.id)
    tx.audit(asked.workspace, entry("request.unseen", run=asked.subject.run, request=asked.id))


def _lapse(tx: Tx, asked: Request, state: RequestState) -> None:
    if not request_rows.try_lapse(tx, asked, state):
        raise Conflict(f"request {asked.id} was decided meanwhile")
    deliveries.want_update(tx, asked.subject.run, asked.id)
    wake(tx, asked.subject.run)
    tx.audit(
        asked.workspace,
        entry(
            "request.expired",
            run=asked.subject.run,
            request=asked.id,
            step=asked.subject.step,
            becomes=state.value,
            on_expiry=asked.on_expiry.value,
        ),
    )
