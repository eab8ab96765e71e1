"""What time brings to a request."""

from __future__ import annotations

from datetime import datetime

from engine import gate, reaching
from engine.advance import wake
from engine.data import Value
from engine.errors import Conflict
from engine.gate import Asked, Lapsed, Unanswered, Unseen
from engine.model import RequestState
from engine.reaching import Ways
from engine.service.ground import Ground, entry
from engine.store import deliveries, loading, requests, runs
from engine.store.tx import Tx


def fire(ground: Ground, tx: Tx, request: str) -> None:
    """The unit of `Engine.fire`."""
    loaded = loading.load_asked(tx, request)
    if loaded is None:
        return
    asked, _ = loaded
    match gate.due(asked, tx.now):
        case Unanswered():
            _ask_another_way(ground, tx, asked)
        case Unseen(expires_at):
            _tell_unseen(ground, tx, asked, expires_at)
        case Lapsed(state):
            _lapse(tx, asked, state)
        case None:
            pass


def _ask_another_way(ground: Ground, tx: Tx, asked: Asked) -> None:
    if not requests.try_set_clocks(
        tx,
        asked,
        first_shown_at=asked.first_shown_at,
        told_unseen=asked.told_unseen,
        expires_at=asked.expires_at,
        fall_back_at=None,
    ):
        raise Conflict(f"request {asked.id} changed meanwhile")
    ways = Ways(ground.advancer.directory, asked.email)
    run = asked.subject.run
    persons = [one.person for one in asked.eligible]
    copies = reaching.fall_back(tx, ways, workspace=asked.workspace, run=run, request=asked.id, persons=persons)
    channels = sorted({copy.route.channel for copy in copies if copy.route})
    tx.audit(asked.workspace, entry("request.fell_back", run=run, request=asked.id, channels=list[Value](channels)))


def _tell_unseen(ground: Ground, tx: Tx, asked: Asked, expires_at: datetime | None) -> None:
    held = runs.load_run(tx, asked.subject.run)
    assert held is not None
    if not requests.try_set_clocks(
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


def _lapse(tx: Tx, asked: Asked, state: RequestState) -> None:
    if not requests.try_lapse(tx, asked, state):
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
