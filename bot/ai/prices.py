"""What the tokens of a model cost: as the setting says, or else as its provider publishes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import genai_prices
from genai_prices import Usage

from engine.language_model import MILLION, TokenPrices


def find(model: str, url: str, known: Mapping[str, TokenPrices]) -> TokenPrices | None:
    """Return the prices of a model at a provider, or None if they are not known. `known`: those of the setting."""
    if model in known:
        return known[model]
    try:
        read, written = (_published(model, url, usage) for usage in (_READ, _WRITTEN))
    except (LookupError, ValueError):
        return None
    return TokenPrices(read, written)


_READ, _WRITTEN = Usage(input_tokens=MILLION), Usage(output_tokens=MILLION)


def _published(model: str, url: str, usage: Usage) -> Decimal:
    return genai_prices.calc_price(usage, model, provider_api_url=url).total_price
