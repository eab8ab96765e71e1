"""The commands that measure speed. Several can be named at once for one report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import click

from bot import databases
from bot.cli.context import json_option
from bot.devtools.bench import api as api_bench
from bot.devtools.bench import builders as builders_bench
from bot.devtools.bench import email as email_bench
from bot.devtools.bench import engine as engine_bench
from bot.devtools.bench import oversight as oversight_bench
from bot.devtools.bench import report as bench_report
from bot.devtools.bench import slack as slack_bench
from bot.devtools.bench import web as web_bench
from bot.devtools.bench.figures import Fact, Figure, Machine
from bot.terminal.output import create_console

Measure: TypeAlias = Callable[[], Awaitable[tuple[Sequence[Figure | Fact], Machine]]]


@dataclass(frozen=True, slots=True)
class BenchPart:
    """A part of the benchmark that one of the commands runs."""

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
    """Measure clicks and copies, with a local Slack.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    return BenchPart(lambda: slack_bench.run(slack_bench.SlackBenchSize(), _report_progress), as_json)


@bench.command()
@json_option
def engine(as_json: bool) -> BenchPart:
    """Measure runs from start to end beside bare SQLite, and the cost of pending requests.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    return BenchPart(lambda: engine_bench.run(engine_bench.EngineBenchSize(), _report_progress), as_json)


@bench.command()
@json_option
def web(as_json: bool) -> BenchPart:
    """Measure how fast review pages load, with many stored requests.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    return BenchPart(lambda: web_bench.run(web_bench.WebBenchSize(), _report_progress), as_json)


@bench.command()
@json_option
def mail(as_json: bool) -> BenchPart:
    """Measure how fast emails are sent, beside one bare connection.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    return BenchPart(lambda: email_bench.run(email_bench.EmailBenchSize(), _report_progress), as_json)


@bench.command()
@click.option("--server", metavar="URL", help="A server where databases may be created, instead of one of its own.")
@click.option("--langgraph", is_flag=True, help="Compare with LangGraph. The first time, it is installed.")
@click.option("--pending", metavar="N", default=1_000_000, type=click.IntRange(1000), help="How many requests wait.")
@json_option
def pg(server: str | None, langgraph: bool, pending: int, as_json: bool) -> BenchPart:
    """Measure runs on PostgreSQL beside bare asyncpg, and the cost of a million pending requests.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    with databases.explaining_packages():
        from bot.devtools.bench import postgres as postgres_bench
    size = postgres_bench.PostgresBenchSize(pending=pending)
    return BenchPart(
        lambda: postgres_bench.run(size, _report_progress, server=server, with_langgraph=langgraph), as_json
    )


@bench.command()
@click.option("--server", metavar="URL", help="A server where databases may be created, instead of one of its own.")
@json_option
def inbox(server: str | None, as_json: bool) -> BenchPart:
    """Measure pages of the inbox with half a million stored requests, on SQLite and PostgreSQL.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    with databases.explaining_packages():
        from bot.devtools.bench import inbox as inbox_bench
    return BenchPart(lambda: inbox_bench.run(inbox_bench.InboxBenchSize(), _report_progress, server=server), as_json)


@bench.command()
@json_option
def oversight(as_json: bool) -> BenchPart:
    """Measure how fast a changed gate is replayed over a hundred thousand recorded requests.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    return BenchPart(lambda: oversight_bench.run(oversight_bench.OversightBenchSize(), _report_progress), as_json)


@bench.command()
@json_option
def builders(as_json: bool) -> BenchPart:
    """Measure what people who write workflows wait for: checks, the first modal in Slack, the schema in an editor.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    return BenchPart(lambda: builders_bench.run(builders_bench.BuildersBenchSize(), _report_progress), as_json)


@bench.command()
@click.option("--awaithumans", is_flag=True, help="Compare with awaithumans. The first time, it is installed.")
@json_option
def api(awaithumans: bool, as_json: bool) -> BenchPart:
    """Measure how fast programs can ask, and how soon they learn of a decision.

    It needs no settings and uses no data of yours. It ends with 0 when it has measured, even if a target is missed.
    """
    size = api_bench.ApiBenchSize(partner_asks=api_bench.PARTNER_ASKS if awaithumans else 0)
    return BenchPart(lambda: api_bench.run(size, _report_progress), as_json)


def _report_progress(line: str) -> None:
    click.echo(line, err=True)


@bench.result_callback()
def report(parts: Sequence[BenchPart]) -> None:
    """Measure one part after the other, and print all figures."""
    figures, machine = asyncio.run(_measure(parts))
    if any(part.as_json for part in parts):
        click.echo(bench_report.as_json(figures, machine))
        return
    create_console().print(bench_report.table(figures))
    click.echo(bench_report.machine_sentence(machine))


async def _measure(parts: Sequence[BenchPart]) -> tuple[list[Figure | Fact], Machine]:
    """Return the figures of all parts, and the machine as it was before the first."""
    results = [await part.measure() for part in parts]
    return [figure for figures, _ in results for figure in figures], results[0][1]
