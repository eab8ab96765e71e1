"""Labels for values that no builder gave one: the end of their path, in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine import json_values
from engine.identifiers import end_in_words, in_words
from engine.json_values import Path

__all__ = ["in_words", "of_paths"]


def of_field(label: str, path: str) -> str:
    """Return the label of a field, or the end of its dotted path in words: `json.order_id` is "Order ID"."""
    return label or end_in_words(path)


def of_paths(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a label for each path, with as much of its end as tells it from the others."""
    labels = dict[Path, str]()
    waiting = [*dict.fromkeys(paths)]
    length = 1
    while waiting:
        found = {path: _label(path, length) for path in waiting}
        count = Counter(found.values())
        done = [path for path in waiting if count[found[path]] == 1 or length >= len(path)]
        labels.update({path: found[path] for path in done})
        waiting = [path for path in waiting if path not in labels]
        length += 1
    return labels


def of_items(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a label for each path below an item: the item, and what tells its value from its others."""
    inside = of_paths([path[1:] for path in paths if path[1:]])
    return {path: " · ".join([_label(path[:1], 1), *([inside[path[1:]]] if path[1:] else [])]) for path in paths}


def _label(path: Path, length: int) -> str:
    """Return the last `length` names of a path in words; the number of an item of a list belongs to its name."""
    names = list[str]()
    for part in path:
        if isinstance(part, int):
            names.append(f"{names.pop()} {part + 1}" if names else str(part + 1))
        else:
            names.append(in_words(part))
    return " · ".join(names[-length:]) or json_values.show_path(path)
