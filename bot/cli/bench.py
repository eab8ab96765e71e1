"""The command that measures speed."""

from __future__ import annotations

import asyncio

import click

from bot.bench import measure
from bot.bench import slack as parts
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
    figures, machine = asyncio.run(parts.run(parts.Size(), lambda line: click.echo(line, err=True)))
    if as_json:
        click.echo(measure.as_json(figures, machine))
        return
    reach.console().print(measure.table(figures))
    click.echo(measure.told(machine))
