"""Settings: environment variables that start with `SIGNOFF_`, or the same names in a file `.env`.

All wrong settings are reported at once, each with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bot import file_places, setting_values
from bot.presentation import characters
from bot.setting_values import MailServerAddress
from bot.variable_checks import PREFIX
from engine import public_holidays
from engine.errors import InvalidValue, SignoffError
from engine.redaction import Redactor
from engine.steps.url_guard import Guard

if TYPE_CHECKING:
    from engine.language_model import TokenPrices
    from engine.requests.working_hours import WorkingHours

_MAX_NAME: Final = 60
_NUMBERS: Final = {
    "port": (1, 65_535, 8000),
    "probe_port": (0, 65_535, 9090),
    "lmtp_port": (0, 65_535, 8024),
    "max_connections": (16, 20_000, 500),
    "max_api_connections": (16, 100_000, 12_000),
}
"""The smallest and the largest number of a setting, and an example."""


_HIDDEN: Final = {
    "slack": "(a token of Slack)",
    "ai": "(the key of the language model)",
    "files": "(the key of the files)",
}
"""What replaces a secret in a text, by the first word of its setting."""


class NotAFile(SignoffError):
    """The database is on a server, and something needs a file."""


class SettingsError(SignoffError):
    """Some settings cannot be used. `sentences` has one for each of them."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


def default_database() -> str:
    """Return the URL of a file under the user's data folder."""
    return f"sqlite:///{platformdirs.user_data_path('signoff') / 'signoff.db'}"


class Settings(BaseSettings):
    """All settings. The environment variable of an attribute is `SIGNOFF_` and its name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str = ""
    """The database: `sqlite:////absolute/path/signoff.db`. Default: a file under the user's data folder."""
    key: SecretStr = SecretStr("")
    """At least 64 hexadecimal digits, the same for all servers of a PostgreSQL database: `signoff key` prints a new
    one. Codes and forms are derived from it. A database file has its key beside it."""
    secrets_key: SecretStr = SecretStr("")
    """Keys that encrypt the secrets of workflows, separated by commas: the first encrypts, all decrypt. Without it, a
    database file has them beside it."""
    role: Literal["all", "bot", "worker"] = "all"
    """What this process does, with PostgreSQL: `bot` takes what people and Slack send, `worker` runs workflows and
    sends messages, `all` does both."""
    operator: str = ""
    """The email address of the person who uses the terminal of this machine. `signoff decide` needs it."""
    admins: Annotated[tuple[str, ...], NoDecode] = ()
    """Email addresses of admins, separated by commas. They may replace, cancel and resume the work of other owners."""
    auditors: Annotated[tuple[str, ...], NoDecode] = ()
    """Email addresses of auditors, separated by commas. They may see every request and run, and decide only what they
    are asked."""
    roles: str = ""
    """A file (YAML) with roles, which workflow files name as `role:name`, and with the addresses of each person."""
    http_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts, separated by commas, that `http` steps may call although they are private or do not use https:
    `host`, `host:port`, `.suffix`, or a network such as `10.1.0.0/16`."""
    slack_bot_token: SecretStr = SecretStr("")
    """The bot token, `xoxb-…`. With it, people are asked in Slack."""
    slack_signing_secret: SecretStr = SecretStr("")
    """With it, Slack sends events over HTTP to `/slack/events`."""
    slack_app_token: SecretStr = SecretStr("")
    """The app token, `xapp-…`. With it, Slack sends events over a socket that this server opens (Socket Mode)."""
    slack_api_url: str = "https://slack.com/api/"
    """The URL of Slack's Web API, for other Slack clouds and for the sandbox."""
    slack_client_id: str = ""
    """The client ID of the app. With it and the secret, people can sign in with Slack on the review pages."""
    slack_client_secret: SecretStr = SecretStr("")
    """The client secret of the app."""
    slack_issuer: str = "https://slack.com"
    """The address where people sign in, for other Slack clouds and for the sandbox."""
    retention: str = ""
    """How long the contents of a run are kept after it ended, `400d`. Older ones are erased every day. Default: for
    ever."""
    builders: Annotated[tuple[str, ...], NoDecode] = ()
    """The people who may register workflows in Slack, separated by commas: email addresses, Slack user ids,
    `group:handle`, `role:name`."""
    protect_workflows: bool = False
    """Whether every new version of every workflow waits for the approval of another person, as with `protected: true`
    in its file."""
    host: str = "127.0.0.1"
    """The address at which this server listens for HTTP."""
    port: int = 8000
    """The port at which this server listens for HTTP."""
    probe_port: int = 0
    """The port at which this server answers health checks and shows metrics, on `SIGNOFF_HOST`. 0: none."""
    max_connections: int = 500
    max_api_connections: int = 12_000
    """Maximum number of HTTP connections at the same time. It is lower if the process may open fewer files."""
    public_url: str = ""
    """The URL at which browsers reach this server: `https://signoff.example.com`. Its path is a proxy's prefix.
    With it, the review pages are served."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses and networks, separated by commas, of the proxies in front of this server. The client that they name in
    `X-Forwarded-For` is believed: the number of codes for one client is limited."""
    name: str = ""
    """Who runs this Signoff, as emails show it: `Acme Finance`. Default: the host of `SIGNOFF_PUBLIC_URL`."""
    smtp_url: SecretStr = SecretStr("")
    """The mail server: `smtps://user:password@host:465` or `smtp+starttls://user:password@host:587`. `smtp://`, without
    TLS, is for this machine only. With it, people are asked by email."""
    email_from: str = ""
    """The sender of emails: `Signoff <signoff@example.com>`."""
    smtp_ca_file: str = ""
    """A file with the certificates (PEM) of a private authority that signs the mail server's certificate."""
    dkim_key_file: str = ""
    """A file with a private key (PEM). With it, emails are signed (DKIM)."""
    dkim_selector: str = ""
    """The name of the public key in the DNS, before `._domainkey.`."""
    dkim_domain: str = ""
    """The domain that signs. Default: the domain of `SIGNOFF_EMAIL_FROM`."""
    lmtp_port: int = 0
    """The port of this machine at which its mail server delivers emails that start runs, by LMTP. 0: none."""
    lmtp_socket: str = ""
    """A socket in the file system for the same, instead of a port: `/run/signoff/lmtp.sock`."""
    lmtp_domain: str = ""
    """The domain of the addresses that start runs, `run+refund@run.example.com`."""
    lmtp_authserv: str = ""
    """The name by which the mail server writes `Authentication-Results`. Only its results are believed."""
    ai_key: SecretStr = SecretStr("")
    """The key of the provider of language models. With it, workflows may have `ai` steps."""
    ai_url: str = ""
    """The URL of a provider that speaks the API of OpenAI, such as `http://localhost:11434/v1`. Without a key it is
    enough by itself. Default: OpenAI's own."""
    ai_model: str = ""
    """The model of `ai` steps that name none, as its provider names it: `gpt-5-mini`."""
    ai_prices: str = ""
    """What models cost, in US dollars for a million tokens that they read and that they write:
    `my-model=0.25/2, other=1/4`. Default: the prices that providers publish, if they are known."""
    files_url: str = ""
    """Where files are stored: `file:///srv/signoff/files`, or a bucket that speaks the API of S3,
    `s3://bucket/folder?region=eu-central-1&endpoint=https://minio.example.com`. Default: a folder beside the database
    file; with PostgreSQL none."""
    files_key_id: SecretStr = SecretStr("")
    """The id of the key of the bucket."""
    files_secret: SecretStr = SecretStr("")
    """The secret key of the bucket."""
    max_file_size: str = "20MB"
    """Maximum size of a file."""
    scan_command: str = ""
    """A command that looks for malware in each file, which it reads on its standard input: status 0 is clean, 1 is not.
    """
    working_hours: str = "mon-fri 09:00-17:00"
    """The days and hours that count where a gate has `hours: true`, in the time zone of each approver. With the zone of
    people whose own is not known: `mon-fri 09:00-17:00 Europe/Berlin`."""
    holidays: str = ""
    """The place whose public holidays are no working days: a country, `DE`, or a part of one, `DE-BE`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    tracing: Literal["off", "on"] = "off"
    """Whether traces of runs are sent to an OpenTelemetry collector, as the variables `OTEL_*` say."""

    @field_validator(*_NUMBERS, mode="before")
    @classmethod
    def _number(cls, value: object, info: ValidationInfo) -> object:
        low, high, example = _NUMBERS[str(info.field_name)]
        return setting_values.parse_number(value, low, high, example=example)

    @field_validator("admins", "auditors", "http_allow", "builders", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("operator")
    @classmethod
    def _email(cls, value: str) -> str:
        return setting_values.parse_email(value) if value else ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 pydantic's shape
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but the arguments: `load_environment` reads variables and file, with sentences for both."""
        return (init_settings,)

    @field_validator("admins", "auditors")
    @classmethod
    def _emails(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(setting_values.parse_email(email) for email in value)

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
        return tuple(map(setting_values.check_proxy, value))

    @field_validator("key")
    @classmethod
    def _key(cls, value: SecretStr) -> SecretStr:
        if value:
            setting_values.parse_key(value.get_secret_value())
        return value

    @field_validator("secrets_key")
    @classmethod
    def _secrets_key(cls, value: SecretStr) -> SecretStr:
        setting_values.parse_keys(value.get_secret_value())
        return value

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        return setting_values.parse_public_url(value) if value else ""

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if len(value) > _MAX_NAME or characters.line(value) != value.strip():
            raise ValueError(f"must be one line of at most {_MAX_NAME} visible characters")
        return value.strip()

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        if value:
            setting_values.parse_smtp_url(value.get_secret_value())
        return value

    @field_validator("email_from")
    @classmethod
    def _from(cls, value: str) -> str:
        return str(setting_values.parse_sender(value)) if value else ""

    @field_validator("dkim_selector", "dkim_domain", "lmtp_domain", "lmtp_authserv")
    @classmethod
    def _labels(cls, value: str) -> str:
        return setting_values.parse_domain_name(value) if value else ""

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _tokens(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        token, prefix = value.get_secret_value(), "xapp-" if info.field_name == "slack_app_token" else "xoxb-"
        # With token rotation, a token begins with `xoxe.`.
        if token and not token.removeprefix("xoxe.").startswith(prefix):
            raise ValueError(f"must begin with {prefix}")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _api_url(cls, value: str) -> str:
        return setting_values.parse_api_url(value)

    @field_validator("slack_client_id")
    @classmethod
    def _client_id(cls, value: str) -> str:
        return setting_values.check_client_id(value) if value else ""

    @field_validator("slack_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if not setting_values.is_safe_address(value) or urlsplit(value).query or urlsplit(value).fragment:
            raise ValueError("must look like https://slack.com")
        return value.rstrip("/")

    @field_validator("host")
    @classmethod
    def _bindable(cls, value: str) -> str:
        return setting_values.check_host(value)

    @field_validator("ai_url")
    @classmethod
    def _model_url(cls, value: str, info: ValidationInfo) -> str:
        return setting_values.parse_model_url(value, info.data.get("http_allow", ())) if value else ""

    @field_validator("ai_prices")
    @classmethod
    def _model_prices(cls, value: str) -> str:
        setting_values.parse_model_prices(value)
        return value

    @field_validator("files_url", "scan_command")
    @classmethod
    def _files(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return ""
        if info.field_name == "scan_command":
            return file_places.check_command(value)
        file_places.parse(value)
        return value

    @field_validator("max_file_size")
    @classmethod
    def _size(cls, value: str) -> str:
        file_places.parse_size(value)
        return value

    @field_validator("builders")
    @classmethod
    def _references(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(setting_values.check_builder, value))

    @field_validator("working_hours", "holidays")
    @classmethod
    def _calendar(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return ""
        return public_holidays.parse(value) if info.field_name == "holidays" else setting_values.check_hours(value)

    @field_validator("retention")
    @classmethod
    def _retention(cls, value: str) -> str:
        if value:
            setting_values.parse_retention(value)
        return value

    @field_validator("log_level", "log_format", "role", "tracing", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        url = value or default_database()
        if url.startswith(("postgresql:", "postgres:", "postgresql+")):
            return setting_values.parse_server_url(url)
        if not url.startswith("sqlite:///") or url.rstrip("/") == "sqlite:":
            raise ValueError(f"must look like {setting_values.DATABASE_SHAPE}")
        setting_values.parse_database_path(url.removeprefix("sqlite:///"))
        return url

    @property
    def server_url(self) -> str | None:
        """Return the URL of the database on a PostgreSQL server, or None if it is a file."""
        return self.database_url if self.database_url.startswith(f"{setting_values.SERVER_SCHEME}:") else None

    @property
    def database(self) -> Path:
        """Return the database file. Raises `NotAFile` if the database is on a server."""
        if self.server_url is not None:
            raise NotAFile("This works on a database file, and SIGNOFF_DATABASE_URL names a server.")
        return setting_values.parse_database_path(self.database_url.removeprefix("sqlite:///"))

    @property
    def site_name(self) -> str:
        """Return who runs this Signoff: the name that is set, else the host of the public URL, else an empty text."""
        return self.name or urlsplit(self.public_url).hostname or ""

    @property
    def missing_for_sign_in(self) -> tuple[str, ...]:
        """Return the variables without which people cannot sign in with Slack."""
        return self._missing("public_url", "slack_bot_token", "slack_client_id", "slack_client_secret")

    @property
    def missing_for_codes(self) -> tuple[str, ...]:
        """Return the variables without which no code is sent by email."""
        return self._missing("public_url", "smtp_url", "email_from")

    def _missing(self, *needed: str) -> tuple[str, ...]:
        return tuple(f"{PREFIX}{name.upper()}" for name in needed if not getattr(self, name))

    @property
    def office_hours(self) -> WorkingHours:
        """Return the working hours that count where a gate counts them."""
        return setting_values.parse_working_hours(self.working_hours, holidays=self.holidays)

    @property
    def kept_for(self) -> timedelta | None:
        """Return how long the contents of a run are kept after it ended, or None: for ever."""
        return setting_values.parse_retention(self.retention) if self.retention else None

    @property
    def largest_file(self) -> int:
        """Return the maximum size of a file in bytes."""
        return file_places.parse_size(self.max_file_size)

    @property
    def model_prices(self) -> dict[str, TokenPrices]:
        """Return the prices of models that the setting names."""
        return setting_values.parse_model_prices(self.ai_prices)

    @property
    def mail_server(self) -> MailServerAddress | None:
        """Return the mail server, or None if email is not set up."""
        url = self.smtp_url.get_secret_value()
        return setting_values.parse_smtp_url(url) if url else None

    def redact(self, text: str) -> str:
        """Return the text without the credentials of these settings, also where they are escaped or encoded."""
        return _redactor(*self._credentials()).redact(text)

    def _credentials(self) -> Iterator[tuple[str, str]]:
        """Yield every secret of the settings, with what replaces it in a text."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name == "smtp_url":
                for password in setting_values.passwords_in(value.get_secret_value()):
                    yield password, "(the password of the mail server)"
            elif name == "database_url" and self.server_url is not None:
                for password in setting_values.passwords_in_server_url(value):
                    yield password, "(the password of the database)"
            elif name == "secrets_key":
                yield from ((key, "(a secret)") for key in value.get_secret_value().split(","))
            elif isinstance(value, SecretStr):
                yield value.get_secret_value(), _HIDDEN.get(name.partition("_")[0], "(a secret)")


@lru_cache(8)
def _redactor(*secrets: tuple[str, str]) -> Redactor:
    return Redactor(secrets)
