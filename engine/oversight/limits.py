"""Limits of authorization: up to which amount a person may approve. Pure.

Amounts are compared exactly, and only in the same currency. An amount in another currency, or one that cannot be told,
is above every limit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import TypeAlias

from engine import currencies
from engine.oversight.risk import CannotTell

Money: TypeAlias = tuple[Decimal, str]
"""An amount and its currency."""
Limit: TypeAlias = Mapping[str, Decimal]
"""The largest amount by currency."""


def may_approve(limit: Limit | None, amount: Money | CannotTell) -> bool:
    """Return whether a person with this limit may approve the amount. None: they have no limit.

    What is paid back counts like what is paid.
    """
    if limit is None:
        return True
    if isinstance(amount, CannotTell):
        return False
    number, currency = amount
    largest = limit.get(currency)
    return largest is not None and abs(number) <= largest


def widest(limits: Collection[Limit | None]) -> Limit | None:
    """Return the limit of a person with several roles: in each currency the largest. None: they have no limit."""
    together: dict[str, Decimal] = {}
    for limit in limits:
        if limit is None:
            return None
        for currency, amount in limit.items():
            together[currency] = max(amount, together.get(currency, amount))
    return together if limits else None


def narrowest(limits: Collection[Limit | None]) -> Limit | None:
    """Return the limit within all of these: that of a person who may have any of the roles."""
    own = [limit for limit in limits if limit is not None]
    if not own:
        return None
    shared = set(own[0]).intersection(*own[1:])
    return {currency: min(limit[currency] for limit in own) for currency in shared}


def write(limit: Limit) -> str:
    """Return a limit as people read it: `5000.00 EUR or 6000.00 USD`."""
    amounts = [show((amount, currency)) for currency, amount in sorted(limit.items())]
    return " or ".join(filter(None, (", ".join(amounts[:-1]), *amounts[-1:]))) or "no amount"


def show(money: Money) -> str:
    """Return an amount as people read it."""
    return currencies.show(format(money[0], "f"), money[1])
