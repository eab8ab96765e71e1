"""The commands that measure speed. Several can be named at once, and give one report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.devtools.bench import engine as of_engine
from bot.devtools.bench import mail as of_mail
from bot.devtools.bench import report as reports
from bot.devtools.bench import slack as of_slack
from bot.devtools.bench import web as of_web
from bot.devtools.bench.figures import Figure, Machine

Measure: TypeAlias = Callable[[], Awaitable[tuple[list[Figure], Machine]]]


@dataclass(frozen=True, slots=True)
class BenchPart:
    """What one of the commands asks for."""

    measure: Measure
    as_json: bool


@click.group(chain=True)
def bench() -> None:
    """Measure how fast Signoff is on this machine.

    For example: signoff bench web mail --json
    """


@bench.command()
@json_option
def slack(as_json: bool) -> BenchPart:
    """Measure clicks and copies in Slack, against a local one.

    Needs no settings and touches no data of yours. Ends with 0 when it has measured, also where a target is missed.
    """
    return BenchPart(lambda: of_slack.run(of_slack.Size(), _say), as_json)


@bench.command()
@json_option
def engine(as_json: bool) -> BenchPart:
    """Measure runs from start to end, beside bare SQLite, and what runs that wait cost.

    Needs no settings and touches no data of yours. Ends with 0 when it has measured, also where a target is missed.
    """
    return BenchPart(lambda: of_engine.run(of_engine.Size(), _say), as_json)


@bench.command()
@json_option
def web(as_json: bool) -> BenchPart:
    """Measure how fast review pages come, with many requests stored.

    Needs no settings and touches no data of yours. Ends with 0 when it has measured, also where a target is missed.
    """
    return BenchPart(lambda: of_web.run(of_web.Size(), _say), as_json)


@bench.command()
@json_option
def mail(as_json: bool) -> BenchPart:
    """Measure how fast mails leave, beside one bare connection.

    Needs no settings and touches no data of yours. Ends with 0 when it has measured, also where a target is missed.
    """
    return BenchPart(lambda: of_mail.run(of_mail.Size(), _say), as_json)


def _say(line: str) -> None:
    click.echo(line, err=True)


@bench.result_callback()
def report(parts: Sequence[BenchPart]) -> None:
    """Measure one part after the other, and print all figures."""
    figures, machine = asyncio.run(_measured(parts))
    if any(one.as_json for one in parts):
        click.echo(reports.as_json(figures, machine))
        return
    client.console().print(reports.table(figures))
    click.echo(reports.told(machine))


async def _measured(parts: Sequence[BenchPart]) -> tuple[list[Figure], Machine]:
    """All figures, and the machine as it was before the first."""
    found = [await one.measure() for one in parts]
    return [figure for figures, _ in found for figure in figures], found[0][1]
