"""Reports of figures, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from bot.devtools.bench.figures import Fact, Figure, Machine
from bot.terminal.output import render_table


def as_json(figures: Sequence[Figure | Fact], machine: Machine) -> str:
    """Format figures as JSON: `slack.x` becomes `x` in the object `slack`; `targets` has the full names."""
    report: dict[str, Any] = {}
    for figure in figures:
        part, _, name = figure.name.partition(".")
        report.setdefault(part, {})[name] = figure.text if isinstance(figure, Fact) else figure.rounded
    report["targets"] = {
        figure.name: {"target": str(figure.target), "met": figure.target.met(figure.value)}
        for figure in figures
        if isinstance(figure, Figure) and figure.target
    }
    report["machine"] = {name: getattr(machine, name) for name in machine.__slots__}
    return json.dumps(report, indent=2, ensure_ascii=False)


def table(figures: Sequence[Figure | Fact]) -> Table:
    """Return a table with one row for each figure."""
    rows = [
        (figure.name, "", "", "", f"{figure.meaning}: {figure.text}")
        if isinstance(figure, Fact)
        else (figure.name, f"{figure.rounded:g}", str(figure.target or ""), _met_text(figure), figure.meaning)
        for figure in figures
    ]
    return render_table(("figure", "value", "target", "met", "meaning"), rows)


def _met_text(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return "yes" if figure.target.met(figure.value) else "NO"


def machine_sentence(machine: Machine) -> str:
    """Describe the machine in a sentence."""
    return (
        f"On {machine.cores} cores with a load of {machine.load:g} before the start, Python {machine.python}, "
        f"{machine.sync_ms:g} ms to write a page to the disk."
    )
