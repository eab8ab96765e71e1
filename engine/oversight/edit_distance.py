"""How much of a draft people changed: 0 for nothing, 1 for all of it. Pure."""

from __future__ import annotations

from typing import Final

from engine import json_values
from engine.json_values import Value

_COMPARED: Final = 20_000
"""Length of the texts that are compared, in characters: the time grows with its square."""


def edit_distance(before: Value, after: Value) -> float:
    """Return the share that was changed: of texts the characters, by Levenshtein; of other values all or nothing."""
    if json_values.same(before, after):
        return 0.0
    if not isinstance(before, str) or not isinstance(after, str):
        return 1.0
    # A server that compares no drafts does not load it.
    from rapidfuzz.distance import Levenshtein

    share = Levenshtein.normalized_distance(before[:_COMPARED], after[:_COMPARED])
    return share or 1 / max(len(before), len(after))
