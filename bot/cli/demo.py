"""The command `signoff demo`: a playground in the browser, or a story that plays itself."""

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
from bot.devtools.demo.story import Chapters
from bot.terminal.output import create_console
from engine.redaction import Redactor

_PORT: Final = click.IntRange(1_024, 65_535)
"""Ports below 1024 are reserved for privileged users."""


@click.command()
@click.option("--play", is_flag=True, help="Play the story instead, and check each of its claims.")
@click.option("--port", type=_PORT, default=playground.PAGE_PORT, show_default=True, help="Port of the page.")
@click.option(
    "--server-port", type=_PORT, default=playground.SERVER_PORT, show_default=True, help="Port of the Signoff server."
)
@click.option(
    "--effects-port",
    type=_PORT,
    help=f"Port of the services for payments and deployments. Default: the last one, at first "
    f"{playground.EFFECTS_PORT}.",
)
@click.option("--folder", "directory", type=click.Path(path_type=Path), help="The folder where everything is kept.")
@click.option("--fresh", is_flag=True, help="Delete the data of the last start, and start anew.")
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.pass_context
def demo(
    context: click.Context,
    *,
    play: bool,
    port: int,
    server_port: int,
    effects_port: int | None,
    directory: Path | None,
    fresh: bool,
    no_browser: bool,
) -> int:
    """Try a whole Signoff in your browser, with a Slack of its own.

    It uses no settings, and calls no service outside of this machine. Ctrl-C stops it; the next start continues.
    """
    log.set_up("error", "text", Redactor([]).redact)
    if play:
        if any(_is_given(context, name) for name in context.params if name != "play"):
            raise click.UsageError("--play takes no other option: the story finds its own ports, and keeps nothing.")
        return play_story()
    ports = Ports(page=port, server=server_port, effects=effects_port)
    try:
        asyncio.run(
            _run_playground(directory or folder.default_folder(), ports, fresh=fresh, open_browser=not no_browser)
        )
    except DemoPortTaken as error:
        raise click.UsageError(str(error)) from None
    # The terminal may be gone; the data is kept all the same.
    with contextlib.suppress(OSError):
        click.echo("Stopped. The next start continues from here.")
    return Exit.DONE


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


async def _run_playground(directory: Path, ports: Ports, *, fresh: bool, open_browser: bool) -> None:
    """Run the playground until the process is told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with playground.open_playground(directory, ports, fresh=fresh) as running:
        for line in playground.instructions(running):
            click.echo(line)
        if open_browser:
            browser.open_page(running.page("cleo"))
        await stop.wait()


def play_story(
    *,
    sabotage: Callable[[DemoEnvironment], None] = story.no_sabotage,
    patience: float = story.CLAIM_SECONDS,
    chapters: Chapters = story.CHAPTERS,
) -> int:
    """Play the story here, and return the exit code. `story.play` documents the arguments."""
    try:
        return Exit.DONE if asyncio.run(_play(sabotage, patience, chapters)) else Exit.NO
    except asyncio.CancelledError:
        raise click.Abort from None


async def _play(sabotage: Callable[[DemoEnvironment], None], patience: float, chapters: Chapters) -> bool:
    task = asyncio.current_task()
    assert task is not None
    # Cancelled, and not killed, so that the temporary folder is removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await story.play(create_console(), sabotage=sabotage, patience=patience, chapters=chapters)
