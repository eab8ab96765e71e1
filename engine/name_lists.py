"""Lists of names inside a sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def join_names(first: Sequence[str], count: int) -> str:
    """Return the first of `count` names, separated by commas, with the number of names left out."""
    shown, left = ", ".join(first), count - len(first)
    return f"{shown} and {left:,} more" if left > 0 else shown
