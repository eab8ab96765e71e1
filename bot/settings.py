"""Settings: environment variables that start with `SIGNOFF_`, or the same names in a file `.env`.

Everything that is wrong is reported at once, in sentences.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import platformdirs
from pydantic import SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bot import endpoints
from bot.endpoints import MailServerAddress
from bot.env_file import read as read_env_file
from engine import fields
from engine.domain import accounts
from engine.errors import InvalidValue, SignoffError
from engine.fields import Field
from engine.redaction import MIN_LENGTH, Redactor
from engine.references import parse_resolvable
from engine.steps.url_guard import Guard
from engine.system import SECRET_PREFIX
from engine.workflowfile.scalars import SECRET_NAME

PREFIX: Final = "SIGNOFF_"
_NEEDS: Final = {
    "SMTP_URL": ("EMAIL_FROM", "PUBLIC_URL"),
    "EMAIL_FROM": ("SMTP_URL",),
    "SMTP_CA_FILE": ("SMTP_URL",),
    "DKIM_KEY_FILE": ("DKIM_SELECTOR", "SMTP_URL"),
    "DKIM_SELECTOR": ("DKIM_KEY_FILE",),
    "DKIM_DOMAIN": ("DKIM_KEY_FILE",),
}
"""Settings that make no sense without others."""
_LAST_PORT: Final = 65_535
_FEWEST_CONNECTIONS: Final = 16
_MOST_CONNECTIONS: Final = 20_000
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

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str = ""
    """Where the data is: `sqlite:////absolute/path/signoff.db`. Default: a file under the user's data folder."""
    operator: str = ""
    """The email address of the person who uses the terminal of this machine. Needed for `signoff decide`."""
    admins: Annotated[tuple[str, ...], NoDecode] = ()
    """Email addresses, separated by commas: who may replace, cancel and resume what others own."""
    http_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, separated by commas, that `http` steps may call though they are not public or not https:
    `host`, `host:port`, `.suffix`, or a network such as `10.1.0.0/16`."""
    slack_bot_token: SecretStr = SecretStr("")
    """`xoxb-…`: with it, people are asked in Slack."""
    slack_signing_secret: SecretStr = SecretStr("")
    """With it, Slack's deliveries are taken over HTTP at `/slack/events`."""
    slack_app_token: SecretStr = SecretStr("")
    """`xapp-…`: with it, Slack's deliveries are taken over a socket that this server opens."""
    slack_api_url: str = "https://slack.com/api/"
    """Where Slack's Web API is: for other Slack clouds, and for the sandbox."""
    builders: Annotated[tuple[str, ...], NoDecode] = ()
    """Who may register workflows in Slack, separated by commas: email addresses, Slack user ids, `group:handle`."""
    host: str = "127.0.0.1"
    """The address that HTTP is taken at."""
    port: int = 8000
    """The port that HTTP is taken at."""
    max_connections: int = 500
    """Connections that HTTP is taken over at the same time; fewer where the process may open fewer files."""
    public_url: str = ""
    """Where people's browsers reach this server, as `https://signoff.example.com`; a path is a prefix of a proxy.
    With it, the review pages are served."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses and networks, separated by commas, of the proxies in front of this server. What they say of the client
    (`X-Forwarded-For`) is believed, to limit how often one client may ask for codes."""
    smtp_url: SecretStr = SecretStr("")
    """The mail server: `smtps://user:password@host:465` or `smtp+starttls://user:password@host:587`. Without TLS,
    `smtp://`, only to this machine. With it, people are asked by mail."""
    email_from: str = ""
    """What mails are from: `Signoff <signoff@example.com>`."""
    smtp_ca_file: str = ""
    """A file with the certificates (PEM) of a private authority that the mail server's may be from."""
    dkim_key_file: str = ""
    """A file with a private key (PEM): with it, mails are signed (DKIM)."""
    dkim_selector: str = ""
    """The name that the public key has in the DNS, before `._domainkey.`."""
    dkim_domain: str = ""
    """The domain that signs. Default: that of `SIGNOFF_EMAIL_FROM`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("port", mode="before")
    @classmethod
    def _port(cls, value: object) -> object:
        given = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,5}", value, re.ASCII) else value
        if not isinstance(given, int) or not 1 <= given <= _LAST_PORT:
            raise ValueError(f"must be a whole number from 1 to {_LAST_PORT}, like 8000")
        return given

    @field_validator("max_connections", mode="before")
    @classmethod
    def _connections(cls, value: object) -> object:
        given = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,5}", value, re.ASCII) else value
        if not isinstance(given, int) or not _FEWEST_CONNECTIONS <= given <= _MOST_CONNECTIONS:
            raise ValueError(f"must be a whole number from {_FEWEST_CONNECTIONS} to {_MOST_CONNECTIONS}, like 500")
        return given

    @field_validator("admins", "http_allow", "builders", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("operator")
    @classmethod
    def _email(cls, value: str) -> str:
        return _address(value) if value else ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 pydantic's shape
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` was given: `environment` reads variables and file, with sentences for both."""
        return (init_settings,)

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

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                network = ipaddress.ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is no address and no network; write 10.0.0.5 or 10.0.0.0/8") from None
            if network.prefixlen == 0:
                raise ValueError(f"{one!r} is every address; name only the proxies that you run")
        return value

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        return endpoints.public_url(value) if value else ""

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        if value:
            endpoints.mail_server(value.get_secret_value())
        return value

    @field_validator("email_from")
    @classmethod
    def _from(cls, value: str) -> str:
        return str(endpoints.sender(value)) if value else ""

    @field_validator("dkim_selector", "dkim_domain")
    @classmethod
    def _labels(cls, value: str) -> str:
        return endpoints.domain_labels(value) if value else ""

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _tokens(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        token, prefix = value.get_secret_value(), "xapp-" if info.field_name == "slack_app_token" else "xoxb-"
        # The token that takes turns with others (rotation) begins with xoxe.
        if token and not token.removeprefix("xoxe.").startswith(prefix):
            raise ValueError(f"must begin with {prefix}")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _api_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w.~%/-]*)?", value, re.ASCII):
            raise ValueError("must look like https://slack.com/api/")
        return value if value.endswith("/") else f"{value}/"

    @field_validator("host")
    @classmethod
    def _bindable(cls, value: str) -> str:
        # An empty one would be every address of this machine.
        if not endpoints.is_host(value.lower()):
            raise ValueError("must be an address of this machine, like 127.0.0.1, or 0.0.0.0 for every one")
        return value

    @field_validator("builders")
    @classmethod
    def _references(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            reference = parse_resolvable(one)
            if reference is None or reference.is_keyword:
                raise ValueError(f"{one!r} is no email address, {accounts.LABELS} or group:handle")
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
            raise ValueError(f"PostgreSQL is not available yet; use {endpoints.DATABASE_SHAPE}")
        if not url.startswith("sqlite:///") or url.rstrip("/") == "sqlite:":
            raise ValueError(f"must look like {endpoints.DATABASE_SHAPE}")
        endpoints.database_file(url.removeprefix("sqlite:///"))
        return url

    @property
    def database(self) -> Path:
        """The database file."""
        return endpoints.database_file(self.database_url.removeprefix("sqlite:///"))

    @property
    def mail_server(self) -> MailServerAddress | None:
        """Where mails are handed in; None: mail is not set up."""
        url = self.smtp_url.get_secret_value()
        return endpoints.mail_server(url) if url else None

    def redact(self, text: str) -> str:
        """The text without the credentials that are set here, however they are escaped or encoded."""
        tokens = (self.slack_bot_token, self.slack_signing_secret, self.slack_app_token)
        return _redactor(
            *((token.get_secret_value(), "(a token of Slack)") for token in tokens),
            *(
                (password, "(the password of the mail server)")
                for password in endpoints.secrets_of(self.smtp_url.get_secret_value())
            ),
        ).redact(text)


@lru_cache(8)
def _redactor(*secrets: tuple[str, str]) -> Redactor:
    return Redactor(secrets)


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
        return {**read_env_file(env_file), **os.environ}
    except ValueError as error:
        raise SettingsError([str(error)]) from None


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """What came of reading settings. `complaints`: a sentence for all that is wrong.

    `unusable`: the settings whose value cannot be used; `settings` has their default instead.
    """

    settings: Settings
    complaints: tuple[str, ...]
    unusable: frozenset[str]


def load(given: Mapping[str, str] | None = None, *, database: Path | None = None) -> Settings:
    """The settings. `database`: use this file instead of the one that is set.

    Raises `SettingsError` with every wrong setting.
    """
    reading = read(environment() if given is None else given, database=database)
    if reading.complaints:
        raise SettingsError([*reading.complaints])
    return reading.settings


def read(present: Mapping[str, str], *, database: Path | None = None) -> LoadedSettings:
    """The settings as far as they can be used, and what is wrong with the others."""
    values = {
        name: present[PREFIX + name.upper()] for name in Settings.model_fields if PREFIX + name.upper() in present
    }
    if database is not None:
        values["database_url"] = f"sqlite:///{database.expanduser().absolute()}"
    settings, wrong = _usable(values)
    complaints = [f"{PREFIX}{name.upper()}: {sentence}" for name, sentence in wrong]
    return LoadedSettings(
        settings,
        (*_unknown(present), *_incomplete(present), *_too_short(present), *complaints),
        frozenset(name for name, _ in wrong),
    )


def _usable(values: Mapping[str, str]) -> tuple[Settings, list[tuple[str, str]]]:
    """Settings without those that are wrong, and these, each with its sentence."""
    try:
        return Settings.model_validate({"database_url": default_database(), **values}), []
    except ValidationError as error:
        wrong = [(str(one["loc"][0]), _sentence(one["msg"])) for one in error.errors()]
    names = {name for name, _ in wrong}
    settings, more = _usable({name: value for name, value in values.items() if name not in names})
    return settings, [*wrong, *more]


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be").rstrip(".") + "."


def _incomplete(present: Mapping[str, str]) -> Iterator[str]:
    """What makes no sense without something else."""
    token, ways = "SLACK_BOT_TOKEN", ("SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN")
    given = [name for name in ways if present.get(PREFIX + name)]
    if present.get(PREFIX + token) and not given:
        yield (
            f"{PREFIX}{token}: nothing says how Slack reaches this server; set {PREFIX}{ways[0]} too, for HTTP, "
            f"or {PREFIX}{ways[1]}, for Socket Mode."
        )
    if given and not present.get(PREFIX + token):
        yield f"{PREFIX}{given[0]}: set {PREFIX}{token} too; without it nothing can be sent to Slack."

    for name, others in _NEEDS.items():
        for other in others:
            if present.get(PREFIX + name) and not present.get(PREFIX + other):
                yield f"{PREFIX}{name}: set {PREFIX}{other} too; one is of no use without the other."


def _too_short(present: Mapping[str, str]) -> Iterator[str]:
    """Secrets that could not be struck out of a text without striking out ordinary words."""
    for name, value in sorted(present.items()):
        if name.startswith(SECRET_PREFIX) and value and len(value.strip()) < MIN_LENGTH:
            yield (
                f"{name}: must have at least {MIN_LENGTH} characters; a shorter secret cannot be hidden where a "
                "service repeats it."
            )


def _unknown(present: Mapping[str, str]) -> Iterator[str]:
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(present):
        bare = name.removeprefix(PREFIX)
        if name.startswith(SECRET_PREFIX):
            if not SECRET_NAME.fullmatch(name.removeprefix(SECRET_PREFIX)):
                yield (
                    f"{name}: the name of a secret follows {SECRET_PREFIX} and has only A-Z, 0-9 and _, "
                    f"like {SECRET_PREFIX}CRM_TOKEN."
                )
        elif bare != name and bare not in known:
            # Without the prefix: it would make any two names look alike.
            close = difflib.get_close_matches(bare, known, n=1)
            hint = f" Did you mean {PREFIX}{close[0]}?" if close else ""
            yield f"{name}: there is no such setting.{hint}"
