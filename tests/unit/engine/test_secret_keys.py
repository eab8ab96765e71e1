"""The encryption of secrets: what a key opens, and what a sealed value tells."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.secret_keys import NONCE, SealedValue, SecretKeys, SecretPlace

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
PLACE = SecretPlace("default", None, "CRM_TOKEN")
NONCE_BYTES = b"n" * 16


@given(st.text(alphabet=st.characters(), min_size=1), st.binary(min_size=16, max_size=16))
def test_a_value_is_opened_as_it_was_sealed(value: str, nonce: bytes) -> None:
    sealed = SecretKeys([NEW]).seal(value, PLACE, nonce)
    assert SecretKeys([OLD, NEW]).open(sealed, PLACE) == value


@pytest.mark.parametrize("value", ["abcd\0", "abcd\x80", "abcd\0\0", "\x80\0", "é\0\x80"])
def test_the_padding_takes_nothing_from_a_value(value: str) -> None:
    keys = SecretKeys([NEW])
    assert keys.open(keys.seal(value, PLACE, NONCE_BYTES), PLACE) == value


def test_values_of_usual_lengths_have_sealed_texts_of_one_length() -> None:
    keys = SecretKeys([NEW])
    lengths = {len(keys.seal("x" * length, PLACE, NONCE_BYTES).text) for length in (4, 20, 40, 100, 255)}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, workspace="other"),
        replace(PLACE, workflow="refund"),
        replace(PLACE, name="CRM"),
        SecretPlace("default\n", None, "CRM_TOKEN"),
    ],
)
def test_a_value_that_was_moved_to_another_place_is_opened_nowhere(place: SecretPlace) -> None:
    keys = SecretKeys([NEW])
    assert keys.open(keys.seal("swordfish", PLACE, NONCE_BYTES), place) is None


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
def test_a_value_that_was_changed_is_not_opened(at: int, by: int) -> None:
    keys = SecretKeys([NEW])
    sealed = keys.seal("swordfish", PLACE, NONCE_BYTES)
    raw = bytearray(base64.b64decode(sealed.text))
    raw[at % len(raw)] ^= by
    assert keys.open(SealedValue(sealed.key, base64.b64encode(raw).decode()), PLACE) is None


@pytest.mark.parametrize("text", ["", "é", "AAAA", "=", "not base64 at all", base64.b64encode(bytes(NONCE)).decode()])
def test_what_was_never_sealed_is_not_opened(text: str) -> None:
    keys = SecretKeys([NEW])
    assert keys.current is not None
    assert keys.open(SealedValue(keys.current, text), PLACE) is None


def test_another_key_opens_nothing_and_the_first_one_seals() -> None:
    sealed = SecretKeys([OLD]).seal("swordfish", PLACE, NONCE_BYTES)
    assert SecretKeys([NEW]).open(sealed, PLACE) is None
    assert SecretKeys().open(sealed, PLACE) is None
    both = SecretKeys([NEW, OLD])
    assert both.open(sealed, PLACE) == "swordfish"
    assert both.seal("swordfish", PLACE, NONCE_BYTES).key == both.current == SecretKeys([NEW]).current
    assert SecretKeys().current is None


def test_the_id_of_a_key_tells_nothing_of_it() -> None:
    key = SecretKeys([NEW]).current
    assert key is not None
    assert len(key) == 16
    assert key not in NEW.hex()
