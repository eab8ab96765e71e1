"""The command `signoff doctor`."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import zip_longest
from typing import Final

import click

from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.doctor import checks
from bot.doctor.finding import Finding, FindingState
from bot.terminal.output import print_sentence, render_json
from engine.json_values import Value
from engine.system import SystemClock

_MARKS: Final = {FindingState.OK: "✓", FindingState.WARNING: "!", FindingState.PROBLEM: "✕"}


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this installation, and say what to do about problems.

    It changes nothing, and a server may run meanwhile. It ends with 1 if there are problems, not for warnings.
    """
    environment, complaints = checks.read_environment()
    findings = asyncio.run(checks.run_checks(environment, SystemClock(), complaints=complaints))
    if as_json:
        click.echo(render_json([_json(finding) for finding in findings]))
    else:
        print_findings(findings)
    return Exit.NO if any(finding.state is FindingState.PROBLEM for finding in findings) else Exit.DONE


def _json(finding: Finding) -> Value:
    return {"check": finding.check, "state": finding.state.value, "said": finding.message, "todo": finding.advice}


def print_findings(findings: list[Finding]) -> None:
    """Print a line for each finding, and their number."""
    for finding, following in zip_longest(findings, findings[1:]):
        print_sentence(f"{_MARKS[finding.state]} {finding.check}: {_line(finding.message)}")
        # Advice for several findings in a row is printed once, below the last of them.
        if finding.advice is not None and (following is None or following.advice != finding.advice):
            print_sentence(f"    {_line(finding.advice)}")
    counts = Counter(finding.state for finding in findings)
    click.echo(
        f"\n{_count(counts[FindingState.PROBLEM], 'problem')}, {_count(counts[FindingState.WARNING], 'warning')}."
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
