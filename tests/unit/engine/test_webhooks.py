"""Signatures of webhooks, by the vectors of the Standard Webhooks project, and hostile bodies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import webhooks
from engine.errors import InvalidValue
from engine.webhooks import ID, SIGNATURE, TIMESTAMP, WINDOW
from tests.support.examples import example_count
from tests.support.refused_values import HOSTILE_BODIES

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNED = {
    ID: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    TIMESTAMP: "1614265330",
    SIGNATURE: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The example of the Standard Webhooks project."""


def is_signed(headers: dict[str, str], *, secret: str = SECRET, body: bytes = BODY, now: datetime = SENT_AT) -> bool:
    return webhooks.is_signed(secret, headers, body, now)


def test_the_example_of_the_project_is_signed() -> None:
    assert is_signed(SIGNED)
    assert is_signed(SIGNED, secret=SECRET.removeprefix("whsec_"))
    other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    assert is_signed({**SIGNED, SIGNATURE: f"{other} {SIGNED[SIGNATURE]}"})
    assert is_signed(SIGNED, now=SENT_AT + WINDOW)
    assert is_signed(SIGNED, now=SENT_AT - WINDOW)


@pytest.mark.parametrize(
    "changes",
    [
        {SIGNATURE: "v1,dawfeoifkpqwoekfpqoekf"},
        {SIGNATURE: "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {SIGNATURE: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {SIGNATURE: "v1,"},
        {SIGNATURE: ""},
        {SIGNATURE: "v1,é"},
        {SIGNATURE: " ".join(["v1,AAAA"] * 10 + [SIGNED[SIGNATURE]])},
        {ID: ""},
        {ID: "msg_other"},
        {ID: "x" * 201},
        {TIMESTAMP: ""},
        {TIMESTAMP: "1614265331"},
        {TIMESTAMP: "hi"},
        {TIMESTAMP: "1614265330.0"},
        {TIMESTAMP: "٣"},
    ],
)
def test_a_call_with_another_proof_is_not_signed(changes: dict[str, str]) -> None:
    assert not is_signed({**SIGNED, **changes})


def test_a_call_that_is_too_old_or_too_new_is_not_signed() -> None:
    for age in (WINDOW + timedelta(seconds=1), -WINDOW - timedelta(seconds=1), timedelta(days=400)):
        assert not is_signed(SIGNED, now=SENT_AT + age)
    assert not is_signed(SIGNED, body=BODY + b" ")
    for missing in SIGNED:
        assert not is_signed({name: text for name, text in SIGNED.items() if name != missing})


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=200), st.sampled_from(["std", "url", "bare"]))
@settings(max_examples=example_count(100), deadline=None)
def test_a_secret_in_either_alphabet_has_the_same_key(key: bytes, body: bytes, alphabet: str) -> None:
    written = base64.b64encode(key) if alphabet == "std" else base64.urlsafe_b64encode(key)
    secret = written.decode().rstrip("=") if alphabet == "bare" else f"whsec_{written.decode()}"
    signature = base64.b64encode(hmac.new(key, b"m.1614265330." + body, hashlib.sha256).digest()).decode()
    headers = {ID: "m", TIMESTAMP: "1614265330", SIGNATURE: f"v1,{signature}"}
    assert is_signed(headers, secret=secret, body=body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a b", "pässwörd!", "x"])
def test_a_secret_that_is_no_key_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        webhooks.key_of(secret)
    assert secret in ("", "x", "whsec_") or secret not in str(caught.value)


def test_a_secret_in_a_header_is_compared_as_it_is() -> None:
    assert webhooks.has_secret("s3cret", "s3cret")
    assert not webhooks.has_secret("s3cret", "S3cret")
    assert not webhooks.has_secret("s3cret", "")
    assert not webhooks.has_secret("s3cret", "s3cret\udcff")


def test_bodies_are_json_or_a_form() -> None:
    assert webhooks.parse("application/json; charset=utf-8", b'{"a": [1, 2.50, null]}') is not None
    assert webhooks.parse("", b"3") == 3
    assert webhooks.parse("", b"[" * 32 + b"]" * 32) != []
    assert webhooks.parse("application/cloudevents+json", b'"x"') == "x"
    form = webhooks.parse("application/x-www-form-urlencoded", b"a=1&b=x%20y&b=z&c=")
    assert form == {"a": "1", "b": ["x y", "z"], "c": ""}


@pytest.mark.parametrize(("kind", "body", "problem"), HOSTILE_BODIES)
def test_a_hostile_body_is_refused_with_a_sentence(kind: str, body: bytes, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem) as caught:
        webhooks.parse(kind, body)
    assert len(str(caught.value)) < 200


def test_huge_numbers_and_halves_of_pairs_are_carried_or_refused() -> None:
    digits = "9" * 5_000
    for body in (digits, f"-{digits}", f"0.{digits}", '{"a": "\\ud83d"}', '"\\u0000"'):
        try:
            json.dumps(str(webhooks.parse("application/json", body.encode())))
        except InvalidValue as error:
            assert str(error)  # noqa: PT017 either is right


JSON_TEXT = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=10)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
).map(json.dumps)


@given(
    st.sampled_from(["application/json", "application/x-www-form-urlencoded"]),
    st.one_of(JSON_TEXT.map(str.encode), st.binary(max_size=300), st.text(max_size=50).map(str.encode)),
    st.data(),
)
@settings(max_examples=example_count(400), deadline=None)
def test_any_body_is_a_value_or_refused(kind: str, body: bytes, data: Any) -> None:
    if body and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body) - 1))
        body = body[:at] + bytes([data.draw(st.integers(0, 255))]) + body[at + 1 :]
    try:
        webhooks.parse(kind, body)
    except InvalidValue:
        return
