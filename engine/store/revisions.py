"""What a request keeps about asking for changes, in its `details`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.json_values import Value
from engine.requests import RevisionOffer

_OFFER: Final = "revision"


def details(offer: RevisionOffer | None) -> dict[str, Value]:
    """Return the values for `details`; none for a gate without `revise`."""
    if offer is None:
        return {}
    stored: dict[str, Value] = {"rounds": offer.rounds, "left": offer.left}
    if offer.previous is not None:
        stored |= {"previous": offer.previous, "authors": list[Value](offer.authors)}
    return {_OFFER: stored}


def read(details: Mapping[str, Any]) -> RevisionOffer | None:
    """Return what `details` wrote."""
    stored = details.get(_OFFER)
    if stored is None:
        return None
    return RevisionOffer(
        rounds=stored["rounds"],
        left=stored["left"],
        previous=stored.get("previous"),
        authors=tuple(stored.get("authors", ())),
    )
