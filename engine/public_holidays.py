"""Public holidays of a country or one of its parts, as the `holidays` library knows them."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from typing import Final

_PLACE: Final = re.compile(r"(?P<country>[A-Z]{2})(?:-(?P<part>[A-Z0-9]{1,6}))?")
SHAPE: Final = "a country, like DE, or one of its parts, like DE-BE"


def parse(text: str) -> str:
    """Return the code of a place whose holidays are known. Raises `ValueError` for any other text."""
    code = text.strip().upper()
    if _PLACE.fullmatch(code) is None:
        raise ValueError(f"must be {SHAPE}")
    try:
        of_place(code)
    except NotImplementedError:
        raise ValueError(f"{code} is not a place whose holidays are known. Write {SHAPE}") from None
    return code


@lru_cache(16)
def of_place(code: str) -> Container[date]:
    """Return the holidays of a place, of every year."""
    # Imported here, because few installations need it.
    import holidays

    country, _, part = code.partition("-")
    return holidays.country_holidays(country, subdiv=part or None)


def library() -> str:
    """Return the library and its version. Versions and libraries differ on some days, so the record names it."""
    return f"holidays {version('holidays')}"
