"""Parts of the grammar that the engine does not support yet. They are removed before a part is read, and reported.

Otherwise the errors would teach authors to correct a key that is then refused. To build one of these features, add
its values here, or delete its line if all values are supported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, get_args

from pydantic import BaseModel

from engine.json_values import Path, Value
from engine.workflowfile.phrases import cite, find_nearest, list_names, show, suggest
from engine.workflowfile.report import ProblemReport

# Part of the file -> key -> the values that are available. If there are none, the whole key is not available.
AVAILABLE_VALUES: Final[Mapping[str, Mapping[str, tuple[object, ...]]]] = {
    "workflow": {},
    "trigger": {},
    "step": {},
    "gate": {},
}


def remove_unsupported(
    report: ProblemReport,
    mapping: Mapping[str, Value],
    model: type[BaseModel],
    at: Path,
    *,
    parts: Mapping[str, Collection[str]],
) -> dict[str, Value]:
    """Return `mapping` without its unsupported keys and values, which are reported.

    `parts`: the parts of the file whose keys this mapping has, each with the keys that mean something else here.
    """
    supported = dict(mapping)
    for part, other_keys in parts.items():
        for key, available in AVAILABLE_VALUES[part].items():
            if key not in mapping or key in other_keys:
                continue
            if _refuse_value(report, mapping[key], model, (*at, key), available):
                del supported[key]
    return supported


def _refuse_value(
    report: ProblemReport, value: Value, model: type[BaseModel], path: Path, available: tuple[object, ...]
) -> bool:
    """Report a value that is not available. Return whether it is such a value."""
    key = str(path[-1])
    if not available:
        report.add(path, f"`{key}` is not available yet.", at="key")
        return True
    if value is None or value in available:
        return False
    available_words = [word for word in available if isinstance(word, str)]
    info = model.model_fields.get(key)
    known_words = {*_iter_words(info.annotation)} if info else set()
    word = value if isinstance(value, str) else ""
    if available_words and not isinstance(value, dict) and word not in known_words:
        hint = suggest(word, available_words)
        report.add(path, f"This must be {list_names(available_words)}, not {show(value)}.", hint)
        return True
    unsupported = f"{key}: {cite(word)}" if word and available_words else key
    hint = f"So far it can be {list_names(available_words)}." if available_words else ""
    report.add(path, f"`{unsupported}` is not available yet.", hint, at="key")
    return True


def _iter_words(annotation: object) -> Iterator[str]:
    """Yield the words that the grammar accepts as the value of a key."""
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _iter_words(argument)


def unsupported_keys(parts: Iterable[str]) -> frozenset[str]:
    """Return the keys of these parts that are not available with any value."""
    return frozenset(key for part in parts for key, available in AVAILABLE_VALUES[part].items() if not available)


def suggest_word(word: str, available: Collection[str], not_yet: Collection[str]) -> str:
    """Return a hint with the name nearest to `word`, or the note that this name is not available yet."""
    nearest = find_nearest(word, [*available, *not_yet])
    return f"`{nearest}` is not available yet." if nearest in not_yet else suggest(word, available)
