"""`signoff serve` in a process of its own, at the pace that the local Slack is told to allow: MULTIPLIER [BURST].

Nothing else is different from what is shipped: the settings come from the environment, the log goes to standard error.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import click

from bot import app, log, settings
from bot.app import AppOptions
from bot.slack.rate_limit import RateLimiter
from bot.terminal import screen

READY: Final = "ready"
"""The line that says that deliveries and commands are taken."""


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    multiplier, *burst = arguments
    environment = settings.environment()
    chosen = settings.load(environment)
    log.set_up(chosen.log_level, chosen.log_format, chosen.redact)
    options = AppOptions(
        settings=chosen,
        environment=environment,
        console=screen.console(),
        slack_limiter=RateLimiter(multiplier=float(multiplier), burst=int(burst[0]) if burst else None),
    )
    asyncio.run(app.serve(options, lambda _: click.echo(READY)))


if __name__ == "__main__":
    main(sys.argv[1:])
