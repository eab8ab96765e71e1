"""The command `signoff health`, for containers and service managers, whose images have no HTTP client."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Final

import click

from bot.cli.context import load_context
from bot.cli.exit_codes import Exit
from bot.settings import Settings

ANSWER_SECONDS: Final = 4.0
"""How long the server may take to answer, in seconds. `/readyz` itself waits two seconds for the database."""
_THIS_MACHINE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 compared, and never bound
"""The address that reaches a server which listens at every address."""


@click.command()
@click.option("--ready", is_flag=True, help="Ask whether it can take requests now, and not only whether it works.")
def health(ready: bool) -> int:
    """Ask the server on this machine whether it works.

    It ends with 0 if the server says so, and with 1 otherwise. The server needs SIGNOFF_PROBE_PORT for --ready.
    """
    settings = load_context().settings
    host = _THIS_MACHINE.get(settings.host, settings.host)
    answer, works = _ask(host, _port(settings, ready=ready), "/readyz" if ready else "/healthz")
    click.echo(answer, err=not works)
    return Exit.DONE if works else Exit.NO


def _port(settings: Settings, *, ready: bool) -> int:
    """Return the port that answers. Raises `click.UsageError` if there is none."""
    if settings.probe_port:
        return settings.probe_port
    if ready or settings.role == "worker" or not (settings.public_url or settings.slack_signing_secret):
        raise click.UsageError("The server answers at a port for probes. Set SIGNOFF_PROBE_PORT, for it and for this.")
    return settings.port


def _ask(host: str, port: int, path: str) -> tuple[str, bool]:
    """Return the answer in a word or a sentence, and whether it is a yes."""
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read(200).decode("utf-8", "replace").strip(), response.status == 200
    except (OSError, HTTPException) as error:
        return f"No server answers at {host} port {port} ({error or type(error).__name__}).", False
    finally:
        connection.close()
