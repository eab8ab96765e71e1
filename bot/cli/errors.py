"""The one place where errors become sentences."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import click
import platformdirs

from bot import log, settings
from bot.cli.exit_codes import Exit
from bot.settings import SettingsError
from bot.terminal import screen
from engine.errors import SignoffError, StoreError
from engine.system import EnvironmentSecrets, SystemClock


def told(error: Exception) -> int:
    """Say what went wrong; the exit code. `error` is being handled."""
    match error:
        case SettingsError():
            click.echo("Some settings cannot be used:", err=True)
            for sentence in error.sentences:
                click.echo(f"  {sentence}", err=True)
            return Exit.USAGE
        case StoreError():
            screen.say(str(error), err=True)
            return Exit.STORE
        case SignoffError():
            screen.say(str(error), err=True)
            return Exit.NO
        case _:
            return _broken()


def _broken() -> int:
    incident, redact = secrets.token_hex(4), _redact()
    where = _incidents() / f"{SystemClock().now().astimezone(UTC):%Y%m%dT%H%M%S}-{incident}.txt"
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.touch(mode=0o600)  # a traceback may quote what a run holds
        where.write_text(redact(traceback.format_exc()), encoding="utf-8")
        told = f"the traceback is in {where}"
    except OSError:
        log.set_up("error", "text", redact)
        logging.getLogger(__name__).exception("incident %s", incident)
        told = "the traceback is above"
    click.echo(f"Something broke (incident {incident}); {told}. Please report it.", err=True)
    return Exit.BROKEN


def _redact() -> Callable[[str], str]:
    """What takes every secret out of a traceback: those of workflows, and the credentials of the settings."""
    given = settings.environment()
    of_workflows, own = EnvironmentSecrets(given), settings.read(given).settings
    return lambda text: of_workflows.redact(own.redact(text))


def _incidents() -> Path:
    return platformdirs.user_state_path("signoff") / "incidents"
