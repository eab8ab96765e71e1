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
    pace = RateLimiter(multiplier=float(multiplier), burst=int(burst[0]) if burst else None)
    ready = app.serve(chosen, environment, screen.console(), lambda _: click.echo(READY), pace=pace)
    asyncio.run(ready)


if __name__ == "__main__":
    main(sys.argv[1:])
