"""Who may approve an amount: exactly, only in the same currency, and with the widest of a person's roles."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight.limits import Limit, may_approve, narrowest, widest, write
from engine.oversight.risk import CannotTell

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY"])
AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=2)
LIMITS = st.one_of(st.none(), st.dictionaries(CURRENCIES, AMOUNTS, max_size=3))
MONEY = st.tuples(st.decimals(min_value=-(10**12), max_value=10**12, places=2), CURRENCIES)
FIVE: Limit = {"EUR": Decimal(5000)}


@pytest.mark.parametrize(
    ("limit", "amount", "may"),
    [
        (FIVE, (Decimal("5000.00"), "EUR"), True),
        (FIVE, (Decimal("5000.01"), "EUR"), False),
        (FIVE, (Decimal("-5000.01"), "EUR"), False),
        (FIVE, (Decimal(1), "USD"), False),
        (FIVE, (Decimal("5" + "0" * 29), "EUR"), False),
        (FIVE, CannotTell("it is missing"), False),
        (None, CannotTell("it is missing"), True),
        ({}, (Decimal(0), "EUR"), False),
    ],
)
def test_an_amount_is_within_a_limit_or_not(
    limit: Limit | None, amount: tuple[Decimal, str] | CannotTell, may: bool
) -> None:
    assert may_approve(limit, amount) is may


@given(st.lists(LIMITS, min_size=1, max_size=4), MONEY)
def test_the_widest_limit_allows_what_one_of_them_does(limits: list[Limit | None], amount: tuple[Decimal, str]) -> None:
    assert may_approve(widest(limits), amount) == any(may_approve(limit, amount) for limit in limits)


@given(st.lists(LIMITS, min_size=1, max_size=4), MONEY)
def test_the_narrowest_limit_allows_what_all_do(limits: list[Limit | None], amount: tuple[Decimal, str]) -> None:
    assert may_approve(narrowest(limits), amount) == all(may_approve(limit, amount) for limit in limits)


def test_a_person_without_a_role_that_has_a_limit_has_none() -> None:
    assert widest([]) is None
    assert narrowest([]) is None


def test_limits_are_written_with_all_their_currencies() -> None:
    assert write({"USD": Decimal(6000), "EUR": Decimal("5000.5")}) == "5000.50 EUR or 6000.00 USD"
    assert write({"USD": Decimal(6), "EUR": Decimal(5), "JPY": Decimal(7)}) == "5.00 EUR, 7 JPY or 6.00 USD"
    assert write({}) == "no amount"
