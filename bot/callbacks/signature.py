"""The signature of a callback by Standard Webhooks, with which its receiver knows who sent it. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from engine import webhooks


def headers(secrets: Sequence[str], *, delivery: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of one call, with a signature for each secret: while one is replaced, there are two."""
    timestamp = str(int(at.timestamp()))
    signatures = [webhooks.sign(secret, delivery, timestamp, body) for secret in secrets]
    return {
        webhooks.ID: delivery,
        webhooks.TIMESTAMP: timestamp,
        webhooks.SIGNATURE: " ".join(f"v1,{base64.b64encode(signed).decode()}" for signed in signatures),
    }
