"""The draw: fair, the same for everyone who knows the salt, and unforeseeable for all others."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight import draw

KEY = bytes(range(32))
SALT = draw.salt_of(KEY, "plan-1", 1)


@pytest.mark.parametrize("share", ["0.01", "0.1", "0.5", "0.99"])
def test_a_share_is_drawn(share: str) -> None:
    times = 20_000
    drawn = sum(
        draw.is_drawn(SALT, draw.visit_key(f"run-{number}", "pay", 1), Decimal(share)) for number in range(times)
    )
    assert drawn / times == pytest.approx(float(share), abs=0.012)


@given(run=st.text(max_size=30), visit=st.integers(1, 99), share=st.decimals("0.01", "0.99", places=4))
def test_it_is_the_documented_formula(run: str, visit: int, share: Decimal) -> None:
    """Everyone who has the salt can check a draw with a few lines of their own."""
    key = f"{run}/pay/{visit}"
    number = int.from_bytes(hmac.new(SALT, key.encode(), hashlib.sha256).digest()[:8], "big")
    assert draw.is_drawn(SALT, draw.visit_key(run, "pay", visit), share) == (Fraction(number, 2**64) < Fraction(share))


def test_what_a_larger_share_draws_includes_what_a_smaller_one_does() -> None:
    keys = [draw.visit_key(f"run-{number}", "pay", 1) for number in range(1_000)]
    some = {key for key in keys if draw.is_drawn(SALT, key, Decimal("0.1"))}
    more = {key for key in keys if draw.is_drawn(SALT, key, Decimal("0.3"))}
    assert some < more


def test_every_stage_plan_and_server_has_its_own_salt() -> None:
    salts = {
        SALT,
        draw.salt_of(KEY, "plan-1", 2),
        draw.salt_of(KEY, "plan-2", 1),
        draw.salt_of(bytes(32), "plan-1", 1),
    }
    assert len(salts) == 4
    assert len({draw.commitment(salt) for salt in salts}) == 4
    assert draw.commitment(SALT) == hashlib.sha256(SALT).hexdigest()
