"""The one door out for requests: the relay shows copies through channels, from current state, until they are right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeAlias

from engine import json_values
from engine.code_derivation import Codes
from engine.delivery import results
from engine.delivery.concurrency import CircuitBreaker, ConcurrencyLimiter
from engine.delivery.results import ClaimedDelivery
from engine.domain import Card, DeliveryKind, Person, Receipt, RunStatus
from engine.errors import ChannelError
from engine.json_values import Value
from engine.off_loop import LARGE, off_loop
from engine.ports import CarriesLinks, Channel, Directory, FindsCopies, TakesLonger
from engine.read_models import CodeDelivery, DeliveryContent, RequestView, RunView
from engine.store import deliveries, people, queries
from engine.store.deliveries import LEASE, LeasedDelivery
from engine.store.links import NewLink
from engine.store.port import Store
from engine.store.transaction import Connection, Tx

SHOW_SECONDS: Final = 20.0
"""A channel that takes longer for one copy is cut off, unless it says that it needs more."""
MARGIN: Final = timedelta(seconds=10)
"""By how much a lease is longer than a channel may take: no other begins before it was cut off."""

_Key: TypeAlias = tuple[str, str | None, DeliveryKind, bool]
"""Run, request, kind, and whether it is about the end of the run: copies with the same show the same."""
_ENDS: Final = frozenset(one.value for one in RunStatus if one.ended)
_Subject: TypeAlias = tuple[RunView, RequestView | None]
log = logging.getLogger(__name__)


class Relay:
    """Delivers copies. `render` makes the card of a copy; `channels` by name; `directory`: where owners are told."""

    def __init__(
        self,
        store: Store,
        *,
        channels: Mapping[str, Channel],
        directory: Directory,
        render: Callable[[DeliveryContent | CodeDelivery], Card],
        codes: Codes | None = None,
        show_seconds: float = SHOW_SECONDS,
    ) -> None:
        self._store, self._channels, self._render, self._show_seconds = store, channels, render, show_seconds
        self._directory, self._codes = directory, codes
        longest = max([show_seconds, *(self._seconds(name) for name in channels)])
        self._lease = max(LEASE, timedelta(seconds=longest) + MARGIN)
        self._rest = CircuitBreaker()
        self._lanes = ConcurrencyLimiter([name for name, one in channels.items() if isinstance(one, TakesLonger)])
        self._under_way: set[str] = set()
        self._subjects: dict[_Key, asyncio.Future[_Subject]] = {}

    async def deliver(self, delivery: str) -> None:
        """Bring one copy to what it should show. Does nothing if it is not due, or somebody else is at it."""
        # A full disk can keep a receipt from being recorded for longer than a lease: it must not be posted again.
        following: str | None = delivery
        while following is not None and following not in self._under_way and not self._lanes.waits(following):
            self._under_way.add(following)
            try:
                after = await self._deliver(following)
            finally:
                self._under_way.discard(following)
            following = after

    async def _deliver(self, delivery: str) -> str | None:
        """Bring it where it belongs. Returns the copy that waited for its place."""
        try:
            taken = await self._store.transact(lambda tx: self._take(tx, delivery))
            if isinstance(taken, str):
                self._lanes.wait(taken, delivery)
            elif taken is not None:
                claimed = taken if isinstance(taken, ClaimedDelivery) else await self._load(*taken)
                came = await self._attempt(claimed)
                at = await self._store.transact_with_retry(
                    lambda tx: results.record(tx, self._directory, claimed, came)
                )
                self._rest.learn(claimed.held.channel, came, at)
        finally:
            following = self._lanes.leave(delivery)
        return following

    def _take(self, tx: Tx, delivery: str) -> ClaimedDelivery | tuple[LeasedDelivery, NewLink | None] | str | None:
        """Claim a copy, with a link for it where its channel carries links; None: it is not to be shown now.

        A text: its channel, which has no place for it. What a code is for never changes, so all of its copy is known
        here.
        """
        if self._lanes:
            channel = deliveries.load_channel(tx.connection, delivery)
            if channel is not None and not self._lanes.enter(channel, delivery):
                return channel
        held = deliveries.claim_delivery(tx, delivery, self._lease)
        if held is None:
            return None
        until = self._rest.until(held.channel)
        if until is not None and until > tx.now:
            deliveries.try_postponed(tx, held, until)
            return None
        if held.kind is DeliveryKind.CODE:
            person = people.load_people(tx.connection, [held.person])[held.person]
            return ClaimedDelivery(held, queries.code_copy(tx.connection, held.id, person, held.topic or "", tx.now))
        carries = held.receipt is None and isinstance(self._channels.get(held.channel), CarriesLinks)
        return held, results.mint_link(tx, held) if carries else None

    async def _load(self, held: LeasedDelivery, link: NewLink | None) -> ClaimedDelivery:
        """What the copy shows, read after it was claimed: as new as what was wanted then, or newer.

        Copies of one request are claimed together, and then one read serves all of them: sixty reads of sixty
        approvers kept the first copy from leaving for a tenth of a second.
        """
        assert held.run is not None
        ends = held.kind is DeliveryKind.OUTCOME or held.topic in _ENDS
        key = (held.run, held.request, held.kind, ends)
        coming = self._subjects.get(key)
        if coming is None:
            coming = self._subjects[key] = asyncio.ensure_future(self._read(key))
        run, request = await asyncio.shield(coming)
        person = _known(held, run, request)
        if person is None:
            found = await self._store.read(lambda connection: people.load_people(connection, [held.person]))
            person = found[held.person]
        copy = DeliveryContent(
            delivery=held.id,
            kind=held.kind,
            topic=held.topic,
            person=person,
            run=run,
            request=request,
            created_at=held.created_at,
        )
        return ClaimedDelivery(held, copy, link)

    async def _read(self, key: _Key) -> _Subject:
        # Whoever is about to ask for the same joins; whoever comes once the read has begun gets one of their own.
        await asyncio.sleep(0)
        del self._subjects[key]
        return await self._store.read(lambda connection: _subject(connection, key))

    async def _attempt(self, claimed: ClaimedDelivery) -> Receipt | ChannelError | None:
        """What came of one attempt. None: there was nothing left to ask, and nobody was."""
        held = claimed.held
        seconds = self._seconds(held.channel)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._show(claimed)
        except ChannelError as error:
            return error
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                message = f"The channel {held.channel} did not answer within {seconds:g} seconds."
                return ChannelError(message, outcome_unknown=True)
            log.exception("copy %s of run %s could not be shown", held.id, held.run, extra={"run": held.run})
            message = f"The channel {held.channel} broke; the server's log has it under copy {held.id}."
            return ChannelError(message, outcome_unknown=True)

    def _seconds(self, name: str) -> float:
        channel = self._channels.get(name)
        return channel.show_seconds if isinstance(channel, TakesLonger) else self._show_seconds

    async def _show(self, claimed: ClaimedDelivery) -> Receipt | None:
        held, receipt = claimed.held, claimed.held.receipt
        if receipt is None and claimed.answered and not held.unknown:
            return None
        channel = self._channels.get(held.channel)
        if channel is None:
            raise ChannelError(f"The channel {held.channel} is not set up on this server.")
        if receipt is None and held.unknown and isinstance(channel, FindsCopies):
            receipt = await channel.find(address=held.address, delivery=held.id)
        if receipt is None and claimed.answered:
            return None
        card = await off_loop(lambda: self._card(claimed), large=_is_large(claimed.copy))
        return await channel.show(address=held.address, card=card, receipt=receipt, delivery=held.id)

    def _card(self, claimed: ClaimedDelivery) -> Card:
        card, link = self._render(claimed.copy), claimed.link
        if isinstance(claimed.copy, CodeDelivery) and self._codes is not None:
            card = replace(card, code=self._codes.code(claimed.copy.challenge, claimed.copy.digits))
        if link is not None:
            card = replace(card, token=link.token, until=link.until)
        return replace(card, again=True) if claimed.held.unknown else card


def _is_large(copy: DeliveryContent | CodeDelivery) -> bool:
    """Whether it may take long to make a card of it."""
    if isinstance(copy, CodeDelivery) or copy.request is None:
        return False
    decision = copy.request.decision
    after: list[Value] = [] if decision is None else [edit.after for edit in decision.edits]
    return json_values.is_larger([copy.request.model.content.value, *after], LARGE)


def _subject(connection: Connection, key: _Key) -> _Subject:
    """What copies of this kind are about: at the end of a run, the last decision in it."""
    run_id, request_id, kind, ends = key
    run = queries.run_view(connection, run_id, steps=kind is DeliveryKind.ALERT)
    assert run is not None
    if ends:
        return run, next(reversed(queries.requests_of_run(connection, run_id)), None)
    return run, queries.request_view(connection, request_id) if request_id else None


def _known(held: LeasedDelivery, run: RunView, request: RequestView | None) -> Person | None:
    """Whom the copy is for: nearly always somebody who is loaded already."""
    asked = [one.person for one in request.approvers] if request is not None else []
    return next((one for one in (*asked, run.owner, run.requester) if one.id == held.person), None)
