"""What a browser calls itself, and an address that only its owner recognises. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Most browsers claim to be others as well: whoever is more special comes first.
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
    """Such as `Firefox on Linux`: for people who look at the list of their browsers."""
    return f"{_first(_BROWSERS, user_agent) or 'A browser'} on {_first(_SYSTEMS, user_agent) or 'an unknown system'}"


def _first(known: Sequence[tuple[str, str]], text: str) -> str | None:
    return next((name for mark, name in known if mark in text), None)


def masked(address: str) -> str:
    """Such as `m…@example.com`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…{at}{domain}"
