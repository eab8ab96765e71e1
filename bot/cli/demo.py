"""The commands that show what Signoff does: a demo to play with, and a story that plays itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from bot import log
from bot.cli.exit_codes import Exit
from bot.devtools.demo import browser, folder, playground, story
from bot.devtools.demo.playground import DemoPortTaken, Ports
from bot.devtools.demo.servers import DemoEnvironment
from bot.terminal import screen

_PORT: Final = click.IntRange(1_024, 65_535)
"""Those below are not given to ordinary users."""


@click.command()
@click.option("--play", is_flag=True, help="Play the story instead, and check every claim of it.")
@click.option("--port", type=_PORT, default=playground.PAGE_PORT, show_default=True, help="Port of the page.")
@click.option(
    "--server-port", type=_PORT, default=playground.SERVER_PORT, show_default=True, help="Port of the server."
)
@click.option(
    "--effects-port",
    type=_PORT,
    help=f"Port of payments and deployments; default: the last one, at first {playground.EFFECTS_PORT}.",
)
@click.option("--folder", "place", type=click.Path(path_type=Path), help="Where everything is kept.")
@click.option("--fresh", is_flag=True, help="Forget what was kept, and begin anew.")
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.pass_context
def demo(
    context: click.Context,
    *,
    play: bool,
    port: int,
    server_port: int,
    effects_port: int | None,
    place: Path | None,
    fresh: bool,
    no_browser: bool,
) -> int:
    """Play with a whole Signoff that has a Slack of its own.

    It takes no settings, and calls nobody outside of this machine. Ctrl-C stops it; the next start goes on from there.
    """
    log.set_up("error", "text", lambda text: text)
    if play:
        others = [name for name in context.params if name != "play" and _given(context, name)]
        if others:
            raise click.UsageError("--play takes no other option: the story finds its own ports, and keeps nothing.")
        return perform()
    ports = Ports(page=port, server=server_port, effects=effects_port)
    try:
        asyncio.run(_stay(place or folder.default(), ports, fresh=fresh, opens=not no_browser))
    except DemoPortTaken as error:
        raise click.UsageError(str(error)) from None
    # The terminal may be gone, and all is kept whoever reads this.
    with contextlib.suppress(OSError):
        click.echo("Stopped; the next start goes on from here.")
    return Exit.DONE


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


async def _stay(place: Path, ports: Ports, *, fresh: bool, opens: bool) -> None:
    """Until the process is told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with playground.standing(place, ports, fresh=fresh) as standing:
        for line in playground.told(standing):
            click.echo(line)
        if opens:
            browser.open_page(standing.page("cleo"))
        await stop.wait()


def perform(*, rig: Callable[[DemoEnvironment], None] = story.untouched, patience: float = story.PATIENCE) -> int:
    """Play the story here; the exit code. `rig`, `patience`: see `story.play`."""
    try:
        return Exit.DONE if asyncio.run(_play(rig, patience)) else Exit.NO
    except asyncio.CancelledError:
        raise click.Abort from None


async def _play(rig: Callable[[DemoEnvironment], None], patience: float) -> bool:
    playing = asyncio.current_task()
    assert playing is not None
    # Whoever ends it this way finds no temporary folder of ours either.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    return await story.play(screen.console(), rig=rig, patience=patience)
