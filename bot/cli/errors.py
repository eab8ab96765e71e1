"""The errors of commands, as a sentence and an exit code."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Final

import click
import platformdirs

from bot import loaded_settings, log, request_scope
from bot.cli.exit_codes import Exit
from bot.settings import SettingsError
from bot.terminal.output import print_sentence
from engine.errors import SignoffError, StoreError
from engine.system import EnvironmentSecrets, SystemClock

_CORRECT: Final = "Correct them in the environment, or in the file .env of this folder:"


def report(error: Exception) -> int:
    """Print the error that is being handled, and return the exit code."""
    match error:
        case SettingsError():
            click.echo(f"Some settings cannot be used. {_CORRECT}", err=True)
            for sentence in error.sentences:
                click.echo(f"  {sentence}", err=True)
            return Exit.USAGE
        case StoreError():
            print_sentence(str(error), err=True)
            return Exit.STORE
        case SignoffError():
            print_sentence(str(error), err=True)
            return Exit.NO
        case _:
            return _report_bug()


def _report_bug() -> int:
    incident, redact = request_scope.new_id(), _redactor()
    file = _incident_folder() / f"{SystemClock().now().astimezone(UTC):%Y%m%dT%H%M%S}-{incident}.txt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # a traceback may quote the data of a run
        file.write_text(redact(traceback.format_exc()), encoding="utf-8")
        location = f"The details are in {file}."
    except OSError:
        log.set_up("error", "text", redact)
        logging.getLogger(__name__).exception("incident %s", incident)
        location = "The details are above."
    click.echo(f"Something broke (incident {incident}). {location} Please report it.", err=True)
    return Exit.BROKEN


def _redactor() -> Callable[[str], str]:
    """Return a function that removes the secrets of workflows and the credentials of the settings from a text."""
    environment = loaded_settings.load_environment()
    secrets_of_workflows, own_settings = EnvironmentSecrets(environment), loaded_settings.read(environment).settings
    return lambda text: log.redact(secrets_of_workflows.redact(own_settings.redact(text)))


def _incident_folder() -> Path:
    return platformdirs.user_state_path("signoff") / "incidents"
