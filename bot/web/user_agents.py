"""The name of a browser from its User-Agent header, and masked email addresses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Most browsers claim to be others as well, so the more specific names come first.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser(user_agent: str) -> str:
    """Return a name such as `Firefox on Linux`, for a person's list of browsers."""
    return f"{_first(_BROWSERS, user_agent) or 'A browser'} on {_first(_SYSTEMS, user_agent) or 'an unknown system'}"


def _first(names: Sequence[tuple[str, str]], text: str) -> str | None:
    return next((name for mark, name in names if mark in text), None)


def masked(address: str) -> str:
    """Return a masked address such as `m…@example.com`, which only its owner recognises. A name stays as it is."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address
    return f"{local[:1]}…{at}{domain}"


def shown_address(address: str, *, is_known: bool) -> str:
    """Return the address of the reader. Until they have proved that it is theirs, it is masked."""
    return address if is_known else masked(address)
