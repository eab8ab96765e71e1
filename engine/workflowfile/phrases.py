"""Phrases of messages: paths, quotations, lists of names, suggestions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from engine.json_values import Path, Value

MAX_PROBLEMS: Final = 100
"""Maximum number of problems in one refusal. A hostile file could cause a hundred thousand."""
_MAX_LENGTH: Final = 60
"""Maximum length of a quotation, in characters."""


def cite(text: object) -> str:
    """Return a piece of the file for a message: on one line, short, without invisible characters."""
    words = "".join(char if char.isprintable() else " " for char in str(text)[: _MAX_LENGTH * 2])
    return words if len(words) <= _MAX_LENGTH else f"{words[:_MAX_LENGTH]}…"


def write_path(path: Path) -> str:
    """Return a path in the file as a text for `Problem.path`: `steps[2].gate.edit`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{cite(part)}" if text else cite(part)
    return text


def list_names(names: Iterable[str], word: str = "or") -> str:
    """Return the names in code marks as a list in words: `a`, `b` or `c`."""
    quoted = [f"`{cite(name)}`" for name in names]
    return f" {word} ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


def find_nearest(word: str, names: Collection[str]) -> str | None:
    """Return the name that `word` is probably a misspelling of, or None if no name is near."""
    if len(word) > _MAX_LENGTH:
        return None
    by_case = {name.casefold(): name for name in names if len(name) <= _MAX_LENGTH}
    matches = get_close_matches(word.casefold(), by_case, n=1)
    return by_case[matches[0]] if matches else None


def suggest(word: str, names: Collection[str]) -> str:
    """Return `Did you mean …?` with the name nearest to `word`, or an empty text if no name is near."""
    nearest = find_nearest(word, names)
    return f"Did you mean `{nearest}`?" if nearest else ""


def write_sentence(text: str) -> str:
    """Return a message of another module as a whole sentence."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def write_plain(value: Value) -> str:
    """Return a single value as it is written in a file, without marks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return cite(value)


def show(value: Value) -> str:
    """Return a text in code marks, and any other value described like `describe`."""
    if isinstance(value, str):
        return f"`{cite(value)}`" if value else "an empty text"
    return describe(value)


def describe(value: Value) -> str:
    """Return a value in words, with its kind."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"`{write_plain(value)}`"
        case int() | Decimal():
            return f"the number {write_plain(value)}"
        case str():
            return f"the text `{cite(value)}`" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def same_title(other: str) -> str:
    """Return the warning about a workflow with the title of another one."""
    return f"The workflow {other} has the same title, so people cannot tell them apart in Slack. Change one title."
