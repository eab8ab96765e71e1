"""The command `rate`."""

from __future__ import annotations

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.presentation import ratings
from bot.terminal.output import print_sentence, render_json
from engine.json_values import Value
from engine.requests.ratings import HIGHEST


@click.command()
@click.argument("request_id", metavar="ID")
@click.argument("rating", type=click.IntRange(1, HIGHEST), metavar="RATING")
@click.option("--comment", help="What was good, or what was not.")
@json_option
def rate(request_id: str, rating: int, comment: str | None, as_json: bool) -> None:
    """Rate what the request ID asked you about, from 1 to 5.

    You rate as the person in SIGNOFF_OPERATOR, once you have decided. A second rating replaces your first.
    """
    arguments: dict[str, Value] = {"request": request_id, "rating": rating, "comment": comment}
    facts = client.facts_of(client.carry_out("rate", arguments))
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(ratings.saved(rating))
