"""Commands about absences: away, back."""

from __future__ import annotations

import shlex
from datetime import datetime

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.terminal.output import local_time, render_json
from engine import date_suggestion, timestamps
from engine.absence_phrases import Span, Unclear
from engine.json_values import Value
from engine.references import parse
from engine.system import SystemClock


@click.command()
@click.argument("phrase", nargs=-1, required=True, metavar="PHRASE...")
@click.option("--delegate", metavar="PERSON", help="Who decides in your place.")
@click.option("--for", "person", metavar="PERSON", help="Who is away, if you are an admin. Default: you.")
@json_option
def away(phrase: tuple[str, ...], delegate: str | None, person: str | None, as_json: bool) -> None:
    """Say that you are away, and who decides in your place.

    PHRASE says how long, for example: signoff away until friday. PERSON is an email address or a Slack user id.
    """
    _check_addresses(delegate, person)
    understood = _read(" ".join(phrase), {"--delegate": delegate, "--for": person})
    if isinstance(understood, Unclear):
        client.refuse(understood.question)
    arguments: dict[str, Value] = {
        "starts_at": timestamps.iso(understood.starts_at) if understood.starts_at is not None else None,
        "ends_at": timestamps.iso(understood.ends_at),
        "delegate": delegate,
        "person": person,
    }
    facts = client.facts_of(client.carry_out("away", arguments))
    if as_json:
        click.echo(render_json(facts))
        return
    until = local_time(datetime.fromisoformat(str(facts["ends_at"])))
    since = f" from {local_time(datetime.fromisoformat(str(facts['starts_at'])))}" if understood.starts_at else ""
    click.echo(f"{facts['person']} is away{since} until {until}.")
    if facts["delegate"]:
        click.echo(f"{facts['delegate']} decides in their place.")


@click.command()
@click.option("--for", "person", metavar="PERSON", help="Who is back, if you are an admin. Default: you.")
@json_option
def back(person: str | None, as_json: bool) -> None:
    """Say that you are back.

    New requests come to you again. Requests that were passed on stay with the others.
    """
    _check_addresses(person)
    facts = client.facts_of(client.carry_out("back", {"person": person}))
    if as_json:
        click.echo(render_json(facts))
        return
    click.echo(f"{facts['person']} is back." if facts["was_away"] else f"{facts['person']} was not away.")


def _read(phrase: str, people: dict[str, str | None]) -> Span | Unclear:
    """Return the time that a phrase means. An offered command names the same people again."""
    options = "".join(f" {option} {shlex.quote(value)}" for option, value in people.items() if value)
    now = SystemClock().now()
    return date_suggestion.read(phrase, now=now, zone=None, command="signoff away", options=options)


def _check_addresses(*texts: str | None) -> None:
    for text in filter(None, texts):
        reference = parse(text)
        if reference is None or not reference.is_address:
            raise click.UsageError(f"{text} is not an email address or a Slack user id.")
