"""The command `signoff mcp`, an MCP server for agents that ask people."""

from __future__ import annotations

import socket
from typing import Any

import click

from bot.cli import api_server
from bot.cli.exit_codes import Exit

_PATIENCE = 20.0
"""How long a call is repeated while Signoff does not answer, in seconds: clients give up after 60."""
NOT_INSTALLED = "The library for MCP is missing: pip install 'signoff[mcp]'"


@click.command()
@click.option("--http", "address", metavar="HOST:PORT", help="Serve over HTTP there, in the place of standard input.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A name under which it is reached, behind a proxy."
)
def mcp(address: str | None, hosts: tuple[str, ...]) -> int:
    """Let agents ask people over the Model Context Protocol.

    SIGNOFF_URL is the address of Signoff. Over standard input and output, SIGNOFF_API_KEY is the key of the agent.
    Over HTTP each client sends its own key as a bearer token.
    """
    from signoff.errors import SignoffError

    if hosts and address is None:
        raise click.UsageError("--allow-host is for --http. Add --http, or remove it.")
    try:
        _serve_standard_streams() if address is None else _serve_http(*_host_and_port(address), hosts)
    except SignoffError as error:
        return api_server.report_error(error)
    return Exit.DONE


def _serve_standard_streams() -> None:
    import anyio

    server = api_server.server(_PATIENCE)
    server.check()
    module = _library("server")
    anyio.run(module.build(lambda _: server).run_stdio_async)


def _serve_http(host: str, port: int, hosts: tuple[str, ...]) -> None:
    import anyio

    from signoff.transport import URL, Server

    url = api_server.environment().get(URL)
    Server(url, "sgn_of_each_client", _PATIENCE).check()
    module = _library("http_transport")
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise click.UsageError(f"--http: {host} port {port} cannot be used: {error.strerror}.") from None
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"MCP: http://{shown}:{listening.getsockname()[1]}{module.PATH}", err=True)
    anyio.run(module.serve, module.application(url, hosts, _PATIENCE), listening)


def _library(name: str) -> Any:
    """Import a module that needs the library. Raises `click.UsageError` if it is missing."""
    import importlib

    try:
        return importlib.import_module(f"bot.mcp.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mcp":
            raise
        raise click.UsageError(NOT_INSTALLED) from None


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.UsageError(f"--http: write HOST:PORT, like 127.0.0.1:8765, not {address[:60]!r}.")
    return host.strip("[]"), int(port)
