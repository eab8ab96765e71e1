"""The people of a trial without a roles file: made-up people for every role that a workflow names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bot.roles.model import PersonEntry, Roles
from engine.domain import Address
from engine.identifiers import in_words
from engine.references import EMAIL, Reference

COUNT: Final = 2
"""How many people stand for a role: some gates ask two of the same role."""
_HOST: Final = "role.example"
"""A name that no server can have."""
_ADDRESS: Final = re.compile(rf"(.+)-([1-{COUNT}])@{re.escape(_HOST)}")


class _EveryRole(Mapping[str, tuple[Reference, ...]]):
    """The members of a role of any name. None of them is listed, because there is no end of them."""

    def __getitem__(self, name: str) -> tuple[Reference, ...]:
        addresses = [f"{name}-{number}@{_HOST}" for number in range(1, COUNT + 1)]
        return tuple(Reference(EMAIL, address, address) for address in addresses)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class StandIns(Roles):
    """Roles of any name, with people who are called like their role: "Finance 1", "Finance 2"."""

    def __init__(self) -> None:
        super().__init__(members=_EveryRole())

    def entry(self, addresses: Iterable[Address]) -> PersonEntry | None:
        """Return the made-up person who has one of these addresses, or None."""
        for address in addresses:
            found = _ADDRESS.fullmatch(address.value) if address.kind == EMAIL else None
            if found is not None:
                return PersonEntry(f"{in_words(found[1])} {found[2]}", (address,))
        return None
