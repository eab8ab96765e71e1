"""Callbacks in the outbox: which events a program is told of, when calls rest, and what follows from failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from engine import retry
from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.domain import Address, DeliveryKind, RunStatus
from engine.domain.asks import AskStatus
from engine.domain.callbacks import CHANNEL, CallbackEvent, EndpointState
from engine.domain.people import API
from engine.errors import ChannelError
from engine.notices import CallbackNotice, CallbackTarget
from engine.ports import Directory, Route
from engine.runs import Progress
from engine.store import ask_queries, callback_endpoints, deliveries, delivery_leases, people, run_rows
from engine.store.connection import Connection
from engine.store.deliveries import NewDelivery
from engine.store.delivery_leases import LeasedDelivery
from engine.store.port import Tx

ONE_EVENT: Final = frozenset({"aap"})
"""The protocols whose programs are told once: that there is a decision, or that there will be none."""
GONE: Final = "callback_gone"
"""Topic of the alert that the receiver of callbacks wants no more of them."""
UNDELIVERED: Final = "callback_undelivered"
"""Topic of the alert that callbacks were given up."""
_EVENTS: Final[Mapping[AskStatus, CallbackEvent]] = {
    AskStatus.APPROVED: CallbackEvent.DECIDED,
    AskStatus.REJECTED: CallbackEvent.DECIDED,
    AskStatus.EXPIRED: CallbackEvent.EXPIRED,
    AskStatus.CANCELLED: CallbackEvent.CANCELLED,
    AskStatus.FAILED: CallbackEvent.FAILED,
}


def announce(tx: Tx, run: str, progress: Progress) -> None:
    """Put a callback into the outbox if there is news of an ask, and its program wants to hear it: each event once."""
    if progress.ask is not None and _event(progress, _ALL) is not None:
        _tell(tx, run, lambda told: _event(progress, told))


def announce_late_outcome(tx: Tx, run: str) -> None:
    """Put a callback into the outbox for what a program reports after the run has ended, if it was told unknown."""
    _tell(tx, run, lambda told: CallbackEvent.SETTLED if CallbackEvent.OUTCOME_UNKNOWN in told else None)


def _tell(tx: Tx, run: str, choose: Callable[[frozenset[str]], CallbackEvent | None]) -> None:
    """Put the event into the outbox that `choose` returns for the events that the program knows of."""
    endpoint = callback_endpoints.of_ask(tx.connection, run)
    if endpoint is None or endpoint.state is EndpointState.REMOVED:
        return
    told = callback_endpoints.load_told(tx.connection, run)
    event = choose(told)
    if event is None or event in told or (told and endpoint.protocol in ONE_EVENT):
        return
    person = people.load_people_cached(tx, [endpoint.person])[endpoint.person]
    copy = NewDelivery(
        kind=DeliveryKind.CALLBACK,
        run=run,
        person=person,
        route=Route(CHANNEL, endpoint.id),
        request=callback_endpoints.last_request(tx.connection, run),
        topic=event.value,
    )
    deliveries.insert_deliveries(tx, endpoint.workspace, [copy])


_ALL: Final = frozenset(CallbackEvent)
"""With all of these, there is an event for everything that can be news, whatever the program knows of."""


def _event(progress: Progress, told: frozenset[str]) -> CallbackEvent | None:
    """Return what is new about an ask. `told`: the events that its program knows of."""
    assert progress.ask is not None
    if progress.status.ended and CallbackEvent.OUTCOME_UNKNOWN in told:
        return CallbackEvent.SETTLED
    is_unknown = progress.status is RunStatus.NEEDS_ATTENTION or progress.ask.is_unknown
    if is_unknown and CallbackEvent.DECIDED in told:
        return CallbackEvent.OUTCOME_UNKNOWN
    return _EVENTS.get(progress.ask.status)


def claim(tx: Tx, delivery: LeasedDelivery) -> CallbackTarget | None:
    """Return where a claimed callback goes. If it is not sent now, say in its row why, and when it is."""
    endpoint = callback_endpoints.load(tx.connection, delivery.address)
    assert endpoint is not None
    if endpoint.state is EndpointState.OFF:
        why = f"Callbacks to this endpoint are switched off. {endpoint.error or ''}".rstrip()
        delivery_leases.try_failed(tx, delivery, error=why, next_at=None, unknown=delivery.unknown)
        return None
    if endpoint.rests_until is not None and endpoint.rests_until > tx.now:
        delivery_leases.try_postponed(tx, delivery, endpoint.rests_until)
        return None
    return CallbackTarget(
        endpoint=endpoint.id,
        key=endpoint.key,
        url=endpoint.url,
        protocol=endpoint.protocol,
        details=endpoint.details,
        secrets=endpoint.secrets(tx.now),
        is_wanted=endpoint.state is not EndpointState.REMOVED,
    )


def was_moved(tx: Tx, content: object) -> bool:
    """Return whether a copy is a callback whose endpoint has another URL by now than the one that was called."""
    if not isinstance(content, CallbackNotice):
        return False
    endpoint = callback_endpoints.load(tx.connection, content.target.endpoint)
    return endpoint is not None and endpoint.url != content.target.url


def load_notice(connection: Connection, delivery: LeasedDelivery, target: CallbackTarget) -> CallbackNotice:
    """Return the content of a callback, from the current state of its ask."""
    assert delivery.run is not None
    ask = ask_queries.ask_view(connection, delivery.workspace, Address(API, target.key), delivery.run)
    assert ask is not None
    return CallbackNotice(
        delivery=delivery.id,
        person=people.load_people(connection, [delivery.person])[delivery.person],
        target=target,
        event=CallbackEvent(delivery.topic or ""),
        at=delivery.created_at,
        ask=ask,
    )


def record_failure(
    tx: Tx, directory: Directory, delivery: LeasedDelivery, error: ChannelError, *, is_dead: bool
) -> None:
    """Let an endpoint rest whose call failed, or switch it off, and alert the owner of the workflow."""
    endpoint = callback_endpoints.load(tx.connection, delivery.address)
    if endpoint is None or delivery.run is None:
        return
    if error.about == "address":
        if callback_endpoints.turn_off(tx, endpoint.id, str(error)):
            content = {"endpoint": endpoint.id, "error": str(error)}
            tx.audit(endpoint.workspace, entry(EntryKind.CALLBACK_TURNED_OFF, run=delivery.run, content={**content}))
            _alert(tx, directory, delivery.run, GONE)
        return
    if endpoint.rests_until is None or endpoint.rests_until <= tx.now:
        # Of several calls that fail together, one counts.
        wait = max(retry.waits(retry.ENDPOINT_WAITS, endpoint.failures + 1), error.retry_after or timedelta(0))
        until = tx.now + min(wait, retry.MAX_RETRY_AFTER)
        callback_endpoints.note_failure(tx, endpoint, why=str(error), until=until)
    if is_dead and callback_endpoints.note_alert(tx, endpoint.id):
        _alert(tx, directory, delivery.run, UNDELIVERED)


def _alert(tx: Tx, directory: Directory, run: str, topic: str) -> None:
    routing.alert_owner(tx, directory, run_rows.load_owner(tx.connection, run), topic=topic)
