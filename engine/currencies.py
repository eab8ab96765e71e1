"""The currencies of ISO 4217, and amounts of money as people read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.(?P<decimals>[0-9]+))?")


@cache
def usual_decimals() -> Mapping[str, int | None]:
    """Return the currencies of ISO 4217 with their decimals, or None if any number is allowed, as for gold.

    The table is read when it is first needed.
    """
    import iso4217

    return {currency.code: currency.exponent for currency in iso4217.Currency}


def show(amount: str, currency: str) -> str:
    """Return money with at least the decimals that its currency usually has; no digit is left out."""
    match = _PLAIN.fullmatch(amount)
    missing = (usual_decimals().get(currency) or 0) - len(match["decimals"] or "") if match else 0
    if missing <= 0:
        return f"{amount} {currency}"
    return f"{amount}{'' if '.' in amount else '.'}{'0' * missing} {currency}"
