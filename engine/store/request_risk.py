"""The risk of a request in its `details`. Only requests of gates with `risk` have it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import convert, to_builtins

from engine import json_values
from engine.json_values import Value
from engine.requests import Opening, RequestRisk

RISK: Final = "risk"
"""The key in `details`."""


def details(opening: Opening) -> dict[str, Value]:
    """Return the values for `details`."""
    return {} if opening.risk is None else {RISK: _value(opening.risk)}


def read(details: Mapping[str, Any]) -> RequestRisk | None:
    """Return what `details` wrote."""
    return convert(details[RISK], RequestRisk) if RISK in details else None


def _value(risk: RequestRisk) -> Value:
    return json_values.clean(to_builtins(risk, builtin_types=(Decimal,)))
