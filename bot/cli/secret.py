"""Commands about the secrets of workflows: secret set, secret list, secret delete, secret rotate."""

from __future__ import annotations

import sys

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.local import secret_commands
from bot.terminal.output import create_console, print_sentence, render_json, render_table, short_time
from engine.domain import DEFAULT_WORKSPACE
from engine.json_values import Value
from engine.store import secrets
from engine.system import SECRET_PREFIX, SystemClock

_workflow_option = click.option(
    "--workflow", metavar="WORKFLOW", help="The one workflow that uses it. Default: all workflows can."
)


@click.group()
def secret() -> None:
    """Set, list and delete the secrets that workflows use as {{ secret.NAME }}.

    Values are encrypted in the database. No command shows one again.
    """


@secret.command(name="set")
@click.argument("name", metavar="NAME")
@_workflow_option
@json_option
def set_(name: str, workflow: str | None, as_json: bool) -> None:
    """Set the secret NAME. You are asked for its value, which is not shown; or pass it on standard input.

    It is used within seconds, without a restart. One line break at the end of standard input is not part of the value.
    """
    arguments: dict[str, Value] = {"name": name, "value": _read_value(name), "workflow": workflow}
    facts = client.facts_of(client.carry_out("set_secret", arguments))
    if as_json:
        click.echo(render_json(facts))
        return
    done = "has a new value" if facts["replaced"] else "is set"
    print_sentence(f"The secret {name} {done}, for {_whose(workflow)}.")
    if facts["in_environment"]:
        print_sentence(f"It counts before {SECRET_PREFIX}{name} in the environment, which you can remove.")


def _read_value(name: str) -> str:
    """Ask for a value without showing it, or read standard input."""
    if sys.stdin.isatty():
        value: str = click.prompt(f"Value of {name} (not shown)", hide_input=True, err=True)
        return value
    written = sys.stdin.read()
    return written.removesuffix("\n").removesuffix("\r")


@secret.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the secrets: for which workflow, who set them, and when they were used. Values are never shown."""
    with client.open_for_reading() as connection:
        views = secrets.views(connection, DEFAULT_WORKSPACE)
    if as_json:
        click.echo(render_json([secret_commands.as_json(view) for view in views]))
        return
    if not views:
        click.echo("No secrets are set. Set one: signoff secret set NAME")
        return
    now = SystemClock().now()
    rows = [
        (
            view.name,
            view.workflow or "all workflows",
            view.set_by,
            short_time(view.set_at, now),
            short_time(view.used_at, now) if view.used_at is not None else "never",
        )
        for view in views
    ]
    create_console().print(render_table(("name", "for", "set by", "set", "last used"), rows))


@secret.command()
@click.argument("name", metavar="NAME")
@_workflow_option
@json_option
def delete(name: str, workflow: str | None, as_json: bool) -> None:
    """Delete the secret NAME. Steps that use it fail from now on, unless there is another one for them."""
    facts = client.facts_of(client.carry_out("delete_secret", {"name": name, "workflow": workflow}))
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(f"The secret {name} for {_whose(workflow)} is deleted.")
    used_by = [str(one) for one in facts["used_by"]] if isinstance(facts["used_by"], list) else []
    if used_by:
        print_sentence(f"{_subject(used_by)} it. {_from_now(name, facts['instead'], several=len(used_by) > 1)}")


def _subject(used_by: list[str]) -> str:
    names = ", ".join(used_by)
    return f"The workflow {names} uses" if len(used_by) == 1 else f"The workflows {names} use"


def _from_now(name: str, instead: Value, *, several: bool) -> str:
    if instead is None:
        return f"{'Their' if several else 'Its'} steps with this secret fail until you set it again."
    other = "the secret for all workflows" if instead == "workspace" else f"{SECRET_PREFIX}{name} of the environment"
    return f"From now on {'they use' if several else 'it uses'} {other}."


@secret.command()
@json_option
def rotate(as_json: bool) -> None:
    """Encrypt all secrets with a new key. Values stay as they are.

    With SIGNOFF_SECRETS_KEY, first put a new key before the others there (signoff key prints one), and start all
    servers again.
    """
    facts = client.facts_of(client.carry_out("rotate_secrets", {}))
    if as_json:
        click.echo(render_json(facts))
        return
    values = "1 value was" if facts["count"] == 1 else f"{facts['count']} values were"
    print_sentence(f"{values} encrypted with the current key. Backups of before need the key of before.")
    if isinstance(facts["unreadable"], list) and facts["unreadable"]:
        names = ", ".join(map(str, facts["unreadable"]))
        print_sentence(f"No key here opens: {names}. Set them again, or give the server the key that they need.")


def _whose(workflow: str | None) -> str:
    return "all workflows" if workflow is None else f"the workflow {workflow}"
