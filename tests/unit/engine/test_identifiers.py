"""Identifiers in words."""

from __future__ import annotations

import pytest

from engine.identifiers import in_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("order", "Order"),
        ("order_id", "Order ID"),
        ("orderId", "Order ID"),
        ("order-id", "Order ID"),
        ("webhook_url", "Webhook URL"),
        ("VAT", "VAT"),
        ("Straße", "Straße"),
        ("two words", "two words"),
        ("", ""),
    ],
)
def test_an_identifier_is_written_as_words(name: str, words: str) -> None:
    assert in_words(name) == words
