"""The command that sends a copy once more that could not be delivered."""

from __future__ import annotations

from typing import Final

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    SHARED,
    DeliveryKind,
    DeliveryState,
    Done,
    NotAllowed,
    NotFound,
    Refusal,
    RequestState,
    RetryDelivery,
)
from engine.domain.callbacks import EndpointState
from engine.json_values import Value
from engine.requests import questions
from engine.service.context import CommandContext
from engine.service.repeated_calls import RepeatedCall
from engine.store import ask_rows, callback_endpoints, deliveries, delivery_retry, request_model, request_rows, run_rows
from engine.store.deliveries import NO_CHANNEL
from engine.store.delivery_retry import StoredCopy
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun

_NOT_YOURS: Final = NotAllowed(
    why="Only the person who started a run, the owner of its workflow or an admin can have a copy sent again."
)
_NO_ADDRESS: Final = NotAllowed(
    why="Signoff knows no address of this person, so there is nowhere to send it. Pass the request on to another "
    "person, or ask the person who runs Signoff to add an address."
)
_CLOSED: Final = NotAllowed(why="This request is closed, so the copy is not needed any more.")
_REMOVED: Final = NotAllowed(why="The endpoint of this callback was removed, so there is nowhere to send it.")
_OFF: Final = (
    "The receiver of this callback wants no more of them. Once it takes them again, switch its endpoint on with the "
    "command signoff callbacks enable {endpoint}, then send this again."
)
_UP_TO_DATE: Final = NotAllowed(why="This copy is up to date, or is being sent right now. Look again in a minute.")


def retry_delivery(context: CommandContext, tx: Tx, command: RetryDelivery, resolved: Resolved) -> Done | Refusal:
    """Make a copy due at once that was given up or waits: the unit of `Engine.retry_delivery`."""
    copy = delivery_retry.load_copy(tx.connection, command.delivery)
    run = run_rows.load_run(tx, copy.run) if copy is not None and copy.run is not None else None
    if copy is None or run is None:
        return NotFound(what="copy", name=command.delivery)
    actor = Recipients(tx, context.advancer.directory, resolved).actor(run.workspace, command.actor)
    is_own = copy.kind is DeliveryKind.CALLBACK and copy.person == actor.id
    if not is_own and not context.may(actor, command.actor, run.requester, run.owner):
        return _NOT_YOURS
    call = _call(tx, run, command)
    earlier = call.look() if call is not None else False
    if earlier is True:
        return Done(run=run.state.id)
    refusal = earlier or _check(tx, copy)
    if refusal:
        return refusal
    if copy.request is not None and copy.state is DeliveryState.DEAD and copy.kind is DeliveryKind.REQUEST:
        # The other copies say that this one did not arrive.
        deliveries.mark_outdated(tx, run.state.id, copy.request)
    if not _try_make_due(tx, copy):
        return _UP_TO_DATE
    if call is not None:
        call.remember(tx)
    tx.audit(
        run.workspace,
        entry(
            EntryKind.DELIVERY_RETRIED,
            run=run.state.id,
            request=copy.request,
            actor=actor,
            content=_receiver(copy),
            surface=command.origin.surface,
            place=dict(command.origin.place),
        ),
    )
    return Done(run=run.state.id)


def _call(tx: Tx, run: LoadedRun, command: RetryDelivery) -> RepeatedCall | None:
    """Return the call of a program that may repeat it, or None if it has no key."""
    row = None if command.key is None else ask_rows.load(tx.connection, run.workspace, command.actor, run.state.id)
    return None if row is None else RepeatedCall(row, command.key, "redeliver", {"delivery": command.delivery})


def _check(tx: Tx, copy: StoredCopy) -> Refusal | None:
    """Return why a copy is not sent again, or None."""
    if copy.channel == NO_CHANNEL:
        return _NO_ADDRESS
    if copy.kind is DeliveryKind.CALLBACK:
        return _check_endpoint(tx, copy.address)
    if copy.request is None:
        return None
    # A decision at this moment must not miss a copy that was given up until now.
    request_rows.lock(tx, copy.request)
    loaded = request_model.load_request(tx, copy.request)
    is_closed = loaded is not None and loaded[0].state is not RequestState.PENDING
    was_posted = copy.shown_version > 0
    return _CLOSED if is_closed and copy.kind is DeliveryKind.REQUEST and not was_posted else None


def _check_endpoint(tx: Tx, endpoint: str) -> Refusal | None:
    """Return why nothing is sent to an endpoint of callbacks, or None."""
    stored = callback_endpoints.load(tx.connection, endpoint)
    if stored is None or stored.state is EndpointState.REMOVED:
        return _REMOVED
    if stored.state is EndpointState.OFF:
        return NotAllowed(why=_OFF.format(endpoint=endpoint))
    return None


def _try_make_due(tx: Tx, copy: StoredCopy) -> bool:
    """Make a copy due. A callback is sent again whatever became of it, because its receiver may have lost it."""
    if copy.kind is not DeliveryKind.CALLBACK:
        return delivery_retry.try_make_due(tx, copy.id)
    callback_endpoints.wake(tx, copy.address)
    if copy.state is DeliveryState.SHOWN:
        deliveries.mark_to_show_again(tx, copy.id)
        return True
    return delivery_retry.try_make_due(tx, copy.id)


def _receiver(copy: StoredCopy) -> dict[str, Value]:
    """Return the receiver of a copy for the audit log. What is shared is for all people at its address."""
    is_for_all = copy.topic == SHARED or questions.is_shared_answer(copy.topic)
    named: dict[str, Value] = {} if is_for_all else {"person": copy.person}
    return {"channel": copy.channel, "address": copy.address, **named}
