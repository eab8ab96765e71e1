"""New copies that have to wait long for their turn at their channel. They are put off before one of them is claimed.

A messenger takes about one message a second for each person. If programs ask more often, nearly every copy has to come
back later, and to claim each of them first would take two transactions instead of a part of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from engine.domain import Work
from engine.errors import ChannelError
from engine.ports import Channel, KnowsTurns
from engine.store import delivery_leases
from engine.store.port import Store

_LOOK: Final = Work("take_turns", "new")


class LateCopies:
    """Looks at the turns of new copies, all that came since the last look together. `channels`: by name."""

    def __init__(self, store: Store, channels: Mapping[str, Channel]) -> None:
        self._store = store
        self._turns = {name: channel for name, channel in channels.items() if isinstance(channel, KnowsTurns)}
        self._new: list[Work] = []
        self._submit: Callable[[Sequence[Work]], None] = _forget

    def before(self, submit: Callable[[Sequence[Work]], None]) -> Callable[[Sequence[Work]], None]:
        """Return a listener of commits that gives `submit` all work but new copies, which it gives it after a look."""
        self._submit = submit
        return self._sort

    def _sort(self, works: Sequence[Work]) -> None:
        others: list[Work] = []
        for work in works:
            waits = work.to is not None and work.to[0] in self._turns
            (self._new if waits else others).append(work)
        self._submit([*others, _LOOK] if self._new else others)

    async def put_off(self, _: str) -> None:
        """Put off the new copies that have to wait, and submit the others. What is lost here is found in the tables."""
        works, self._new = self._new, []
        late: dict[str, timedelta] = {}
        for work in works:
            wait = await self._wait(work)
            if wait is None:
                self._submit([work])
            else:
                late[work.id] = wait
        if late:
            await self._store.transact(lambda tx: delivery_leases.put_off(tx, late))

    async def _wait(self, work: Work) -> timedelta | None:
        """Return after what time a copy has to come back for its turn, or None if it may be claimed now."""
        assert work.to is not None
        channel, address = work.to
        try:
            await self._turns[channel].check_turn(address=address, delivery=work.id)
        except ChannelError as error:
            # Whatever else is wrong is found out, and recorded, when it is claimed.
            return error.retry_after if error.postponed else None
        return None


def _forget(works: Sequence[Work]) -> None:
    """Do nothing: what is due is found in the tables."""
