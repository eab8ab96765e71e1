"""Commands of programs: ask people for an approval, and report what became of what they approved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bot.cli import api_server, ask_arguments, ask_results, guarded_command, waited_ask
from bot.cli.ask_arguments import CommandAfterDashes
from bot.cli.exit_codes import Exit
from bot.cli.options import json_option

if TYPE_CHECKING:
    from signoff.questions import Question
    from signoff.records import Ask
    from signoff.transport import Server


@click.command(cls=CommandAfterDashes)
@click.argument("title")
@click.option("-a", "--argument", "typed", multiple=True, metavar="NAME=VALUE", help="A value, as text; NAME:=JSON.")
@click.option("--arguments", "as_object", metavar="JSON", help="All values, as a JSON object.")
@click.option("--tool", help="The name of what is about to happen. The rules of approvals look at it.")
@click.option("--field", "fields", multiple=True, metavar="NAME=TYPE", help="The type of a value, or what to fill in.")
@click.option("--editable", multiple=True, metavar="NAME", help="What the approver may change; * for all.")
@click.option("--workflow", metavar="NAME", help="The workflow that decides who is asked. Default: approvals.")
@click.option("--risk", type=click.Choice(["low", "medium", "high", "critical"]), help="How risky it is.")
@click.option("--summary", metavar="TEXT", help="What the approver should know.")
@click.option("--requester", metavar="EMAIL", help="The person on whose behalf you ask.")
@click.option("--expires-in", metavar="DURATION", help="How long it can be decided.")
@click.option("--key", metavar="TEXT", help="Ask only once for the same key, also when the command is repeated.")
@click.option("--answer", "is_question", is_flag=True, help="Only an answer is needed: nothing is carried out.")
@click.option("--wait", is_flag=True, help="Wait for the decision, and take the approval.")
@click.option("--timeout", metavar="DURATION", help="How long to wait, like 30m.")
@json_option
@click.pass_context
def ask(ctx: click.Context, /, title: str, wait: bool, timeout: str | None, as_json: bool, **content: Any) -> int:
    """Ask people to approve TITLE, or to fill in fields, and get the approved values.

    SIGNOFF_URL is the address of Signoff, SIGNOFF_API_KEY the key of this program. The id is printed at once. With
    --wait, the approved values follow as lines NAME=VALUE, and the approval counts as used: say later how it went,
    with `signoff report`. With `-- COMMAND` the command runs after the approval, and its end is reported.
    """
    from signoff.errors import SignoffError

    words = CommandAfterDashes.words(ctx)
    seconds = ask_arguments.seconds_of(timeout, "--timeout")
    if seconds is not None and not (wait or words):
        raise click.UsageError("--timeout is how long to --wait. Add --wait.")
    try:
        asked = _question(title, **content)
        server = api_server.server(min(api_server.PATIENCE, seconds or api_server.PATIENCE))
        if wait or words:
            return _ask_and_act(server, asked, seconds, words, as_json=as_json)
        return _ask_only(server, asked, as_json=as_json)
    except SignoffError as error:
        return api_server.report_error(error)


@click.command()
@click.argument("ask_id", metavar="ID")
@click.argument("status", type=click.Choice(["succeeded", "failed", "unknown"]))
@click.option("--note", metavar="TEXT", help="What happened, in a sentence.")
@click.option("--result", metavar="JSON", help="What it returned.")
def report(ask_id: str, status: str, note: str | None, result: str | None) -> int:
    """Report what became of what the ask ID approved.

    With `unknown`, the owner of the workflow is asked to look.
    """
    from signoff import conversation
    from signoff.errors import SignoffError

    value = None if result is None else ask_arguments.json_of(result, "--result")
    server = api_server.server()
    try:
        server.run(conversation.report(ask_id, status, note, value, server.patience))
    except SignoffError as error:
        return api_server.report_error(error)
    return Exit.DONE


def _question(title: str, *, expires_in: str | None, is_question: bool, **content: Any) -> Question:
    from signoff.questions import question

    ask_arguments.seconds_of(expires_in, "--expires-in")
    declared = ask_arguments.fields_of(content.pop("fields"))
    arguments = ask_arguments.arguments_of(content.pop("as_object"), content.pop("typed"), declared)
    open_fields = [name for name in declared if name not in arguments]
    return question(
        title,
        arguments,
        use="answer" if is_question or (open_fields and not arguments) else "once",
        editable=ask_arguments.editable_of([*content.pop("editable"), *open_fields]),
        fields=declared or None,
        expires_in=expires_in,
        **content,
    )


def _ask_only(server: Server, asked: Question, *, as_json: bool) -> int:
    from signoff import conversation

    ask = server.run(conversation.create(asked.body, asked.key, server.patience))
    click.echo(ask_results.record(ask, ask.arguments) if as_json else ask.id)
    click.echo(ask_results.asked(ask), err=True)
    if ask.status == "pending":
        click.echo(ask_results.not_awaited(is_named=asked.is_named), err=True)
    else:
        click.echo(ask_results.decided(conversation.approved(ask)), err=True)
    return Exit.DONE


def _ask_and_act(server: Server, asked: Question, seconds: float | None, words: Sequence[str], *, as_json: bool) -> int:
    used = _approved(server, asked, seconds)
    asked.values(used)  # raises for values that were not asked for; those of the answer have the digits of the approver
    values = used.arguments
    if words:
        click.echo(ask_results.decided(used), err=True)
        return guarded_command.run(server, used, words, ask_results.variables(used, values))
    click.echo(ask_results.record(used, values) if as_json else ask_results.lines(values), nl=as_json)
    return Exit.DONE


def _approved(server: Server, asked: Question, seconds: float | None) -> Ask:
    """Ask, wait and take the approval."""
    from signoff import conversation

    def stays(error: BaseException) -> bool:
        if asked.is_named:
            _add(error, ask_results.STAYS)
        return asked.is_named

    ended = waited_ask.decided(
        server,
        asked,
        seconds,
        tell=lambda ask: click.echo(ask_results.asked(ask), err=True),
        stays=stays,
        left=lambda error, is_cancelled: _add(error, ask_results.CANCELLED if is_cancelled else ask_results.UNSURE),
    )
    asked.values(conversation.approved(ended))  # what is wrong with them is noticed before the approval is used
    return ended if asked.body["use"] == "answer" else server.run(conversation.consume(ended, server.patience))


def _add(error: BaseException, sentence: str) -> None:
    """Have a sentence printed after that of the error, or now if a signal stops the command."""
    if isinstance(error, Exception):
        error.add_note(sentence)
    else:
        click.echo(sentence, err=True)
