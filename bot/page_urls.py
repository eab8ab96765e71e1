"""The addresses of our pages, pure: what mails carry and what the server answers to."""

from __future__ import annotations

from typing import Final

OPEN: Final = "/r"
"""Followed by a token: opens a request, or what a run asks of its owner, for whoever was sent the link."""
REVIEW: Final = "/review"
"""Followed by the id of a request."""
ATTENTION: Final = "/attention"
"""Followed by the id of a run: what it asks of its owner."""
INBOX: Final = "/inbox"


def review_link(public_url: str, token: str) -> str:
    """What a mail carries. `public_url`: without a slash at its end; its path may be a prefix of a proxy."""
    return f"{public_url}{OPEN}/{token}"
