"""The signature of callbacks, read by the libraries of Standard Webhooks for Python and for Node."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from bot.callbacks import signature
from engine import webhooks
from engine.system import SystemClock
from tests.support.node import VERIFY, run_script

BODY = json.dumps({"type": "ask.decided", "data": {"title": "Zurück? 💶"}}, ensure_ascii=False).encode()
"""A body with characters outside of ASCII."""
DENSE = bytes([0xFB, 0xEF, 0xBE]) * 10 + bytes(2)
"""A key whose Base64 is full of `+`, which the url-safe alphabet writes as `-`."""


def calls(*secrets: bytes, body: bytes = BODY) -> dict[str, Any]:
    texts = [webhooks.secret_of(secret) for secret in secrets]
    headers = signature.headers(texts, delivery="d1", at=SystemClock().now(), body=body)
    return {"secret": texts[-1], "body": body.decode(), "headers": headers}


@given(st.binary(min_size=32, max_size=32), st.text())
def test_the_python_library_verifies_every_secret_and_body(key: bytes, text: str) -> None:
    body = json.dumps({"title": text}).encode()
    call = calls(key, body=body)
    assert Webhook(call["secret"]).verify(body, call["headers"]) == {"title": text}


def test_a_secret_is_standard_base64_with_its_prefix() -> None:
    secret = webhooks.secret_of(DENSE)
    assert secret.startswith("whsec_+")
    assert base64.b64decode(secret.removeprefix("whsec_"), validate=True) == DENSE


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the specification.
    secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    body, delivery = b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek"
    headers = signature.headers([secret], delivery=delivery, at=at, body=body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_timestamp_is_in_whole_seconds() -> None:
    at = datetime(2026, 3, 2, 9, 0, 0, 999_999, tzinfo=UTC)
    assert signature.headers(["whsec_AAAA"], delivery="d1", at=at, body=b"")["webhook-timestamp"] == "1772442000"


def test_while_a_secret_is_replaced_the_old_and_the_new_one_verify() -> None:
    old, new = bytes(range(32)), DENSE
    call = calls(old, new)
    assert call["headers"]["webhook-signature"].count("v1,") == 2
    for key in (old, new):
        assert Webhook(webhooks.secret_of(key)).verify(BODY, call["headers"])


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_changed_header_does_not_verify(name: str) -> None:
    call = calls(DENSE)
    earlier = int(SystemClock().now().timestamp()) - 60
    call["headers"][name] = {"webhook-id": "d2", "webhook-timestamp": str(earlier)}[name]
    with pytest.raises(WebhookVerificationError):
        Webhook(call["secret"]).verify(BODY, call["headers"])


def test_the_library_of_npm_verifies_the_same_calls() -> None:
    both = calls(bytes(range(32)), DENSE)
    first = {**both, "secret": webhooks.secret_of(bytes(range(32)))}
    changed = {**both, "body": both["body"].replace("decided", "expired")}
    other = {**both, "secret": webhooks.secret_of(bytes(32))}
    expected = json.loads(BODY)
    results = run_script(VERIFY, [calls(DENSE), both, first, changed, other])
    assert results == [expected, expected, expected, "No matching signature found", "No matching signature found"]
