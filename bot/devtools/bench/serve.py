"""`signoff serve` in a process of its own, with the rate limits of the local Slack: MULTIPLIER [BURST].

Everything else is as shipped: the settings come from the environment, the log goes to standard error.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import click

from bot import app, loaded_settings, log
from bot.app_parts import AppOptions
from bot.slack.rate_limit import RateLimiter
from bot.terminal.output import ServerConsole, create_console

READY: Final = "ready"
"""The line that is printed once deliveries and commands are accepted."""


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM. The arguments are the multiplier and, optionally, the burst."""
    multiplier, *burst = arguments
    environment = loaded_settings.load_environment()
    loaded = loaded_settings.load(environment)
    log.set_up(loaded.log_level, loaded.log_format, loaded.redact)
    options = AppOptions(
        settings=loaded,
        environment=environment,
        console=create_console(kind=ServerConsole),
        slack_limiter=RateLimiter(multiplier=float(multiplier), burst=int(burst[0]) if burst else None),
    )
    asyncio.run(app.serve(options, lambda _: click.echo(READY)))


if __name__ == "__main__":
    main(sys.argv[1:])
