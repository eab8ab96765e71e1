"""Settings: environment variables that start with `SIGNOFF_`, or the same names in a file `.env`.

Everything that is wrong is reported at once, in sentences.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import platformdirs
from dotenv import dotenv_values
from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engine import fields
from engine.errors import InvalidValue, SignoffError
from engine.fields import Field
from engine.steps.guard import Guard
from engine.system import SECRET_PREFIX

PREFIX: Final = "SIGNOFF_"
_EMAIL: Final = Field(type=fields.FieldType.EMAIL)


class SettingsError(SignoffError):
    """Settings that cannot be used; one sentence for each."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


def default_database() -> str:
    """A file under the user's data folder."""
    return f"sqlite:///{platformdirs.user_data_path('signoff') / 'signoff.db'}"


class Settings(BaseSettings):
    """One attribute a setting; its environment variable is the name in capitals after `SIGNOFF_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    database_url: str = ""
    """Where the data is: `sqlite:////absolute/path/signoff.db`. Default: a file under the user's data folder."""
    operator: str = ""
    """The email address of the person who uses the terminal of this machine. Needed for `signoff decide`."""
    admins: Annotated[tuple[str, ...], NoDecode] = ()
    """Email addresses, separated by commas: who may replace, cancel and resume what others own."""
    http_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, separated by commas, that `http` steps may call though they are not public or not https:
    `host`, `host:port`, `.suffix`, or a network such as `10.1.0.0/16`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("admins", "http_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("operator")
    @classmethod
    def _email(cls, value: str) -> str:
        return _address(value) if value else ""

    @field_validator("admins")
    @classmethod
    def _emails(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address(one) for one in value)

    @field_validator("http_allow")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            Guard(value)
        except InvalidValue as error:
            raise ValueError(f"{error}; write host, host:port, .suffix or a network like 10.1.0.0/16") from None
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        url = value or default_database()
        if url.startswith(("postgresql:", "postgres:", "postgresql+")):
            raise ValueError("PostgreSQL is not available yet; use sqlite:////absolute/path/signoff.db")
        if not url.startswith("sqlite:///") or url.rstrip("/") == "sqlite:":
            raise ValueError("must look like sqlite:////absolute/path/signoff.db")
        return url

    @property
    def database(self) -> Path:
        """The database file."""
        return Path(self.database_url.removeprefix("sqlite:///")).expanduser().absolute()


def _address(value: str) -> str:
    try:
        return str(fields.validate(_EMAIL, value))
    except InvalidValue as error:
        raise ValueError(f"{value!r}: {error}") from None


def environment(env_file: Path = Path(".env")) -> dict[str, str]:
    """What is set, in the environment or else in the file; the environment wins.

    Raises `SettingsError` for a file that is there and cannot be read.
    """
    try:
        with env_file.open(encoding="utf-8") as opened:
            from_file = {name: value for name, value in dotenv_values(stream=opened).items() if value is not None}
    except FileNotFoundError:
        from_file = {}
    except UnicodeDecodeError:
        raise SettingsError([f"{env_file.absolute()} is not text in UTF-8."]) from None
    except OSError as error:
        raise SettingsError([f"{env_file.absolute()} cannot be read: {error.strerror}."]) from None
    return {**from_file, **os.environ}


def load(given: Mapping[str, str] | None = None, *, database: Path | None = None) -> Settings:
    """The settings. `database`: use this file instead of the one that is set.

    Raises `SettingsError` with every wrong setting.
    """
    present = environment() if given is None else given
    wrong = list(_unknown(present))
    values = {
        name: present[PREFIX + name.upper()] for name in Settings.model_fields if PREFIX + name.upper() in present
    }
    if database is not None:
        values["database_url"] = f"sqlite:///{database.expanduser().absolute()}"
    values.setdefault("database_url", default_database())
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong += [f"{PREFIX}{str(one['loc'][0]).upper()}: {_sentence(one['msg'])}" for one in error.errors()]
        raise SettingsError(wrong) from None
    if wrong:
        raise SettingsError(wrong)
    return settings


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be").rstrip(".") + "."


def _unknown(present: Mapping[str, str]) -> Iterator[str]:
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(present):
        bare = name.removeprefix(PREFIX)
        if bare != name and not name.startswith(SECRET_PREFIX) and bare not in known:
            # Without the prefix: it would make any two names look alike.
            close = difflib.get_close_matches(bare, known, n=1)
            hint = f" Did you mean {PREFIX}{close[0]}?" if close else ""
            yield f"{name}: there is no such setting.{hint}"
