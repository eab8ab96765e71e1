"""The result of an attempt to show a copy, and what follows: deadlines that start, fallbacks, alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from engine import retry
from engine.audit_entries import EntryKind, entry
from engine.code_delivery import CodeDelivery
from engine.delivery import callbacks, digests, routing
from engine.delivery import reminders as delivery_reminders
from engine.delivery.routing import Routing
from engine.domain import (
    DIGEST,
    SHARED,
    Address,
    DeliveryKind,
    DeliveryState,
    Person,
    Receipt,
    RequestState,
    RunStatus,
    Work,
)
from engine.errors import ChannelError, Conflict
from engine.notices import CallbackNotice, OwnerNotice, TriggerNotice
from engine.ports import Directory
from engine.read_models import DeliveryContent, RequestView
from engine.requests import Deadlines, Request, questions
from engine.store import (
    attention_links,
    callback_endpoints,
    deliveries,
    delivery_leases,
    left_owners,
    links,
    people,
    reminders,
    request_model,
    request_rows,
    run_rows,
    trigger_rows,
)
from engine.store.delivery_leases import LeasedDelivery
from engine.store.links import NewLink
from engine.store.port import Tx

Content: TypeAlias = DeliveryContent | CodeDelivery | TriggerNotice | OwnerNotice | CallbackNotice
"""What a copy is about, from the current state."""
_OWNER_ONLY: Final = frozenset({"unreachable", "unseen", "needs_attention", "stuck"})
"""Topics of alerts that only the owner gets, about runs that cannot go on without a person."""
_VOIDED: Final = "voided"
"""The topic of the alert to a person whose approval does not count any more: they can decide again."""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that was claimed for one attempt, with its content. `link`: created for this attempt, if any."""

    delivery: LeasedDelivery
    content: Content
    link: NewLink | None = None

    @property
    def request(self) -> RequestView | None:
        return self.content.request if isinstance(self.content, DeliveryContent) else None

    @property
    def below(self) -> Receipt | None:
        """The copy that this one belongs below, where it has one."""
        return self.content.below if isinstance(self.content, DeliveryContent) else None

    @property
    def is_digest(self) -> bool:
        """Whether this tells a person of all requests that were held for them."""
        return self.delivery.topic == DIGEST

    @property
    def told(self) -> tuple[str, ...]:
        """The requests that a digest tells."""
        return self.content.told if isinstance(self.content, DeliveryContent) else ()

    @property
    def is_open_request(self) -> bool:
        """Whether this is a copy of a request that is still open."""
        return self.delivery.kind is DeliveryKind.REQUEST and self._pending

    @property
    def _pending(self) -> bool:
        return self.request is not None and self.request.model.state is RequestState.PENDING

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left to ask. A copy that was posted is updated then; one that was not is skipped."""
        if isinstance(self.content, CodeDelivery):
            return not self.content.wanted
        if isinstance(self.content, TriggerNotice):
            return self.content.failure is None
        if isinstance(self.content, OwnerNotice):
            return self.content.left_at is None
        if isinstance(self.content, CallbackNotice):
            return not self.content.target.is_wanted
        if self.delivery.kind is DeliveryKind.REMINDER:
            return not self.content.waiting
        return self.delivery.kind is DeliveryKind.REQUEST and not self._pending


def load_notice(tx: Tx, delivery: LeasedDelivery, person: Person) -> TriggerNotice | OwnerNotice:
    """Return what a message is about that belongs to no run: a trigger, or a workflow whose owner left."""
    topic = delivery.topic or ""
    load = left_owners.load_notice if topic.startswith(left_owners.TOPIC) else trigger_rows.load_notice
    return load(tx.connection, delivery.id, topic, person)


def record(tx: Tx, directory: Directory, claimed: ClaimedDelivery, result: Receipt | ChannelError | None) -> datetime:
    """Record the result of an attempt. Return the time of the record, or None if the copy was not needed any more."""
    if result is None:
        if claimed.is_digest:
            digests.lock(tx, claimed.delivery)
        is_skipped = delivery_leases.try_shown(tx, claimed.delivery, None, state=DeliveryState.SKIPPED)
        if is_skipped and claimed.is_digest:
            digests.settle(tx, claimed.delivery)
        _drop_link(tx, claimed.delivery, claimed.link)
    elif isinstance(result, ChannelError):
        if result.postponed:
            postpone(tx, claimed.delivery, claimed.link, result)
            return tx.now
        _record_failure(tx, directory, claimed, result)
        if not result.outcome_unknown:
            _drop_link(tx, claimed.delivery, claimed.link)
    else:
        _record_shown(tx, directory, claimed, result)
    return tx.now


def create_link(tx: Tx, delivery: LeasedDelivery) -> NewLink | None:
    """Create the link for this copy: to its request, or to the call that its owner is asked about."""
    if delivery.kind is DeliveryKind.REMINDER:
        waiting = reminders.first_waiting(tx.connection, delivery.id)
        return None if waiting is None else links.mint(tx, delivery, waiting)
    if _opens_request(delivery):
        assert delivery.request is not None
        return links.mint(tx, delivery, delivery.request)
    if delivery.kind is not DeliveryKind.ALERT or delivery.topic != RunStatus.NEEDS_ATTENTION or delivery.run is None:
        return None
    run = run_rows.load_run(tx, delivery.run)
    # If the owner cannot be reached, another person gets the alert, and is not request.
    if run is None or run.owner != delivery.person or run.state.status is not RunStatus.NEEDS_ATTENTION:
        return None
    visit = next(visit for visit in run.state.visits.values() if visit.index == run.state.cursor)
    return attention_links.mint(tx, delivery, step=visit.step, visit=visit.visit, attempt=visit.attempt)


def _opens_request(delivery: LeasedDelivery) -> bool:
    """Return whether the link of a copy opens the page of its request: to decide, or to answer a question."""
    asks = delivery.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER)
    leads_back = delivery.topic == _VOIDED or questions.tells_answer(delivery.topic)
    return asks or leads_back or questions.asks(delivery.topic)


def postpone(tx: Tx, delivery: LeasedDelivery, link: NewLink | None, why: ChannelError) -> None:
    """Record that a copy was not tried, because its channel takes it later."""
    delivery_leases.try_postponed(tx, delivery, tx.now + (why.retry_after or timedelta(0)))
    _drop_link(tx, delivery, link)


def _drop_link(tx: Tx, delivery: LeasedDelivery, link: NewLink | None) -> None:
    if link is None:
        return
    if _opens_request(delivery):
        links.drop(tx, link)
    else:
        attention_links.drop(tx, link)


def _record_shown(tx: Tx, directory: Directory, claimed: ClaimedDelivery, receipt: Receipt) -> None:
    delivery, request = claimed.delivery, claimed.request
    is_first = delivery.shown_version == 0
    if claimed.is_digest:
        digests.lock(tx, delivery)
    elif is_first and request is not None and request.model.deadlines.first_shown_at is None:
        request_rows.lock(tx, request.id)
    if not delivery_leases.try_shown(tx, delivery, receipt, state=DeliveryState.SHOWN):
        # The lease had run out: this copy may have replaced a newer one.
        deliveries.mark_to_show_again(tx, delivery.id)
        return
    if claimed.is_digest:
        _record_told(tx, directory, claimed)
    elif is_first:
        content = {"kind": delivery.kind.value, **_receiver(delivery)}
        record = entry(EntryKind.DELIVERY_SHOWN, run=delivery.run, request=delivery.request, content={**content})
        tx.audit(delivery.workspace, record)
        if delivery.kind is DeliveryKind.REMINDER:
            delivery_reminders.record_others(tx, delivery, content)
    if delivery.kind is DeliveryKind.CALLBACK and not callbacks.was_moved(tx, claimed.content):
        callback_endpoints.note_success(tx, delivery.address)
    if is_first and delivery.channel == routing.EMAIL_CHANNEL:
        people.mark_address(tx, delivery.workspace, Address(delivery.channel, delivery.address), refused=None)
    if is_first and delivery.kind is DeliveryKind.REQUEST and request is not None:
        _start_deadlines(tx, request)


def _record_told(tx: Tx, directory: Directory, claimed: ClaimedDelivery) -> None:
    """Record what a digest told, and let the time count that begins when a person is told."""
    for told in digests.record_told(tx, claimed.delivery, claimed.told):
        current = _load_open(tx, told.id)
        if current is None:
            continue
        if current.deadlines.first_shown_at is None:
            _save_started(tx, current)
            continue
        later = digests.start_fallback(tx, directory, current, claimed.delivery.person)
        if later is not None and later != current.deadlines and not request_rows.try_set_deadlines(tx, current, later):
            raise Conflict(f"request {current.id} changed meanwhile")


def _load_open(tx: Tx, request: str) -> Request | None:
    loaded = request_model.load_request(tx, request)
    assert loaded is not None
    return loaded[0] if loaded[0].state is RequestState.PENDING else None


def _start_deadlines(tx: Tx, request: RequestView) -> None:
    """Start the deadlines of a request when its first copy was delivered."""
    if request.model.deadlines.first_shown_at is not None:
        return
    current = _load_open(tx, request.id)
    if current is not None and current.deadlines.first_shown_at is None:
        _save_started(tx, current)


def _save_started(tx: Tx, current: Request) -> None:
    started = current.deadlines.after_shown(tx.now, current.zones)
    if not request_rows.try_set_deadlines(tx, current, started):
        raise Conflict(f"request {current.id} changed meanwhile")
    if not started.is_plain:
        record_clocks(tx, current, started)
    if started.expires_after is not None or started.escalate_after is not None:
        # The copies that are shown already say "in 2 weeks". Now they can show the date.
        deliveries.mark_outdated(tx, current.subject.run, current.id)


def record_clocks(tx: Tx, request: Request, deadlines: Deadlines) -> None:
    """Record the moments that were computed: they are never computed again, whatever changes meanwhile."""
    run, content = request.subject.run, deadlines.as_record()
    tx.audit(request.workspace, entry(EntryKind.REQUEST_CLOCKS_STARTED, run=run, request=request.id, content=content))


def _record_failure(tx: Tx, directory: Directory, claimed: ClaimedDelivery, error: ChannelError) -> None:
    delivery = claimed.delivery
    if callbacks.was_moved(tx, claimed.content):
        # What a receiver answers that was replaced meanwhile says nothing about the new one.
        delivery_leases.try_failed(tx, delivery, error=str(error), next_at=tx.now, unknown=error.outcome_unknown)
        tx.enqueue(Work("deliver", delivery.id))
        return
    wait = retry.delivery_wait(
        delivery.attempts,
        outcome_unknown=error.outcome_unknown,
        channel_broken=error.about == "channel",
        retry_after=error.retry_after,
    )
    is_dead = _is_dead(tx, delivery, error)
    if is_dead and claimed.is_digest:
        digests.lock(tx, delivery)
    if is_dead or error.about == "channel":
        _lock(tx, delivery)
    recorded = delivery_leases.try_failed(
        tx,
        delivery,
        error=str(error),
        next_at=None if is_dead else tx.now + wait,
        unknown=delivery.unknown or error.outcome_unknown,
    )
    if not recorded:
        return
    if delivery.kind is DeliveryKind.CALLBACK:
        callbacks.record_failure(tx, directory, delivery, error, is_dead=is_dead)
    if error.about == "channel":
        _alert_broken_channel(tx, directory, delivery)
    if is_dead:
        content = {**_receiver(delivery), "error": str(error)}
        record = entry(EntryKind.DELIVERY_DEAD, run=delivery.run, request=delivery.request, content={**content})
        tx.audit(delivery.workspace, record)
        if error.about == "address" and delivery.kind is not DeliveryKind.CALLBACK:
            people.mark_address(tx, delivery.workspace, Address(delivery.channel, delivery.address), refused=str(error))
        _replace_dead(tx, directory, claimed)


def _receiver(delivery: LeasedDelivery) -> dict[str, str]:
    """Return the receiver of a copy for the audit log. What is shared is for all people at its address."""
    is_for_all = delivery.topic == SHARED or questions.is_shared_answer(delivery.topic)
    named = {} if is_for_all else {"person": delivery.person}
    return {"channel": delivery.channel, "address": delivery.address, **named}


def _lock(tx: Tx, delivery: LeasedDelivery) -> None:
    """Keep others from adding copies meanwhile, and from deciding: they would not update a copy that is added here."""
    if delivery.request is not None:
        request_rows.lock(tx, delivery.request)
    elif delivery.run is not None:
        run_rows.lock(tx, delivery.run)
    if delivery.run is not None:
        deliveries.take_turn(tx, delivery.run)


def _is_dead(tx: Tx, delivery: LeasedDelivery, error: ChannelError) -> bool:
    """Return whether the delivery is given up. A posted copy may have live buttons, so it is tried several times."""
    if error.patience is not None and delivery.created_at + error.patience <= tx.now:
        return True
    return error.permanent and (delivery.shown_version == 0 or delivery.attempts >= retry.GIVE_UP_AFTER)


def _replace_dead(tx: Tx, directory: Directory, claimed: ClaimedDelivery) -> None:
    delivery, content = claimed.delivery, claimed.content
    if claimed.is_digest:
        digests.settle(tx, delivery)
    elif delivery.topic == SHARED:
        _ask_directly(tx, directory, delivery)
    elif delivery.shown_version == 0 and claimed.is_open_request:
        if not _try_fall_back(tx, directory, claimed):
            _alert_unreached(tx, directory, delivery)
    elif questions.is_shared_answer(delivery.topic):
        # The person who asked gets the answer in a message of their own too.
        return
    elif delivery.kind is DeliveryKind.ALERT and isinstance(content, DeliveryContent):
        _reroute_alert(tx, directory, delivery, content)


def _try_fall_back(tx: Tx, directory: Directory, claimed: ClaimedDelivery) -> bool:
    delivery, request = claimed.delivery, claimed.request
    assert delivery.run is not None
    assert request is not None
    routes = Routing(directory, request.model.ways)
    persons = [approver.person for approver in request.approvers if approver.person.id == delivery.person]
    copies = routing.fall_back(
        tx, routes, workspace=delivery.workspace, run=delivery.run, request=request.id, persons=persons
    )
    return bool(copies)


def _ask_directly(tx: Tx, directory: Directory, delivery: LeasedDelivery) -> None:
    """Ask each approver who was asked only by the shared copy, which is gone, and alert the owner.

    The other copies show that it could not be posted.
    """
    assert delivery.run is not None
    assert delivery.request is not None
    loaded = request_model.load_request(tx, delivery.request)
    assert loaded is not None
    request, _ = loaded
    if request.state is not RequestState.PENDING:
        return
    deliveries.mark_outdated(tx, delivery.run, request.id)
    reached = deliveries.load_channels(tx.connection, delivery.run, request.id)
    persons = [row.person for row in request.tally.waiting if row.person.id not in reached]
    copies, more_ways = routing.open_copies(
        directory, request.ways.directly, run=delivery.run, request=request.id, persons=persons
    )
    deliveries.insert_deliveries(tx, delivery.workspace, copies)
    if more_ways and not request_rows.try_set_deadlines(tx, request, request.deadlines.after_asking_more(tx.now)):
        raise Conflict(f"request {request.id} changed meanwhile")
    is_alive, alerted = deliveries.load_outlook(tx.connection, delivery.run, request.id)
    topic = routing.UNPOSTED if is_alive else "unreachable"
    if topic not in alerted:
        run_owner = run_rows.load_owner(tx.connection, delivery.run)
        routing.alert_owner(tx, directory, run_owner, topic=topic, request=request.id)


def _alert_unreached(tx: Tx, directory: Directory, delivery: LeasedDelivery) -> None:
    """Show in the other copies who was not reached, and alert the owner: once, and again when no one is left."""
    assert delivery.run is not None
    assert delivery.request is not None
    deliveries.mark_outdated(tx, delivery.run, delivery.request)
    is_alive, alerted = deliveries.load_outlook(tx.connection, delivery.run, delivery.request)
    topic = "undelivered" if is_alive else "unreachable"
    if topic not in alerted:
        run_owner = run_rows.load_owner(tx.connection, delivery.run)
        routing.alert_owner(tx, directory, run_owner, topic=topic, request=delivery.request)


def _alert_broken_channel(tx: Tx, directory: Directory, delivery: LeasedDelivery) -> None:
    """Alert the owner on another channel that this one needs an operator to fix it, once for each request."""
    if delivery.run is None or delivery.request is None:
        return
    _, alerted = deliveries.load_outlook(tx.connection, delivery.run, delivery.request)
    if "broken" in alerted:
        return
    run_owner = run_rows.load_owner(tx.connection, delivery.run)
    owner = people.load_people_cached(tx, [run_owner.owner])[run_owner.owner]
    without = frozenset({delivery.channel})
    copy = routing.alert(directory, delivery.run, owner, topic="broken", request=delivery.request, without=without)
    deliveries.insert_deliveries(tx, delivery.workspace, [copy])


def _reroute_alert(tx: Tx, directory: Directory, delivery: LeasedDelivery, content: DeliveryContent) -> None:
    """Send the alert on the next route to its person, or else to the requester of the run."""
    assert delivery.run is not None
    tried = deliveries.load_alerted(tx.connection, delivery.run, delivery.topic)
    requester = content.run.requester
    also = delivery.topic in _OWNER_ONLY and requester.is_human
    persons = [content.person, *([requester] if also else [])]
    for person in persons:
        without = frozenset(tried.get(person.id, ()))
        alert = routing.alert(
            directory, delivery.run, person, topic=delivery.topic, request=delivery.request, without=without
        )
        if alert.route is not None:
            deliveries.insert_deliveries(tx, delivery.workspace, [alert])
            return
