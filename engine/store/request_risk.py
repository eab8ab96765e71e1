"""The risk and the amount of a request in its `details`. Only requests of gates that name them have them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import convert, to_builtins

from engine import json_values
from engine.json_values import Value
from engine.requests import Opening, RequestAmount, RequestRisk

RISK: Final = "risk"
AMOUNT: Final = "amount"
"""The keys in `details`."""


def details(opening: Opening) -> dict[str, Value]:
    """Return the values for `details`."""
    parts = {RISK: opening.risk, AMOUNT: opening.amount}
    return {name: _value(part) for name, part in parts.items() if part is not None}


def read_risk(details: Mapping[str, Any]) -> RequestRisk | None:
    """Return the risk that `details` wrote."""
    return convert(details[RISK], RequestRisk) if RISK in details else None


def read_amount(details: Mapping[str, Any]) -> RequestAmount | None:
    """Return the amount that `details` wrote."""
    return convert(details[AMOUNT], RequestAmount) if AMOUNT in details else None


def _value(part: RequestRisk | RequestAmount) -> Value:
    return json_values.clean(to_builtins(part, builtin_types=(Decimal,)))
