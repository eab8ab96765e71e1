"""The command about when a person is told of requests."""

from __future__ import annotations

from typing import Final

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.terminal.output import render_json
from engine.domain import Digest
from engine.json_values import Value

_WORDS: Final = {"off": Digest.NONE, "daily": Digest.DAILY}


@click.command()
@click.option("--digest", metavar="daily|NUMBER|off", help="One digest a day, or when NUMBER requests wait, or none.")
@click.option("--at", metavar="TIME", help="When the digest comes, such as 09:00. With NUMBER: at the latest.")
@click.option("--quiet", metavar="FROM-UNTIL|off", help="Quiet hours, such as 20:00-07:00, or none.")
@click.option("--weekends/--no-weekends", default=None, help="Whether Saturday and Sunday are quiet as well.")
@json_option
def preferences(digest: str | None, at: str | None, quiet: str | None, weekends: bool | None, as_json: bool) -> None:
    """Choose when you are told of requests, or see what you chose.

    Without options, nothing is changed.
    """
    arguments: dict[str, Value] = {"at": at, "quiet": quiet, "weekends": weekends, **_digest(digest)}
    facts = client.facts_of(client.carry_out("preferences", arguments))
    says = facts.pop("says")
    click.echo(render_json(facts) if as_json else says)


def _digest(typed: str | None) -> dict[str, Value]:
    if typed is None:
        return {}
    if typed.isdecimal():
        return {"digest": Digest.COUNT.value, "count": typed}
    if typed not in _WORDS:
        raise click.UsageError(f"--digest {typed} is not clear. Say daily, a number of requests, or off.")
    return {"digest": _WORDS[typed].value}
