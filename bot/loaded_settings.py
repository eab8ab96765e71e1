"""The settings as they are loaded: from the environment and the file `.env`, with a sentence for each problem."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bot import variable_checks
from bot.env_file import read as read_env_file
from bot.settings import Settings, SettingsError, default_database
from bot.variable_checks import PREFIX


def load_environment(env_file: Path = Path(".env")) -> dict[str, str]:
    """Return the environment variables, and the settings of the file that no variable sets.

    Raises `SettingsError` if the file exists and cannot be read.
    """
    try:
        return {**read_env_file(env_file), **os.environ}
    except ValueError as error:
        raise SettingsError([str(error)]) from None


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and a sentence for each problem in `complaints`.

    `unusable` names the settings with an invalid value; `settings` has their default instead.
    """

    settings: Settings
    complaints: tuple[str, ...]
    unusable: frozenset[str]


def load(environment: Mapping[str, str] | None = None, *, database: Path | None = None) -> Settings:
    """Return the settings. `database` replaces the database file that is set.

    Raises `SettingsError` with a sentence for each problem.
    """
    loaded = read(load_environment() if environment is None else environment, database=database)
    if loaded.complaints:
        raise SettingsError([*loaded.complaints])
    return loaded.settings


def read(environment: Mapping[str, str], *, database: Path | None = None) -> LoadedSettings:
    """Return the settings that can be used, and the problems of the others."""
    variables = {name: PREFIX + name.upper() for name in Settings.model_fields}
    values = {name: environment[variable] for name, variable in variables.items() if variable in environment}
    if database is not None:
        values["database_url"] = f"sqlite:///{database.expanduser().absolute()}"
    settings, errors = _validate(values)
    complaints = [f"{variables[name]}: {sentence}" for name, sentence in errors]
    return LoadedSettings(
        settings,
        (*variable_checks.problems(environment, tuple(Settings.model_fields)), *complaints),
        frozenset(name for name, _ in errors),
    )


def _validate(values: Mapping[str, str]) -> tuple[Settings, list[tuple[str, str]]]:
    """Return the valid settings, and the name and error of each of the others."""
    try:
        return Settings.model_validate({"database_url": default_database(), **values}), []
    except ValidationError as error:
        errors = [(str(details["loc"][0]), _sentence(details["msg"])) for details in error.errors()]
    invalid = {name for name, _ in errors}
    settings, more_errors = _validate({name: value for name, value in values.items() if name not in invalid})
    return settings, [*errors, *more_errors]


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be").rstrip(".") + "."
