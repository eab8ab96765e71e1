"""The command that looks at everything."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

import click

from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.doctor import checks
from bot.doctor.finding import Finding, FindingState
from bot.terminal import screen
from engine.json_values import Value
from engine.system import SystemClock

_MARKS: Final = {FindingState.OK: "✓", FindingState.WARNING: "!", FindingState.PROBLEM: "✗"}


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Say what is wrong with this installation, and what to do.

    It changes nothing, and may run beside a server. Ends with 1 if there are problems; warnings are printed only.
    """
    given, complaints = checks.environment()
    found = asyncio.run(checks.examine(given, SystemClock(), complaints=complaints))
    if as_json:
        click.echo(screen.as_json([_json(one) for one in found]))
    else:
        _print(found)
    return Exit.NO if any(one.state is FindingState.PROBLEM for one in found) else Exit.DONE


def _json(finding: Finding) -> Value:
    return {"check": finding.check, "state": finding.state.value, "said": finding.said, "todo": finding.todo}


def _print(found: list[Finding]) -> None:
    for finding in found:
        screen.say(f"{_MARKS[finding.state]} {finding.check}: {_line(finding.said)}")
        if finding.todo is not None:
            screen.say(f"    {_line(finding.todo)}")
    counts = Counter(finding.state for finding in found)
    click.echo(
        f"\n{_counted(counts[FindingState.PROBLEM], 'problem')}, {_counted(counts[FindingState.WARNING], 'warning')}."
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
