"""What came of an attempt to show a copy, written down: clocks that start, another way, somebody who is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine import retry
from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.delivery.routing import Routing
from engine.domain import Address, DeliveryKind, DeliveryState, Receipt, RequestState, RunStatus
from engine.errors import ChannelError, Conflict
from engine.ports import Directory
from engine.read_models import CodeDelivery, DeliveryContent, RequestView
from engine.store import attention_links, deliveries, links, people, request_model, request_rows, run_rows
from engine.store.deliveries import LeasedDelivery
from engine.store.links import NewLink
from engine.store.transaction import Tx

_NOBODY_TOLD: Final = frozenset({"unreachable", "unseen", "needs_attention", "stuck"})
"""Alerts about what nobody but the owner knows of, and what goes on only when somebody does something."""
_LINKED: Final = frozenset({DeliveryKind.REQUEST, DeliveryKind.REMINDER})


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A copy that is ours to show now. `link`: made for this attempt, where the channel's copies carry one."""

    held: LeasedDelivery
    copy: DeliveryContent | CodeDelivery
    link: NewLink | None = None

    @property
    def request(self) -> RequestView | None:
        return self.copy.request if isinstance(self.copy, DeliveryContent) else None

    @property
    def asks(self) -> bool:
        """A copy of a request that is still open."""
        return self.held.kind is DeliveryKind.REQUEST and self._pending

    @property
    def _pending(self) -> bool:
        return self.request is not None and self.request.model.state is RequestState.PENDING

    @property
    def answered(self) -> bool:
        """Nothing is left to ask: a copy that is out there must say so, and one that is not need not be posted."""
        if isinstance(self.copy, CodeDelivery):
            return not self.copy.wanted
        return self.held.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER) and not self._pending


def record(tx: Tx, directory: Directory, claimed: ClaimedDelivery, came: Receipt | ChannelError | None) -> datetime:
    """Write down what came of an attempt, and say when. None: there was nothing left to ask, and nobody was."""
    if came is None:
        deliveries.try_shown(tx, claimed.held, None, state=DeliveryState.SKIPPED)
        _drop_link(tx, claimed)
    elif isinstance(came, ChannelError):
        _failed(tx, directory, claimed, came)
        if not came.outcome_unknown:
            _drop_link(tx, claimed)
    else:
        _shown(tx, claimed, came)
    return tx.now


def mint_link(tx: Tx, held: LeasedDelivery) -> NewLink | None:
    """Make the link that this copy carries: to its request, or to the call that its owner is asked about."""
    if held.kind in _LINKED:
        return links.mint(tx, held)
    if held.kind is not DeliveryKind.ALERT or held.topic != RunStatus.NEEDS_ATTENTION or held.run is None:
        return None
    run = run_rows.load_run(tx, held.run)
    # Another person who is told, because the owner cannot be, has nothing to answer.
    if run is None or run.owner != held.person or run.state.status is not RunStatus.NEEDS_ATTENTION:
        return None
    asked = next(one for one in run.state.visits.values() if one.index == run.state.cursor)
    return attention_links.mint(tx, held, step=asked.step, visit=asked.visit, attempt=asked.attempt)


def _drop_link(tx: Tx, claimed: ClaimedDelivery) -> None:
    if claimed.link is None:
        return
    if claimed.held.kind is DeliveryKind.ALERT:
        attention_links.drop(tx, claimed.link)
    else:
        links.drop(tx, claimed.link)


def _shown(tx: Tx, claimed: ClaimedDelivery, receipt: Receipt) -> None:
    held = claimed.held
    if not deliveries.try_shown(tx, held, receipt, state=DeliveryState.SHOWN):
        # We came back after our lease: what we showed may lie over what somebody else has shown since.
        deliveries.mark_to_show_again(tx, held.id)
        return
    first = held.shown_version == 0
    if first:
        content = {"kind": held.kind.value, "channel": held.channel, "address": held.address, "person": held.person}
        tx.audit(
            held.workspace,
            entry(EntryKind.DELIVERY_SHOWN, run=held.run, request=held.request, content={**content}),
        )
        if held.channel == routing.MAIL:
            people.mark_address(tx, held.workspace, Address(held.channel, held.address), refused=None)
    request = claimed.request
    if first and held.kind is DeliveryKind.REQUEST and request is not None:
        _start_clocks(tx, request)


def _start_clocks(tx: Tx, request: RequestView) -> None:
    """Start the clocks of a request with the first copy that reached somebody."""
    if request.model.deadlines.first_shown_at is not None:
        return
    loaded = request_model.load_request(tx, request.id)
    assert loaded is not None
    asked, _ = loaded
    if asked.state is not RequestState.PENDING or asked.deadlines.first_shown_at is not None:
        return
    if not request_rows.try_set_deadlines(tx, asked, asked.deadlines.after_shown(tx.now)):
        raise Conflict(f"request {request.id} changed meanwhile")


def _failed(tx: Tx, directory: Directory, claimed: ClaimedDelivery, error: ChannelError) -> None:
    held = claimed.held
    wait = retry.delivery_wait(
        held.attempts,
        outcome_unknown=error.outcome_unknown,
        channel_broken=error.about == "channel",
        retry_after=error.retry_after,
    )
    dead = _is_dead(tx, held, error)
    recorded = deliveries.try_failed(
        tx,
        held,
        error=str(error),
        next_at=None if dead else tx.now + wait,
        unknown=held.unknown or error.outcome_unknown,
    )
    if not recorded:
        return
    if error.about == "channel":
        _tell_broken(tx, directory, held)
    if dead:
        content = {"channel": held.channel, "address": held.address, "person": held.person, "error": str(error)}
        tx.audit(
            held.workspace,
            entry(EntryKind.DELIVERY_DEAD, run=held.run, request=held.request, content={**content}),
        )
        if error.about == "address":
            people.mark_address(tx, held.workspace, Address(held.channel, held.address), refused=str(error))
        _after_death(tx, directory, claimed)


def _is_dead(tx: Tx, held: LeasedDelivery, error: ChannelError) -> bool:
    """Whether the copy is given up. One that people see may have live buttons: not at the first "never"."""
    if error.patience is not None and held.created_at + error.patience <= tx.now:
        return True
    return error.permanent and (held.shown_version == 0 or held.attempts >= retry.GIVE_UP_AFTER)


def _after_death(tx: Tx, directory: Directory, claimed: ClaimedDelivery) -> None:
    held, copy = claimed.held, claimed.copy
    if held.shown_version == 0 and claimed.asks:
        if not _ask_another_way(tx, directory, claimed):
            _tell_unreached(tx, directory, held)
    elif held.kind is DeliveryKind.ALERT and isinstance(copy, DeliveryContent):
        _alert_another_way(tx, directory, held, copy)


def _ask_another_way(tx: Tx, directory: Directory, claimed: ClaimedDelivery) -> bool:
    held, request = claimed.held, claimed.request
    assert held.run is not None
    assert request is not None
    ways = Routing(directory, request.model.email)
    persons = [one.person for one in request.approvers if one.person.id == held.person]
    more = routing.fall_back(tx, ways, workspace=held.workspace, run=held.run, request=request.id, persons=persons)
    return bool(more)


def _tell_unreached(tx: Tx, directory: Directory, held: LeasedDelivery) -> None:
    """The other copies say who was not reached; so does one alert to the owner, and another when nobody is left."""
    assert held.run is not None
    assert held.request is not None
    deliveries.mark_outdated(tx, held.run, held.request)
    alive, told = deliveries.load_outlook(tx.connection, held.run, held.request)
    topic = "undelivered" if alive else "unreachable"
    if topic not in told:
        place = run_rows.load_owner(tx.connection, held.run)
        routing.tell_owner(tx, directory, place, topic=topic, request=held.request)


def _tell_broken(tx: Tx, directory: Directory, held: LeasedDelivery) -> None:
    """Nothing goes through this channel before somebody mends it: the owner hears it on another, once a request."""
    if held.run is None or held.request is None:
        return
    _, told = deliveries.load_outlook(tx.connection, held.run, held.request)
    if "broken" in told:
        return
    place = run_rows.load_owner(tx.connection, held.run)
    owner = people.known_people(tx, [place.owner])[place.owner]
    without = frozenset({held.channel})
    copy = routing.alert(directory, held.run, owner, topic="broken", request=held.request, without=without)
    deliveries.insert_deliveries(tx, held.workspace, [copy])


def _alert_another_way(tx: Tx, directory: Directory, held: LeasedDelivery, copy: DeliveryContent) -> None:
    """On the next way to whom it was for; where there is none, whoever started the run is told in their place."""
    assert held.run is not None
    tried = deliveries.load_alerted(tx.connection, held.run, held.topic)
    persons = [copy.person, *([copy.run.requester] if held.topic in _NOBODY_TOLD else [])]
    for person in persons:
        without = frozenset(tried.get(person.id, ()))
        again = routing.alert(directory, held.run, person, topic=held.topic, request=held.request, without=without)
        if again.route is not None:
            deliveries.insert_deliveries(tx, held.workspace, [again])
            return
