"""The one door out for requests: the relay shows copies through channels, from the current state, until they are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine import gate
from engine.audit import Entry
from engine.errors import ChannelError, Conflict
from engine.model import Card, DeliveryKind, DeliveryState, Receipt, RequestState
from engine.ports import Channel, FindsCopies
from engine.store import deliveries, people, reading, requests
from engine.store.deliveries import HeldDelivery
from engine.store.tx import Tx
from engine.store.writer import SqliteFile
from engine.views import Copy

BACKOFF: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600, 1800))
"""Waits after failures of one copy, then hourly."""
SECOND_LOOK: Final = timedelta(seconds=2)


def backoff(attempts: int) -> timedelta:
    """How long to wait after failure number `attempts` in a row."""
    return BACKOFF[attempts - 1] if attempts <= len(BACKOFF) else timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Claimed:
    held: HeldDelivery
    copy: Copy

    @property
    def pointless(self) -> bool:
        """Nothing is left to ask, and nobody can have seen the question."""
        request = self.copy.request
        closed = request is not None and request.asked.state is not RequestState.PENDING
        return self.held.kind is DeliveryKind.REQUEST and closed and self.held.receipt is None and not self.held.unknown


class Relay:
    """Delivers copies. `render` makes the card of a copy; `channels` by name."""

    def __init__(
        self, store: SqliteFile, *, channels: Mapping[str, Channel], render: Callable[[Copy], Card]
    ) -> None:
        self._store, self._channels, self._render = store, channels, render
        self._under_way: set[str] = set()

    async def deliver(self, delivery: str) -> None:
        """Bring one copy to what it should show. Does nothing if it is not due, or somebody else is at it."""
        if delivery in self._under_way:
            return
        self._under_way.add(delivery)
        try:
            await self._deliver(delivery)
        finally:
            self._under_way.discard(delivery)

    async def _deliver(self, delivery: str) -> None:
        claimed = await self._store.transact(lambda tx: _claim(tx, delivery))
        if claimed is None:
            return
        if claimed.pointless:
            await self._store.transact(
                lambda tx: deliveries.try_shown(tx, claimed.held, None, state=DeliveryState.SKIPPED)
            )
            return
        try:
            receipt = await self._show(claimed)
        except ChannelError as error:
            failure = error
            await self._store.insist(lambda tx: _failed(tx, claimed.held, failure))
        else:
            await self._store.insist(lambda tx: _shown(tx, claimed.held, receipt))

    async def _show(self, claimed: _Claimed) -> Receipt:
        held = claimed.held
        channel = self._channels.get(held.channel)
        if channel is None:
            raise ChannelError(f"The channel {held.channel} is not set up on this server.")
        receipt = held.receipt
        if receipt is None and held.unknown and isinstance(channel, FindsCopies):
            receipt = await channel.find(address=held.address, delivery=held.id)
        return await channel.show(
            address=held.address, card=self._render(claimed.copy), receipt=receipt, delivery=held.id
        )


def _claim(tx: Tx, delivery: str) -> _Claimed | None:
    held = deliveries.claim_delivery(tx, delivery)
    if held is None:
        return None
    run = reading.run_view(tx.connection, held.run)
    assert run is not None
    person = people.load_people(tx.connection, [held.person])[held.person]
    request = reading.request_view(tx.connection, held.request) if held.request else None
    return _Claimed(
        held, Copy(delivery=held.id, kind=held.kind, topic=held.topic, person=person, run=run, request=request)
    )


def _shown(tx: Tx, held: HeldDelivery, receipt: Receipt) -> None:
    if not deliveries.try_shown(tx, held, receipt, state=DeliveryState.SHOWN):
        return
    first = held.shown_version == 0
    if first:
        content = {"kind": held.kind.value, "channel": held.channel, "address": held.address, "person": held.person}
        tx.audit(
            held.workspace,
            Entry(
                kind="delivery.shown", run=held.run, request=held.request, step=None, actor=None, content={**content}
            ),
        )
    if first and held.kind is DeliveryKind.REQUEST and held.request is not None:
        _start_clocks(tx, held.request)


def _start_clocks(tx: Tx, request: str) -> None:
    """The first copy that somebody can see starts the request's clocks."""
    loaded = requests.load_asked(tx.connection, request)
    assert loaded is not None
    asked, _ = loaded
    if asked.state is not RequestState.PENDING or asked.first_shown_at is not None:
        return
    expires_at = gate.expiry(asked, shown_at=tx.now)
    if not requests.try_set_clocks(
        tx, asked, first_shown_at=tx.now, told_unseen=asked.told_unseen, expires_at=expires_at
    ):
        raise Conflict(f"request {request} changed meanwhile")


def _failed(tx: Tx, held: HeldDelivery, error: ChannelError) -> None:
    wait = max(backoff(held.attempts), error.retry_after or timedelta(0))
    if error.outcome_unknown and held.attempts == 1:
        wait = max(SECOND_LOOK, error.retry_after or timedelta(0))
    recorded = deliveries.try_failed(
        tx,
        held,
        error=str(error),
        next_at=None if error.permanent else tx.now + wait,
        unknown=held.unknown or error.outcome_unknown,
    )
    if recorded and error.permanent:
        content = {"channel": held.channel, "address": held.address, "person": held.person, "error": str(error)}
        tx.audit(
            held.workspace,
            Entry(
                kind="delivery.dead", run=held.run, request=held.request, step=None, actor=None, content={**content}
            ),
        )
