"""The command that prints the manifest of the Slack app."""

from __future__ import annotations

import click

from bot.slack import manifest as manifests


def _https(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    if url is not None and not url.startswith("https://"):
        raise click.BadParameter("Slack delivers to https:// addresses only.")
    return url


@click.command()
@click.option(
    "--url",
    callback=_https,
    help="The address at which Slack reaches this server over HTTPS. Default: the server opens a socket to Slack.",
)
def manifest(url: str | None) -> None:
    """Print the manifest from which the Slack app is created."""
    click.echo(manifests.as_yaml(url), nl=False)
