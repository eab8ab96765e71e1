"""Amounts of money as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import currencies

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e12"), max_value=Decimal("1e12"))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("120", "EUR", "120.00 EUR"),
        ("120.5", "EUR", "120.50 EUR"),
        ("-7", "EUR", "-7.00 EUR"),
        ("0.1234", "EUR", "0.1234 EUR"),
        ("120", "JPY", "120 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        ("3", "XAU", "3 XAU"),
        ("120", "ABC", "120 ABC"),
        ("12e2", "EUR", "12e2 EUR"),
        ("1 000", "EUR", "1 000 EUR"),
        ("", "EUR", " EUR"),
        ("١٢", "EUR", "١٢ EUR"),
    ],
)
def test_money_has_at_least_the_usual_decimals(amount: str, currency: str, text: str) -> None:
    assert currencies.show(amount, currency) == text


@given(AMOUNTS, st.sampled_from(["EUR", "JPY", "KWD", "CLF", "XAU", "ABC"]))
def test_only_zeros_are_added(amount: Decimal, currency: str) -> None:
    exact = f"{amount:f}"
    shown, _, code = currencies.show(exact, currency).rpartition(" ")
    assert (Decimal(shown), code) == (Decimal(exact), currency)
    assert shown.startswith(exact)
