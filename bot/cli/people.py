"""Commands about people and their addresses: people list, people show, people undo, people sign-out."""

from __future__ import annotations

import click

from bot.cli import client, serialize
from bot.cli.context import json_option
from bot.local.reply import LISTS
from bot.terminal.output import create_console, format_time, render_json, render_table
from engine.domain import DEFAULT_WORKSPACE, Address
from engine.json_values import Value
from engine.person_views import AddressPeriod
from engine.references import parse
from engine.store import person_queries


@click.group()
def people() -> None:
    """List people and their addresses, give an address back, and sign a person out."""


@people.command(name="list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many to list.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List the people that Signoff knows, the newest first."""
    with client.open_for_reading() as connection:
        views = person_queries.person_views(connection, DEFAULT_WORKSPACE, limit)
    if as_json:
        click.echo(render_json([serialize.person_view(view) for view in views]))
        return
    if not views:
        click.echo("No people are known yet. They become known when they start, own or approve something.")
        return
    rows = [
        (view.person.id, view.person.label, ", ".join(map(str, view.person.addresses)), format_time(view.created_at))
        for view in views
    ]
    create_console().print(render_table(("person", "name", "addresses", "known since"), rows))


@people.command()
@click.argument("who", metavar="WHO")
@json_option
def show(who: str, as_json: bool) -> None:
    """Show a person's present and past addresses, and where each is from.

    WHO is an email address, a Slack user id, or an id of `signoff people list`.
    """
    with client.open_for_reading() as connection:
        view = person_queries.find(connection, DEFAULT_WORKSPACE, who)
        if view is None:
            client.refuse(f"There is no person {who}. {LISTS['person']}")
        periods = person_queries.load_periods(connection, view.person.id)
    if as_json:
        whole: dict[str, Value] = {
            **serialize.person_view(view),
            "history": [serialize.period(period) for period in periods],
        }
        click.echo(render_json(whole))
        return
    out = create_console()
    out.print(f"Person {view.person.id}: {view.person.label}")
    if view.split_from is not None:
        out.print(f"An older version took this account and person {view.split_from} for one person.")
    if view.joined_into is not None:
        out.print(f"This is the same human as person {view.joined_into}.")
    out.print(render_table(("address", "since", "until", "why"), [_row(period) for period in periods]))


def _row(period: AddressPeriod) -> tuple[str, str, str, str]:
    until = format_time(period.until) if period.until is not None else "now"
    return str(period.address), format_time(period.since), until, f"{period.evidence} {period.ended or ''}".strip()


def _address(who: str) -> Address | None:
    reference = parse(who.removeprefix("slack:"))
    return reference.address if reference is not None and reference.is_address else None


@people.command()
@click.argument("address", metavar="ADDRESS")
@json_option
def undo(address: str, as_json: bool) -> None:
    """Give ADDRESS back to the person who had it before.

    Their open requests, workflows and open runs move back with the address. Correct the address in Slack and in
    the roles file first. Otherwise, the next look-up gives it to the same person again.
    """
    parsed = _address(address)
    if parsed is None:
        raise click.UsageError(f"{address} is not an email address or a Slack user id.")
    facts = client.facts_of(client.carry_out("return_address", {"kind": parsed.kind, "value": parsed.value}))
    if as_json:
        click.echo(render_json(facts))
        return
    now = f"It belongs to {facts['given_to']} again" if facts["given_to"] else "It belongs to no person now"
    click.echo(f"{parsed} no longer belongs to {facts['taken_from']}. {now}.")


@people.command(name="sign-out")
@click.argument("who", metavar="WHO")
@json_option
def sign_out(who: str, as_json: bool) -> None:
    """Sign a person out of all browsers, if you are an admin.

    WHO is an email address, a Slack user id, or an id of `signoff people list`. They can sign in again: if another
    person reads their email, fix that first.
    """
    facts = client.facts_of(client.carry_out("sign_out", {"person": who}))
    if as_json:
        click.echo(render_json(facts))
        return
    count = facts["browsers"]
    if count == 0:
        click.echo(f"{facts['person']} was not signed in in any browser.")
    else:
        click.echo(f"{facts['person']} was signed out of {count} browser{'s' if count != 1 else ''}.")
