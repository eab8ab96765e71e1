"""The errors of commands, as a sentence and an exit code."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import platformdirs

from bot import loaded_settings, log, request_scope
from bot.cli.exit_codes import Exit
from bot.settings import Settings, SettingsError
from bot.terminal.output import print_sentence
from engine.errors import SignoffError, StoreError
from engine.system import SystemClock

if TYPE_CHECKING:
    from engine.server_secrets import ServerSecrets

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
    from engine.server_secrets import ServerSecrets

    environment = loaded_settings.load_environment()
    own_settings, known = loaded_settings.read(environment).settings, ServerSecrets(environment)
    try:
        _learn(known, own_settings)
    except Exception:
        # The report is written all the same: the database may be what broke.
        logging.getLogger(__name__).debug("the secrets of the database could not be read", exc_info=True)
    return lambda text: log.redact(known.redact(own_settings.redact(text)))


def _learn(known: ServerSecrets, settings: Settings) -> None:
    """Read the secrets of the database, also those that were replaced or deleted lately."""
    # Imported here, because most errors are a sentence, which needs none of it.
    from bot import databases, secret_key_file
    from engine.domain import DEFAULT_WORKSPACE
    from engine.store import secrets

    if settings.server_url is None and not settings.database.exists():
        return
    with databases.reading(settings) as connection:
        known.learn(secrets.load_all(connection, DEFAULT_WORKSPACE), secret_key_file.keys_of(settings).load())


def _incident_folder() -> Path:
    return platformdirs.user_state_path("signoff") / "incidents"
