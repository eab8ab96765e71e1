"""Commands about API keys: keys create, keys list, keys show, keys rotate, keys revoke."""

from __future__ import annotations

from datetime import datetime

import click

from bot.cli import callbacks, client
from bot.cli.context import DurationType, json_option
from bot.local import key_commands
from bot.local.reply import LISTS
from bot.terminal.output import (
    create_console,
    format_time,
    local_time,
    print_sentence,
    render_json,
    render_table,
    short_time,
)
from engine import api_key_text, durations
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.api_keys import MOST_PER_MINUTE, OVERLAP, PER_MINUTE, ApiAction, ApiKeyView
from engine.json_values import Value
from engine.store import api_keys
from engine.system import SystemClock

_ACTIONS = [action.value for action in ApiAction]


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke the API keys of programs.

    With its key, a program asks people and reads their answers. It can never decide.
    """


@keys.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--action",
    "actions",
    multiple=True,
    type=click.Choice(_ACTIONS),
    help="What the key may do. Repeat it for several. Default: ask.",
)
@click.option(
    "--workflow",
    "workflows",
    multiple=True,
    metavar="PATTERN",
    help="A workflow that the key may use, such as approvals or refund*. Repeat it for several. Default: all.",
)
@click.option("--acts-for", metavar="EMAIL", help="The person in whose name the program may act.")
@click.option("--expires", type=DurationType(), metavar="DURATION", help="How long the key works, such as 90d.")
@click.option(
    "--per-minute",
    type=click.IntRange(1, MOST_PER_MINUTE),
    default=PER_MINUTE,
    show_default=True,
    help="How many calls a minute the key may make, for each server process.",
)
@click.option("--callback", metavar="URL", help="Where the program is told what became of its asks.")
@json_option
def create(
    name: str,
    actions: tuple[str, ...],
    workflows: tuple[str, ...],
    acts_for: str | None,
    expires: int | None,
    per_minute: int,
    callback: str | None,
    as_json: bool,
) -> None:
    """Create an API key for the program NAME, and print it once.

    Approvers see NAME as the one who asks. Only the key itself goes to standard output, so that you can put it into
    a variable or a file. Signoff keeps no copy. With --callback, the signing secret of the endpoint is the second line.
    """
    arguments: dict[str, Value] = {
        "name": name,
        "actions": [*actions],
        "workflows": [*workflows],
        "acts_for": acts_for,
        "lifetime": expires,
        "per_minute": per_minute,
    }
    facts = client.facts_of(client.carry_out("create_api_key", arguments))
    if callback is None:
        _print_made(facts, as_json=as_json)
    else:
        _add_callback(facts, callback, as_json=as_json)


@keys.command()
@click.argument("key", metavar="KEY")
@click.option(
    "--overlap",
    type=DurationType(),
    metavar="DURATION",
    help=f"How long the key before still works. Default: {durations.show(OVERLAP)}. 0s ends it at once.",
)
@click.option(
    "--expires", type=DurationType(), metavar="DURATION", help="How long the new key works. Default: as before."
)
@json_option
def rotate(key: str, overlap: int | None, expires: int | None, as_json: bool) -> None:
    """Give KEY a new text, and print it once.

    KEY is the name, the id or the text of an API key. Its rights stay as they are, and the text before works during
    the overlap.
    """
    arguments: dict[str, Value] = {"key": api_key_text.id_of(key), "overlap": overlap, "lifetime": expires}
    _print_made(client.facts_of(client.carry_out("rotate_api_key", arguments)), as_json=as_json)


@keys.command()
@click.argument("key", metavar="KEY")
@json_option
def revoke(key: str, as_json: bool) -> None:
    """End KEY for good.

    KEY is the name, the id or the text of an API key. All servers refuse it within two seconds. What it asked goes on.
    """
    facts = client.facts_of(client.carry_out("revoke_api_key", {"key": api_key_text.id_of(key)}))
    if as_json:
        click.echo(render_json(facts))
    elif facts["already"]:
        print_sentence(f"The API key “{facts['name']}” was revoked before, by {facts['revoked_by']}.")
    else:
        print_sentence(f"The API key “{facts['name']}” is revoked.{_going_on(facts['pending_asks'])}")


@keys.command(name="list")
@click.option("--all", "with_revoked", is_flag=True, help="Also the keys that were revoked.")
@json_option
def list_(with_revoked: bool, as_json: bool) -> None:
    """List the API keys, the newest first: what each may do, who made it, and when it was used."""
    with client.open_for_reading() as connection:
        views = api_keys.views(connection, DEFAULT_WORKSPACE, with_revoked=with_revoked)
    now = SystemClock().now()
    if as_json:
        click.echo(render_json([_json(view, now) for view in views]))
        return
    if not views:
        click.echo('There are no API keys. Create one: signoff keys create "Support agent"')
        return
    columns = ("id", "name", "state", "may", "workflows", "made by", "expires", "last used")
    create_console().print(render_table(columns, [_row(view, now) for view in views]))


@keys.command()
@click.argument("key", metavar="KEY")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show KEY: what it may do, who made it, and when it was used. Its text is not known to Signoff.

    KEY is the name, the id or the text of an API key.
    """
    key = api_key_text.id_of(key)
    with client.open_for_reading() as connection:
        view = api_keys.find_view(connection, DEFAULT_WORKSPACE, key)
    if view is None:
        client.refuse(f"There is no API key “{key}”. {LISTS['API key']}")
    now = SystemClock().now()
    if as_json:
        click.echo(render_json(_json(view, now)))
        return
    out = create_console()
    for line in _lines(view, now):
        out.print(line)


def _add_callback(facts: dict[str, Value], url: str, *, as_json: bool) -> None:
    """Set an endpoint up for a new key, and print both. The key stays if that is refused."""
    reply = client.carry_out("add_callback", {"key": facts["id"], "url": url})
    _print_made({**facts, "callback": reply.facts if reply.refused is None else None}, as_json=as_json)
    if reply.refused is not None:
        client.refuse(f"The key was created, and its callbacks were not set up. {reply.refused}")
    if not as_json:
        callbacks.print_secret(reply.facts, as_json=False)


def _print_made(facts: dict[str, Value], *, as_json: bool) -> None:
    if as_json:
        click.echo(render_json(facts))
        return
    click.echo(facts["key"])
    ends = f" It works until {_local(facts['expires_at'])}." if facts["expires_at"] else ""
    print_sentence(f"This is the API key “{facts['name']}”. Keep it now: it is not shown again.{ends}", err=True)
    if facts["previous_until"]:
        print_sentence(f"The key before works until {_local(facts['previous_until'])}.", err=True)
    for pattern in _list(facts["unmatched"]):
        print_sentence(f"No registered workflow fits “{pattern}” yet.", err=True)


def _going_on(pending: Value) -> str:
    """Return what goes on after a key was revoked, as a sentence that follows another."""
    if pending == 0:
        return ""
    what = "1 ask of this program still waits" if pending == 1 else f"{pending} asks of this program still wait"
    return f" {what} for people. To end one: signoff cancel ID"


def _list(value: Value) -> list[Value]:
    assert isinstance(value, list)
    return value


def _local(moment: Value) -> str:
    return local_time(datetime.fromisoformat(str(moment)))


def _json(view: ApiKeyView, now: datetime) -> dict[str, Value]:
    return {**key_commands.as_json(view), "state": view.state(now)}


def _row(view: ApiKeyView, now: datetime) -> tuple[str, ...]:
    used = short_time(view.used_at, now) if view.used_at is not None else "never"
    workflows = "all" if view.workflows is None else ", ".join(view.workflows)
    expires = short_time(view.expires_at, now) if view.expires_at is not None else "never"
    return view.id, view.name, view.state(now), ", ".join(view.actions), workflows, view.created_by, expires, used


def _lines(view: ApiKeyView, now: datetime) -> list[str]:
    workflows = "all workflows" if view.workflows is None else f"the workflows {', '.join(view.workflows)}"
    facts = {
        "State": view.state(now),
        "May": f"{', '.join(view.actions)}, with {workflows}",
        "Acts for": view.acts_for,
        "Calls": f"at most {view.per_minute:,} a minute",
        "Created": f"by {view.created_by}, {local_time(view.created_at)}",
        "Rotated": view.rotated_at and f"by {view.rotated_by}, {local_time(view.rotated_at)}",
        "Key before works until": _later(view.previous_until, now),
        "Expires": format_time(view.expires_at) or "never",
        "Revoked": view.revoked_at and f"by {view.revoked_by}, {local_time(view.revoked_at)}",
        "Last used": format_time(view.used_at) or "never",
        "Last refused": format_time(view.refused_at),
        "Asks that wait for people": f"{view.pending_asks:,}" if view.pending_asks else "",
    }
    return [f"API key {view.id}: {view.name}", *(f"{name}: {value}" for name, value in facts.items() if value)]


def _later(moment: datetime | None, now: datetime) -> str:
    return format_time(moment) if moment is not None and moment > now else ""
