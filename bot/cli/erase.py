"""The command that erases the contents of old runs, or what names a person."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any, Final

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.local.reply import LISTS
from bot.terminal.output import local_time, render_json
from engine import durations, timestamps
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.store import old_runs, person_queries, workflows
from engine.system import SystemClock

_ON_REQUEST: Final = "asked for by the person"


def _age(_: click.Context, __: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return durations.parse(text) if text is not None else None
    except InvalidValue as error:
        raise click.BadParameter(f"{error}.") from None


@click.command()
@click.option("--older-than", metavar="AGE", callback=_age, help="Erase runs that ended longer ago, like 90d.")
@click.option("--workflow", metavar="NAME", help="With --older-than: only runs of this workflow.")
@click.option("--person", metavar="WHO", help="Erase what names a person: an email address, a Slack user id or an id.")
@click.option("--reason", help="The reason, which is kept in the audit log.")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@json_option
def erase(
    older_than: timedelta | None, workflow: str | None, person: str | None, reason: str | None, yes: bool, as_json: bool
) -> int:
    """Erase the contents of old runs, or the names and addresses of a person.

    Nothing can be brought back. First it says what it would erase, and asks. The audit log still verifies, and says who
    erased how many contents, when and why. If the command is stopped, run it again: it goes on.
    """
    if (older_than is None) == (person is None):
        raise click.UsageError("Give either --older-than AGE or --person WHO.")
    if older_than is not None:
        return _erase_old(older_than, workflow, reason, yes=yes, as_json=as_json)
    if workflow is not None:
        raise click.UsageError("--workflow goes with --older-than. A person is erased in all workflows.")
    return _erase_person(str(person), reason or _ON_REQUEST, yes=yes, as_json=as_json)


def _erase_old(age: timedelta, workflow: str | None, reason: str | None, *, yes: bool, as_json: bool) -> int:
    before, written = SystemClock().now() - age, durations.show(age)
    with client.open_for_reading() as connection:
        names = {view.name for view in workflows.workflow_views(connection, DEFAULT_WORKSPACE)}
        if workflow is not None and workflow not in names:
            client.refuse(f"There is no workflow “{workflow}”. {LISTS['workflow']}")
        count = old_runs.count(connection, DEFAULT_WORKSPACE, before, workflow=workflow)
    which = f" of {workflow}" if workflow is not None else ""
    runs = f"{_counted(count, 'run')}{which}"
    _say(f"{runs} ended before {local_time(before)} and still {'has' if count == 1 else 'have'} contents.")
    if count and not _is_confirmed("Erase the contents for good?", yes=yes):
        return Exit.NO
    arguments: dict[str, Value] = {
        "before": timestamps.iso(before),
        "workflow": workflow,
        "reason": reason or f"older than {written}",
    }
    total = _repeat("erase_old", arguments)
    if as_json:
        click.echo(render_json({"runs": total["runs"], "entries": total["entries"]}))
    else:
        click.echo(f"Erased the contents of {_parts(total)}.")
    return Exit.DONE


def _erase_person(who: str, reason: str, *, yes: bool, as_json: bool) -> int:
    with client.open_for_reading() as connection:
        view = person_queries.find(connection, DEFAULT_WORKSPACE, who)
    if view is None:
        client.refuse(f"There is no person {who}. {LISTS['person']}")
    addresses = [str(address) for address in view.person.addresses] or ["no address"]
    # A person whose name no one told is called by an address.
    others = [address for address in addresses if address != view.person.label]
    known = f" ({', '.join(others)})" if others else ""
    _say(f"Person {view.person.id}: {view.person.label}{known}.")
    _say("Their name and addresses are erased everywhere, and a pseudonym takes their place. What they decided stays.")
    if not _is_confirmed("Erase them for good?", yes=yes):
        return Exit.NO
    total = _repeat("erase_person", {"person": view.person.id, "reason": reason})
    facts = {name: total[name] for name in ("person", "pseudonym", "runs", "entries", "unfinished")}
    if as_json:
        click.echo(render_json(facts))
    else:
        click.echo(f"Erased them in {_parts(total)}.")
    if total["unfinished"]:
        count = total["unfinished"]
        what = "1 run that has not ended names them" if count == 1 else f"{count:,} runs that have not ended name them"
        _say(f"{what}, so their name and addresses are kept until then. Run this command again when they have ended.")
        return Exit.WAITING
    if not as_json:
        click.echo(f"They are now “{total['pseudonym']}”.")
    return Exit.DONE


def _say(sentence: str) -> None:
    # On standard error: programs read the result on standard output.
    click.echo(sentence, err=True)


def _is_confirmed(question: str, *, yes: bool) -> bool:
    """Ask, unless `yes`. Without a terminal there is no one to answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        _say("Nothing was erased. To erase it, add --yes.")
        return False
    return click.confirm(question, err=True)


def _repeat(command: str, arguments: dict[str, Value]) -> dict[str, Any]:
    """Carry out a command part by part until nothing is left, and return the sum."""
    total: dict[str, Any] = {"runs": 0, "entries": 0}
    after: Value = None
    while True:
        facts = client.facts_of(client.carry_out(command, {**arguments, "after": after}))
        for name, value in facts.items():
            total[name] = total[name] + value if name in ("runs", "entries") else value
        after = facts["after"]
        if after is None:
            return total


def _parts(total: dict[str, Any]) -> str:
    return f"{_counted(total['runs'], 'run')} ({_counted(total['entries'], 'content')} of the audit log)"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
