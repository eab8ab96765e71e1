"""The command that prints the manifest of the Slack app."""

from __future__ import annotations

import click

from bot.slack import manifest as manifests


def _https(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    if url is not None and not url.startswith("https://"):
        raise click.BadParameter("Slack uses https:// addresses only.")
    return url


@click.command()
@click.option(
    "--url",
    callback=_https,
    help="The address at which Slack reaches this server over HTTPS. Default: the server opens a socket to Slack.",
)
@click.option(
    "--sign-in",
    "pages",
    metavar="URL",
    callback=_https,
    help="The address of the review pages (SIGNOFF_PUBLIC_URL): people can then sign in with Slack on them.",
)
@click.option("--link", is_flag=True, help="Print an address that creates the app in a browser.")
def manifest(url: str | None, pages: str | None, *, link: bool) -> None:
    """Print the manifest from which the Slack app is created."""
    click.echo(manifests.link(url, pages) if link else manifests.as_yaml(url, pages), nl=link)
