"""Commands about callbacks: callbacks add, callbacks list, callbacks rotate, callbacks enable, callbacks remove."""

from __future__ import annotations

from datetime import datetime

import click

from bot.cli import client
from bot.cli.context import DurationType, json_option
from bot.local import callback_commands
from bot.terminal.output import create_console, format_time, local_time, print_sentence, render_json, render_table
from engine import durations
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.callbacks import OVERLAP, CallbackEndpointView, EndpointState
from engine.json_values import Value
from engine.store import callback_endpoints


@click.group()
def callbacks() -> None:
    """Set up where programs are told what became of their asks.

    A program names the endpoint, by its URL or id, when it asks. Signoff then calls it with a signature.
    """


@callbacks.command()
@click.argument("key", metavar="KEY")
@click.argument("url", metavar="URL")
@json_option
def add(key: str, url: str, as_json: bool) -> None:
    """Set up URL as an endpoint for the program with KEY, and print its signing secret once.

    KEY is the name or the id of an API key. With the secret, the program checks that a call comes from this Signoff.
    """
    facts = client.facts_of(client.carry_out("add_callback", {"key": key, "url": url}))
    print_secret(facts, as_json=as_json)


@callbacks.command()
@click.argument("endpoint", metavar="ENDPOINT")
@click.option(
    "--overlap",
    type=DurationType(),
    metavar="DURATION",
    help=f"How long the secret before counts as well. Default: {durations.show(OVERLAP)}. 0s ends it at once.",
)
@json_option
def rotate(endpoint: str, overlap: int | None, as_json: bool) -> None:
    """Give ENDPOINT a new signing secret, and print it once.

    ENDPOINT is an id from `signoff callbacks list`. During the overlap, calls carry a signature with each secret.
    """
    facts = client.facts_of(client.carry_out("rotate_callback", {"endpoint": endpoint, "overlap": overlap}))
    print_secret(facts, as_json=as_json)


@callbacks.command()
@click.argument("endpoint", metavar="ENDPOINT")
@json_option
def enable(endpoint: str, as_json: bool) -> None:
    """Send callbacks to ENDPOINT again.

    ENDPOINT is an id from `signoff callbacks list`. Signoff switches one off whose receiver answers 410 Gone.
    """
    _change("enable_callback", endpoint, ("is switched on", "was on"), as_json=as_json)


@callbacks.command()
@click.argument("endpoint", metavar="ENDPOINT")
@json_option
def remove(endpoint: str, as_json: bool) -> None:
    """End ENDPOINT for good, and forget its secret.

    ENDPOINT is an id from `signoff callbacks list`. Callbacks that are on their way are not sent.
    """
    _change("remove_callback", endpoint, ("is removed", "was removed before"), as_json=as_json)


@callbacks.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the endpoints, the newest first: whose each is, and whether calls arrive."""
    with client.open_for_reading() as connection:
        views = callback_endpoints.views(connection, DEFAULT_WORKSPACE)
    if as_json:
        click.echo(render_json([callback_commands.as_json(view) for view in views]))
        return
    if not views:
        click.echo('There are no endpoints. Set one up: signoff callbacks add "Support agent" https://…')
        return
    create_console().print(render_table(("id", "program", "url", "state"), [_row(view) for view in views]))


def print_secret(facts: dict[str, Value], *, as_json: bool) -> None:
    """Print a signing secret, this one time."""
    if as_json:
        click.echo(render_json(facts))
        return
    click.echo(facts["secret"])
    sentence = f"This is the signing secret of {facts['url']}. Keep it now: it is not shown again."
    print_sentence(f"{sentence} The id of the endpoint is {facts['id']}.", err=True)
    if facts["previous_until"]:
        until = local_time(datetime.fromisoformat(str(facts["previous_until"])))
        print_sentence(f"The secret before counts until {until}.", err=True)


def _change(command: str, endpoint: str, became: tuple[str, str], *, as_json: bool) -> None:
    facts = client.facts_of(client.carry_out(command, {"endpoint": endpoint}))
    if as_json:
        click.echo(render_json(facts))
    else:
        print_sentence(f"The endpoint {facts['url']} {became[bool(facts['already'])]}.")


def _row(view: CallbackEndpointView) -> tuple[str, ...]:
    return view.id, view.key_name, view.url, _state(view)


def _state(view: CallbackEndpointView) -> str:
    """Return whether calls to an endpoint arrive, and why not."""
    if view.state is EndpointState.OFF:
        return f"off: {view.error}"
    if view.failing_since is not None:
        return f"fails since {format_time(view.failing_since)}: {view.error}"
    return "works"
