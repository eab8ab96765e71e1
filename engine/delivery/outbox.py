"""The relay of the outbox: it shows every copy through its channel until the copy shows the current state."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from engine import json_values
from engine.code_delivery import CodeDelivery
from engine.code_derivation import Codes
from engine.delivery import callbacks, contents, digests, reminders, results
from engine.delivery.concurrency import CROWDED_WAIT, STRAINED_SECONDS, CircuitBreaker, ConcurrencyLimiter
from engine.delivery.results import ClaimedDelivery, Content
from engine.domain import DIGEST, Card, DeliveryKind, Receipt
from engine.errors import ChannelError, StoreError
from engine.json_values import Value
from engine.notices import CallbackTarget
from engine.off_loop import LARGE, off_loop
from engine.ports import (
    CarriesLinks,
    Channel,
    Directory,
    FindsCopies,
    KnowsTurns,
    ListsRequests,
    RenewsCards,
    Route,
    SeparatesAddresses,
    TakesLonger,
)
from engine.read_models import DeliveryContent
from engine.requests import questions
from engine.store import delivery_leases, delivery_queries, people
from engine.store.channel_rests import ChannelRest
from engine.store.delivery_leases import LEASE, LeasedDelivery
from engine.store.links import NewLink
from engine.store.port import Store, Tx
from engine.telemetry import DeliveryAttempt, NoTelemetry, Telemetry

SHOW_SECONDS: Final = 20.0
"""How long a channel may take for one copy, unless it declares `show_seconds`."""
HAND_OVER_SECONDS: Final = 2.0
"""How long a process that stops tries to hand over a copy, in seconds."""
MARGIN: Final = timedelta(seconds=10)
"""Time that a lease adds to that of the channel, so that a second attempt starts only after the first was cut off."""

log = logging.getLogger(__name__)


class _Claim(Struct, frozen=True):
    """A delivery whose content is loaded after the claim."""

    delivery: LeasedDelivery
    link: NewLink | None = None
    target: CallbackTarget | None = None


@dataclass(slots=True)
class _NewestClaim:
    """What an attempt shows, which may be newer than what was claimed. `has_turn`: its turn was looked at already."""

    claimed: ClaimedDelivery
    has_turn: bool


class _NoSlot(Struct, frozen=True):
    """The channel of a delivery has no free slot now."""

    route: Route


class Relay:
    """Delivers copies. `channels`: by name. `directory`: how people are reached. `render`: builds the card."""

    def __init__(
        self,
        store: Store,
        *,
        channels: Mapping[str, Channel],
        directory: Directory,
        render: Callable[[Content], Card],
        codes: Codes | None = None,
        show_seconds: float = SHOW_SECONDS,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._telemetry = telemetry or NoTelemetry()
        self._store, self._channels, self._render, self._show_seconds = store, channels, render, show_seconds
        self._directory, self._codes = directory, codes
        longest = max([show_seconds, *(self._seconds(name) for name in channels)])
        self._lease = max(LEASE, timedelta(seconds=longest) + MARGIN)
        self._breaker = CircuitBreaker(store)
        slow = [name for name, channel in channels.items() if isinstance(channel, TakesLonger)]
        separate = [name for name in slow if isinstance(channels[name], SeparatesAddresses)]
        self._limiter = ConcurrencyLimiter(slow, separate)
        # Looked for once: a check of a protocol costs as much as a statement of the database.
        self._turns = {name: channel for name, channel in channels.items() if isinstance(channel, KnowsTurns)}
        self._with_links = {name for name, channel in channels.items() if isinstance(channel, CarriesLinks)}
        self._running: set[str] = set()
        self._subjects: dict[contents.Key, asyncio.Future[contents.Subject]] = {}

    async def deliver(self, delivery_id: str) -> None:
        """Bring one copy up to date. Do nothing if it is not due, or another task works on it."""
        # With a full disk, recording a receipt may take longer than a lease. The copy must not be posted twice then.
        next_id: str | None = delivery_id
        while next_id is not None and next_id not in self._running and not self._limiter.is_waiting(next_id):
            self._running.add(next_id)
            try:
                released = await self._deliver(next_id)
            finally:
                self._running.discard(next_id)
            next_id = released

    async def _deliver(self, delivery_id: str) -> str | None:
        """Make one attempt to deliver. Return the delivery that waited for the slot which is free now, if any."""
        claim: ClaimedDelivery | _Claim | _NoSlot | Route | None = None
        try:
            await self._breaker.refresh()
            claim = await self._store.transact(lambda tx: self._claim(tx, delivery_id))
            if isinstance(claim, _NoSlot):
                self._limiter.add_waiting(claim.route.channel, claim.route.address, delivery_id)
            elif isinstance(claim, Route):
                self._mark_list(claim)
            elif claim is not None:
                await self._show_claimed(claim)
        except asyncio.CancelledError:
            if isinstance(claim, ClaimedDelivery | _Claim):
                await self._hand_over(claim.delivery)
            raise
        finally:
            next_id = self._limiter.release(delivery_id)
        return next_id

    async def _show_claimed(self, claim: ClaimedDelivery | _Claim) -> None:
        is_new = isinstance(claim, _Claim) and self._waits_for_turn(claim.delivery)
        late = await self._late_turn(claim.delivery) if is_new else None
        if late is not None:
            await self._store.transact_with_retry(lambda tx: results.postpone(tx, claim.delivery, claim.link, late))
            return
        claimed = claim if isinstance(claim, ClaimedDelivery) else await self._load(claim)
        began, route = self._telemetry.clock(), claimed.delivery
        attempt = _NewestClaim(claimed, has_turn=is_new)
        began_at = asyncio.get_running_loop().time()
        result = await self._result(attempt)
        is_slow = asyncio.get_running_loop().time() - began_at > STRAINED_SECONDS
        self._limiter.note(route.channel, route.address, strained=is_slow or isinstance(result, ChannelError))
        claimed = attempt.claimed
        at, rest = await self._store.transact_with_retry(lambda tx: self._record(tx, claimed, result))
        self._breaker.note(claimed.delivery.workspace, claimed.delivery.channel, result, rest, at)
        self._report(claimed, result, at, began)

    def _waits_for_turn(self, delivery: LeasedDelivery) -> bool:
        """Return whether a copy was never shown or tried, and nothing has changed since it was made.

        So it is certain that it is still needed, and its turn can be looked at before anything is read for it.
        """
        is_new = delivery.receipt is None and not delivery.unknown and delivery.wanted_version == 1
        return is_new and delivery.kind is not DeliveryKind.REMINDER and delivery.channel in self._turns

    async def _late_turn(self, delivery: LeasedDelivery) -> ChannelError | None:
        """Return why a copy has to come back for its turn, or None if its turn is near."""
        try:
            await self._turns[delivery.channel].check_turn(address=delivery.address, delivery=delivery.id)
        except ChannelError as error:
            if not error.postponed:
                raise
            return error
        return None

    async def _hand_over(self, delivery: LeasedDelivery) -> None:
        """Let another process go on with a copy at once, as this one stops. Else it does when the lease has lapsed."""
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await self._store.transact(lambda tx: delivery_leases.hand_over(tx, delivery))

    def _record(
        self, tx: Tx, claimed: ClaimedDelivery, result: Receipt | ChannelError | None
    ) -> tuple[datetime, ChannelRest | None]:
        """Record the result of an attempt: return when, and whether the channel rests now."""
        at = results.record(tx, self._directory, claimed, result)
        return at, self._breaker.save(tx, claimed.delivery.workspace, claimed.delivery.channel, result)

    def _report(
        self, claimed: ClaimedDelivery, result: Receipt | ChannelError | None, at: datetime, began: float
    ) -> None:
        """Tell monitoring about an attempt, unless nothing was tried."""
        if result is None or (isinstance(result, ChannelError) and result.postponed):
            return
        delivery, request = claimed.delivery, claimed.request
        subject = request.model.subject if request is not None and request.decision is not None else None
        failed = isinstance(result, ChannelError)
        is_first = delivery.receipt is None and not failed
        self._telemetry.delivered(
            DeliveryAttempt(
                channel=delivery.channel,
                kind=delivery.kind.value,
                run=delivery.run,
                request=delivery.request,
                began=began,
                lag=(at - delivery.created_at).total_seconds() if is_first else None,
                step=subject.step if subject is not None else None,
                visit=subject.visit if subject is not None else 0,
                error=result if isinstance(result, ChannelError) else None,
            )
        )

    def _mark_list(self, held: Route) -> None:
        """Tell a channel that shows lists that one has changed. It is only a hint: what people open is right."""
        channel = self._channels.get(held.channel)
        if isinstance(channel, ListsRequests):
            channel.mark_list(held.address)

    def _claim(self, tx: Tx, delivery_id: str) -> ClaimedDelivery | _Claim | _NoSlot | Route | None:
        """Claim a delivery, with a link if its channel carries links. Return None if it is not to be shown now.

        Of a copy that a digest tells, return where it would go.

        The content of a code never changes, so it is loaded here; other content is loaded after the claim.
        """
        if self._limiter:
            route = delivery_leases.load_route(tx.connection, delivery_id)
            if route is not None and not self._limiter.try_acquire(route.channel, route.address, delivery_id):
                return self._wait_for_slot(tx, route, delivery_id)
        delivery = delivery_leases.claim_delivery(tx, delivery_id, self._lease)
        if delivery is None:
            return delivery_leases.load_held_route(tx.connection, delivery_id)
        until = self._breaker.open_until(delivery.workspace, delivery.channel)
        if until is not None and until > tx.now:
            delivery_leases.try_postponed(tx, delivery, until)
            return None
        if delivery.topic == DIGEST and digests.try_release_single(tx, delivery):
            return None
        if delivery.kind is DeliveryKind.CODE:
            person = people.load_people(tx.connection, [delivery.person])[delivery.person]
            content = delivery_queries.code_delivery(tx.connection, delivery.id, person, delivery.topic or "", tx.now)
            return ClaimedDelivery(delivery, content)
        if delivery.kind is DeliveryKind.NOTICE:
            person = people.load_people(tx.connection, [delivery.person])[delivery.person]
            return ClaimedDelivery(delivery, results.load_notice(tx, delivery, person))
        if delivery.kind is DeliveryKind.CALLBACK:
            target = callbacks.claim(tx, delivery)
            return _Claim(delivery, target=target) if target is not None else None
        needs_link = delivery.receipt is None and delivery.channel in self._with_links
        return _Claim(delivery, results.create_link(tx, delivery) if needs_link else None)

    def _wait_for_slot(self, tx: Tx, route: Route, delivery_id: str) -> _NoSlot | None:
        """Have a delivery wait for a slot here, or in the database if very many wait for its address."""
        if not self._limiter.is_crowded(route.channel, route.address):
            return _NoSlot(route)
        delivery = delivery_leases.claim_delivery(tx, delivery_id, self._lease)
        if delivery is not None:
            delivery_leases.try_postponed(tx, delivery, tx.now + CROWDED_WAIT)
        return None

    async def _load(self, claim: _Claim) -> ClaimedDelivery:
        """Load the content of a copy after it was claimed, so that it is at least as new as the wanted version.

        Copies of one request are claimed together, and one read serves all of them: a read for each of sixty approvers
        would delay the first copy.
        """
        delivery, link, target = claim.delivery, claim.link, claim.target
        assert delivery.run is not None
        if target is not None:
            notice = await self._store.read(lambda connection: callbacks.load_notice(connection, delivery, target))
            return ClaimedDelivery(delivery, notice)
        if delivery.kind is DeliveryKind.REMINDER:
            reminder = await self._store.read(lambda connection: reminders.load_content(connection, delivery))
            return ClaimedDelivery(delivery, reminder, link)
        key = contents.subject_key(delivery, delivery.run)
        reading = self._subjects.get(key)
        if reading is None:
            reading = self._subjects[key] = asyncio.ensure_future(self._read(key))
        subject = await asyncio.shield(reading)
        person = contents.find_person(delivery, *subject)
        if person is None:
            loaded = await self._store.read(lambda connection: people.load_people(connection, [delivery.person]))
            person = loaded[delivery.person]
        content = contents.content_of(delivery, person, subject)
        if delivery.receipt is None and questions.is_about_one(delivery.topic):
            below = await self._store.read(lambda connection: contents.load_below(connection, delivery))
            content = replace(content, below=below)
        return ClaimedDelivery(delivery, content, link)

    async def _read(self, key: contents.Key) -> contents.Subject:
        # Callers that arrive before the read starts share it. Later callers start a new one, because their delivery may
        # want a newer version.
        await asyncio.sleep(0)
        del self._subjects[key]
        return await self._store.read(lambda connection: contents.load_subject(connection, key))

    async def _result(self, attempt: _NewestClaim) -> Receipt | ChannelError | None:
        """Return the result of one attempt: a receipt, an error, or None if the copy was not needed any more."""
        delivery = attempt.claimed.delivery
        seconds = self._seconds(delivery.channel)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._show(attempt)
        except ChannelError as error:
            return error
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                message = f"{delivery.channel.capitalize()} did not answer within {seconds:g} seconds."
                return ChannelError(message, outcome_unknown=True)
            log.exception(
                "copy %s of run %s could not be shown", delivery.id, delivery.run, extra={"run": delivery.run}
            )
            message = f"{delivery.channel.capitalize()} failed unexpectedly. The log of the server says why."
            return ChannelError(message, outcome_unknown=True)

    def _seconds(self, name: str) -> float:
        channel = self._channels.get(name)
        return channel.show_seconds if isinstance(channel, TakesLonger) else self._show_seconds

    async def _show(self, attempt: _NewestClaim) -> Receipt | None:
        claimed = attempt.claimed
        delivery, receipt = claimed.delivery, claimed.delivery.receipt
        if receipt is None and claimed.is_closed and not delivery.unknown:
            return None
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise ChannelError(f"{delivery.channel.capitalize()} is not set up on this server.")
        if receipt is None and delivery.unknown and isinstance(channel, FindsCopies):
            receipt = await channel.find(address=delivery.address, delivery=delivery.id, below=claimed.below)
        if receipt is None and claimed.is_closed:
            return None
        turns = self._turns.get(delivery.channel)
        if receipt is None and turns is not None and not attempt.has_turn:
            await turns.check_turn(address=delivery.address, delivery=delivery.id)
        card = await self._render_off_loop(claimed)
        if receipt is not None and isinstance(channel, RenewsCards):
            return await channel.show(
                address=delivery.address,
                card=card,
                receipt=receipt,
                delivery=delivery.id,
                renew=lambda: self._renew(attempt),
            )
        return await channel.show(address=delivery.address, card=card, receipt=receipt, delivery=delivery.id)

    async def _renew(self, attempt: _NewestClaim) -> Card | None:
        """Return the card of the newest state, or None if nothing has changed.

        An edit may have waited for its turn. If it showed what was read before, another edit would have to follow.
        """
        newer, claimed = None, attempt.claimed
        with contextlib.suppress(StoreError):
            newer = await self._store.read(lambda connection: contents.load_newer(connection, claimed))
        if newer is None:
            return None
        card = await self._render_off_loop(newer)
        attempt.claimed = newer
        return card

    async def _render_off_loop(self, claimed: ClaimedDelivery) -> Card:
        return await off_loop(lambda: self._card(claimed), large=_is_large(claimed.content))

    def _card(self, claimed: ClaimedDelivery) -> Card:
        card, link = self._render(claimed.content), claimed.link
        if isinstance(claimed.content, CodeDelivery) and self._codes is not None:
            card = replace(card, code=self._codes.code(claimed.content.challenge, claimed.content.digits))
        if link is not None:
            card = replace(card, token=link.token, until=link.until)
        return replace(card, again=True) if claimed.delivery.unknown else card


def _is_large(content: Content) -> bool:
    """Return whether the content is so large that its card must not be made on the event loop."""
    if not isinstance(content, DeliveryContent) or content.request is None:
        return False
    decision = content.request.decision
    after: list[Value] = [] if decision is None else [edit.after for edit in decision.edits]
    return json_values.is_larger([content.request.model.content.value, *after], LARGE)
