"""The command that measures speed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import click

from bot.bench import engine as of_engine
from bot.bench import measure
from bot.bench import slack as of_slack
from bot.bench.measure import Figure, Machine
from bot.cli import reach
from bot.cli.reach import json_option


@click.group()
def bench() -> None:
    """Measure how fast Signoff is on this machine."""


@bench.command()
@json_option
def slack(as_json: bool) -> None:
    """Measure clicks and copies in Slack, against a local one.

    Needs no settings and touches no data of yours. Ends with 0 when it has measured, also where a target is missed.
    """
    _report(of_slack.run(of_slack.Size(), _say), as_json=as_json)


@bench.command()
@json_option
def engine(as_json: bool) -> None:
    """Measure runs from start to end, beside bare SQLite, and what runs that wait cost.

    Needs no settings and touches no data of yours. Ends with 0 when it has measured, also where a target is missed.
    """
    _report(of_engine.run(of_engine.Size(), _say), as_json=as_json)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _report(measuring: Coroutine[Any, Any, tuple[list[Figure], Machine]], *, as_json: bool) -> None:
    figures, machine = asyncio.run(measuring)
    if as_json:
        click.echo(measure.as_json(figures, machine))
        return
    reach.console().print(measure.table(figures))
    click.echo(measure.told(machine))
