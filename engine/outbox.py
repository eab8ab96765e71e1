"""The one door out for requests: the relay shows copies through channels, from current state, until they are right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from engine import gate
from engine.advance import tell_owner
from engine.audit import Entry
from engine.errors import ChannelError, Conflict
from engine.model import Card, DeliveryKind, DeliveryState, Person, Receipt, RequestState
from engine.ports import Channel, Directory, FindsCopies
from engine.store import deliveries, people, reading, requests, runs
from engine.store.deliveries import HeldDelivery, NewDelivery
from engine.store.tx import Connection, Tx
from engine.store.writer import SqliteFile
from engine.views import Copy, RequestView, RunView

BACKOFF: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600, 1800))
"""Waits after failures of one copy, then hourly."""
SECOND_LOOK: Final = timedelta(seconds=2)
PATIENCE: Final = 12
"""Failures in a row, over some hours, after which a copy that people see is given up as well."""
_NOBODY_TOLD: Final = frozenset({"unreachable", "unseen", "needs_attention", "stuck"})
"""Alerts about what nobody but the owner knows of, and what goes on only when somebody does something."""
LONGEST_WISH: Final = timedelta(days=1)
"""What a vendor may ask us to wait at most."""
SHOW_SECONDS: Final = 20.0
"""A channel that takes longer for one copy is cut off: well within the lease, so that no other begins meanwhile."""

_Key: TypeAlias = tuple[str, str | None, DeliveryKind]
"""Copies with the same run, request and kind show the same."""
_Subject: TypeAlias = tuple[RunView, RequestView | None]
log = logging.getLogger(__name__)


def backoff(attempts: int) -> timedelta:
    """How long to wait after failure number `attempts` in a row."""
    return BACKOFF[attempts - 1] if attempts <= len(BACKOFF) else timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Claimed:
    held: HeldDelivery
    copy: Copy

    @property
    def asks(self) -> bool:
        """A copy of a request that is still open."""
        request = self.copy.request
        pending = request is not None and request.asked.state is RequestState.PENDING
        return self.held.kind is DeliveryKind.REQUEST and pending

    @property
    def answered(self) -> bool:
        """Nothing is left to ask: a copy that is out there must say so, and one that is not need not be posted."""
        return self.held.kind is DeliveryKind.REQUEST and not self.asks


class Relay:
    """Delivers copies. `render` makes the card of a copy; `channels` by name; `directory`: where owners are told."""

    def __init__(
        self,
        store: SqliteFile,
        *,
        channels: Mapping[str, Channel],
        directory: Directory,
        render: Callable[[Copy], Card],
        show_seconds: float = SHOW_SECONDS,
    ) -> None:
        self._store, self._channels, self._render, self._show_seconds = store, channels, render, show_seconds
        self._directory = directory
        self._under_way: set[str] = set()
        self._subjects: dict[_Key, asyncio.Future[_Subject]] = {}

    async def deliver(self, delivery: str) -> None:
        """Bring one copy to what it should show. Does nothing if it is not due, or somebody else is at it."""
        # A full disk can keep a receipt from being recorded for longer than a lease: it must not be posted again.
        if delivery in self._under_way:
            return
        self._under_way.add(delivery)
        try:
            await self._deliver(delivery)
        finally:
            self._under_way.discard(delivery)

    async def _deliver(self, delivery: str) -> None:
        held = await self._store.transact(lambda tx: deliveries.claim_delivery(tx, delivery))
        if held is not None:
            claimed = await self._load(held)
            came = await self._attempt(claimed)
            await self._store.insist(lambda tx: _record(tx, self._directory, claimed, came))

    async def _load(self, held: HeldDelivery) -> _Claimed:
        """What the copy shows, read after it was claimed: as new as what was wanted then, or newer.

        Copies of one request are claimed together, and then one read serves all of them: sixty reads of sixty
        approvers kept the first copy from leaving for a tenth of a second.
        """
        key = (held.run, held.request, held.kind)
        coming = self._subjects.get(key)
        if coming is None:
            coming = self._subjects[key] = asyncio.ensure_future(self._read(key))
        run, request = await asyncio.shield(coming)
        person = _known(held, run, request)
        if person is None:
            found = await self._store.read(lambda connection: people.load_people(connection, [held.person]))
            person = found[held.person]
        return _Claimed(
            held, Copy(delivery=held.id, kind=held.kind, topic=held.topic, person=person, run=run, request=request)
        )

    async def _read(self, key: _Key) -> _Subject:
        # Whoever is about to ask for the same joins; whoever comes once the read has begun gets one of their own.
        await asyncio.sleep(0)
        del self._subjects[key]
        return await self._store.read(lambda connection: _subject(connection, key))

    async def _attempt(self, claimed: _Claimed) -> Receipt | ChannelError | None:
        """What came of one attempt. None: there was nothing left to ask, and nobody was."""
        held, limit = claimed.held, asyncio.timeout(self._show_seconds)
        try:
            async with limit:
                return await self._show(claimed)
        except ChannelError as error:
            return error
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                message = f"The channel {held.channel} did not answer within {self._show_seconds:g} seconds."
                return ChannelError(message, outcome_unknown=True)
            log.exception("copy %s of run %s could not be shown", held.id, held.run, extra={"run": held.run})
            message = f"The channel {held.channel} broke; the server's log has it under copy {held.id}."
            return ChannelError(message, outcome_unknown=True)

    async def _show(self, claimed: _Claimed) -> Receipt | None:
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
        card = self._render(claimed.copy)
        return await channel.show(address=held.address, card=card, receipt=receipt, delivery=held.id)


def _subject(connection: Connection, key: _Key) -> _Subject:
    """What copies of this kind are about: at the end of a run, the last decision in it."""
    run_id, request_id, kind = key
    run = reading.run_view(connection, run_id, steps=kind is DeliveryKind.ALERT)
    assert run is not None
    if kind is DeliveryKind.OUTCOME:
        return run, next(reversed(reading.requests_of_run(connection, run_id)), None)
    return run, reading.request_view(connection, request_id) if request_id else None


def _known(held: HeldDelivery, run: RunView, request: RequestView | None) -> Person | None:
    """Whom the copy is for: nearly always somebody who is loaded already."""
    asked = [one.person for one in request.approvers] if request is not None else []
    return next((one for one in (*asked, run.owner, run.requester) if one.id == held.person), None)


def _record(tx: Tx, directory: Directory, claimed: _Claimed, came: Receipt | ChannelError | None) -> None:
    if came is None:
        deliveries.try_shown(tx, claimed.held, None, state=DeliveryState.SKIPPED)
    elif isinstance(came, ChannelError):
        _failed(tx, directory, claimed, came)
    else:
        _shown(tx, claimed, came)


def _shown(tx: Tx, claimed: _Claimed, receipt: Receipt) -> None:
    held = claimed.held
    if not deliveries.try_shown(tx, held, receipt, state=DeliveryState.SHOWN):
        # We came back after our lease: what we showed may lie over what somebody else has shown since.
        deliveries.want_again(tx, held.id)
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
    request = claimed.copy.request
    if first and held.kind is DeliveryKind.REQUEST and request is not None and request.asked.first_shown_at is None:
        _start_clocks(tx, request.id)


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


def _failed(tx: Tx, directory: Directory, claimed: _Claimed, error: ChannelError) -> None:
    held = claimed.held
    wish = min(error.retry_after or timedelta(0), LONGEST_WISH)
    wait = max(SECOND_LOOK if error.outcome_unknown and held.attempts == 1 else backoff(held.attempts), wish)
    # A copy that people see may have buttons that no longer hold: one "never" does not leave it like that.
    dead = error.permanent and (held.shown_version == 0 or held.attempts >= PATIENCE)
    recorded = deliveries.try_failed(
        tx,
        held,
        error=str(error),
        next_at=None if dead else tx.now + wait,
        unknown=held.unknown or error.outcome_unknown,
    )
    if recorded and dead:
        content = {"channel": held.channel, "address": held.address, "person": held.person, "error": str(error)}
        tx.audit(
            held.workspace,
            Entry(kind="delivery.dead", run=held.run, request=held.request, step=None, actor=None, content={**content}),
        )
        if held.shown_version == 0 and claimed.asks:
            _tell_unreached(tx, directory, held)
        elif held.kind is DeliveryKind.ALERT and held.topic in _NOBODY_TOLD:
            _tell_requester(tx, directory, claimed)


def _tell_unreached(tx: Tx, directory: Directory, held: HeldDelivery) -> None:
    """The other copies say who was not reached; so does one alert to the owner, and another when nobody is left."""
    assert held.request is not None
    deliveries.want_update(tx, held.run, held.request)
    alive, told = deliveries.load_outlook(tx.connection, held.run, held.request)
    topic = "undelivered" if alive else "unreachable"
    if topic not in told:
        tell_owner(tx, directory, runs.load_place(tx.connection, held.run), topic=topic, request=held.request)


def _tell_requester(tx: Tx, directory: Directory, claimed: _Claimed) -> None:
    """The owner cannot be told: then whoever started the run is."""
    held, requester = claimed.held, claimed.copy.run.requester
    routes = directory.reach(requester)
    if requester.id != held.person and routes:
        copy = NewDelivery(
            kind=DeliveryKind.ALERT,
            run=held.run,
            person=requester,
            route=routes[0],
            request=held.request,
            topic=held.topic,
        )
        deliveries.insert_deliveries(tx, held.workspace, [copy])
