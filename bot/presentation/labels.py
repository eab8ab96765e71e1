"""Labels for values that no builder gave one: the end of their path, in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import regex

from engine import json_values
from engine.json_values import Path

_IDENTIFIER: Final = regex.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORD_STARTS: Final = regex.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN: Final = regex.compile(r"[_\-\s]+")

_SHORT_FORMS: Final = {"id": "ID", "url": "URL"}


def in_words(name: str) -> str:
    """Return the words of an identifier: `order_id` and `orderId` are "Order ID". Other texts stay as they are."""
    if _IDENTIFIER.fullmatch(name) is None:
        return name
    words = [word for word in _BETWEEN.split(_WORD_STARTS.sub(" ", name)) if word]
    text = " ".join(word if word.isupper() else _SHORT_FORMS.get(word.lower(), word.lower()) for word in words)
    return text[:1].upper() + text[1:]


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


def _label(path: Path, length: int) -> str:
    """Return the last `length` names of a path in words; the number of an item of a list belongs to its name."""
    names = list[str]()
    for part in path:
        if isinstance(part, int):
            names.append(f"{names.pop()} {part + 1}" if names else str(part + 1))
        else:
            names.append(in_words(part))
    return " · ".join(names[-length:]) or json_values.show_path(path)
