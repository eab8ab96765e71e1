"""A report of figures, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from bot.devtools.bench.figures import Figure, Machine
from bot.terminal import screen


def as_json(figures: Sequence[Figure], machine: Machine) -> str:
    """The figure `slack.x` is `x` in `slack`; `targets` has the dotted names."""
    whole: dict[str, Any] = {}
    for one in figures:
        part, _, name = one.name.partition(".")
        whole.setdefault(part, {})[name] = one.shown
    whole["targets"] = {
        one.name: {"target": str(one.target), "met": one.target.met(one.value)} for one in figures if one.target
    }
    whole["machine"] = {name: getattr(machine, name) for name in machine.__slots__}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def table(figures: Sequence[Figure]) -> Table:
    """A row a figure."""
    rows = [(one.name, f"{one.shown:g}", str(one.target or ""), _answer(one), one.what) for one in figures]
    return screen.listing(("figure", "value", "target", "met", "what"), rows)


def _answer(one: Figure) -> str:
    if one.target is None:
        return ""
    return "yes" if one.target.met(one.value) else "NO"


def told(machine: Machine) -> str:
    """The machine in a sentence."""
    return (
        f"On {machine.cores} cores with a load of {machine.load:g} before the start, Python {machine.python}, "
        f"{machine.sync_ms:g} ms to write a page to the disk."
    )
