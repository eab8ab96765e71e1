"""How messages name things: paths, quotations, lists, near misses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from engine.json_values import Path, Value

MAX_PROBLEMS: Final = 100
"""Problems that one refusal lists: nobody reads more, and a hostile file could cause a hundred thousand."""
_LONGEST: Final = 60


def cite(text: object) -> str:
    """A piece of the file inside a message: one line, short, nothing invisible."""
    words = "".join(char if char.isprintable() else " " for char in str(text)[: _LONGEST * 2])
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def write_path(path: Path) -> str:
    """A place in the file as `Problem.path` has it: `steps[2].gate.edit`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            out += f".{cite(part)}" if out else cite(part)
    return out


def listed(names: Iterable[str], word: str = "or") -> str:
    """Names in code marks: `a`, `b` or `c`."""
    quoted = [f"`{cite(name)}`" for name in names]
    return f" {word} ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


def nearest(word: str, names: Collection[str]) -> str | None:
    """The one of `names` that `word` is probably a slip of."""
    if len(word) > _LONGEST:
        return None
    by_case = {name.casefold(): name for name in names if len(name) <= _LONGEST}
    found = get_close_matches(word.casefold(), by_case, n=1)
    return by_case[found[0]] if found else None


def near(word: str, names: Collection[str]) -> str:
    """`Did you mean …?` if one of `names` is close to `word`, else nothing."""
    found = nearest(word, names)
    return f"Did you mean `{found}`?" if found else ""


def sentence(text: str) -> str:
    """What another module said, as a sentence of its own."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def plain(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return cite(value)


def show(value: Value) -> str:
    if isinstance(value, str):
        return f"`{cite(value)}`" if value else "an empty text"
    return describe(value)


def describe(value: Value) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"`{plain(value)}`"
        case int() | Decimal():
            return f"the number {plain(value)}"
        case str():
            return f"the text `{cite(value)}`" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "a mapping"
