"""The command that plays the story."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import click

from bot import log
from bot.cli.exits import Exit
from bot.demo import story
from bot.demo.stage import Stage
from bot.terminal import screen


@click.command()
@click.option("--play", is_flag=True, help="Play the story. Needed: there is no other demo.")
def demo(*, play: bool) -> int:
    """Play a story of approvals on this machine, and check every claim it makes.

    The server, the signed HTTP and the payments are real, Slack is a local one, and its people follow a script.
    It takes no settings, keeps nothing, and calls nobody outside of this machine.
    """
    if not play:
        raise click.UsageError("signoff demo --play plays the story; without --play there is nothing to show.")
    log.set_up("error", "text", lambda text: text)
    return perform()


def perform(*, rig: Callable[[Stage], None] = story.untouched, patience: float = story.PATIENCE) -> int:
    """Play the story here; the exit code. `rig`, `patience`: see `story.play`."""
    try:
        return Exit.DONE if asyncio.run(_play(rig, patience)) else Exit.NO
    except asyncio.CancelledError:
        raise click.Abort from None


async def _play(rig: Callable[[Stage], None], patience: float) -> bool:
    playing = asyncio.current_task()
    assert playing is not None
    # Whoever ends it this way finds no temporary folder of ours either.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    return await story.play(screen.console(), rig=rig, patience=patience)
