"""Keeps forms of a messenger as people left them, and gives them back when they open the same form again."""

from __future__ import annotations

from collections.abc import Mapping

from engine.domain import Address
from engine.domain.kept_forms import KeptForm
from engine.json_values import Value
from engine.ports import Clock
from engine.service.engine import Engine
from engine.store import kept_forms


class KeptForms:
    """The forms. `form`: its name, with the version of what it is about."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    async def keep(self, account: Address, form: str, entries: Mapping[str, Value]) -> None:
        """Keep what the inputs of a form hold now."""
        await self._engine.transact(lambda tx: kept_forms.save(tx, _holder(account), form, dict(entries)))

    async def find(self, account: Address, form: str) -> KeptForm | None:
        """Return the form as this person left it within the last day, or None."""
        now, holder = self._clock.now(), _holder(account)
        return await self._engine.store.read(lambda connection: kept_forms.load(connection, holder, form, now))

    async def forget(self, account: Address, form: str) -> None:
        """Forget a form, because it was sent, or because its person starts afresh."""
        await self._engine.transact(lambda tx: kept_forms.drop(tx, _holder(account), form))


def _holder(account: Address) -> str:
    return f"{account.kind}:{account.value}"
