"""Commands about questions before a decision: question, answer."""

from __future__ import annotations

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.presentation.characters import line
from bot.terminal.output import print_sentence, render_json
from engine import fields
from engine.errors import InvalidValue
from engine.fields import Field, FieldType


@click.command()
@click.argument("request_id", metavar="ID")
@click.argument("text", metavar="QUESTION")
@click.option("--to", help="The email address of the person to ask, if it is not the requester.")
@json_option
def question(request_id: str, text: str, to: str | None, as_json: bool) -> None:
    """Ask a QUESTION before you decide the request ID.

    You ask as the person in SIGNOFF_OPERATOR. The question goes to the requester, or to another person.
    """
    arguments = {"request": request_id, "text": text, "to": _address(to)}
    facts = client.facts_of(client.carry_out("question", dict(arguments), wait_for_run=True))
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(f"{line(str(facts['to']))} has been asked. See the answer: signoff requests {request_id}")


@click.command()
@click.argument("request_id", metavar="ID")
@click.argument("text", metavar="ANSWER")
@click.option("--question", help="The id of the question, if it is not the oldest that waits for you.")
@json_option
def answer(request_id: str, text: str, question: str | None, as_json: bool) -> None:
    """Answer a question that you were asked about the request ID.

    You answer as the person in SIGNOFF_OPERATOR.
    """
    arguments = {"request": request_id, "text": text, "question": question}
    facts = client.facts_of(client.carry_out("answer", dict(arguments), wait_for_run=True))
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(f"Your answer was sent. {line(str(facts['to']))} will read it.")


def _address(typed: str | None) -> str | None:
    """Return the email address in its normal form. Raises `click.UsageError` if it is none."""
    if typed is None:
        return None
    try:
        return str(fields.validate(Field(type=FieldType.EMAIL), typed))
    except InvalidValue as error:
        raise click.UsageError(f"--to: The address {error}.") from error
