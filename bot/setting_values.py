"""Parsers for the values of settings: hosts, URLs, mailboxes, the database file.

They are pure. Every error is a `ValueError` with a sentence that quotes no credentials.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from email.headerregistry import Address
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from engine import durations, fields, references
from engine.code_derivation import MIN_KEY
from engine.domain import accounts
from engine.errors import InvalidValue, StepError
from engine.fields import Field
from engine.language_model import TokenPrices
from engine.steps.url_guard import Guard

if TYPE_CHECKING:
    from engine.requests.working_hours import WorkingHours

_PRICES: Final = re.compile(
    r"(?P<model>[^\s=,]+)\s*=\s*(?P<read>\d{1,6}(?:\.\d{1,6})?)\s*/\s*(?P<written>\d{1,6}(?:\.\d{1,6})?)", re.ASCII
)
Security: TypeAlias = Literal["tls", "starttls", "none"]

_EMAIL: Final = Field(type=fields.FieldType.EMAIL)
_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtps": ("tls", 465),
    "smtp+starttls": ("starttls", 587),
    "smtp": ("none", 25),
}
_ESCAPED: Final = "Write / ? # @ and : in user or password as %2F %3F %23 %40 %3A"
_SMTP_SHAPE: Final = "must look like smtps://user:password@host:465 or smtp+starttls://user:password@host:587"
SERVER_SCHEME: Final = "postgresql+asyncpg"
SERVER_SHAPE: Final = f"{SERVER_SCHEME}://user:password@host/signoff"
DATABASE_SHAPE: Final = "sqlite:////absolute/path/signoff.db"
_MAX_NAME: Final = 200
"""Maximum length of the database's file name, in bytes. File systems take 255; the files beside it have longer
names."""
_MAX_PATH: Final = 450
"""Maximum length of the database's path, in bytes. SQLite takes 512; the files beside it have longer paths."""
_MAX_HOST: Final = 253
"""Maximum length of a name in the DNS, in characters."""
_PUBLIC_SHAPE: Final = "must look like https://signoff.example.com"
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9.])?|[0-9a-f:.]+")
_SEGMENT: Final = re.compile(r"([\w.~-]|%[0-9A-Fa-f]{2})+", re.ASCII)
"""A part of a path between slashes, without characters that have a meaning in HTML, in Slack or in an email."""
_LABELS: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServerAddress:
    """The server that takes emails from us. `security`: TLS from the start, TLS after STARTTLS, or none."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_smtp_url(url: str) -> MailServerAddress:
    """Return the mail server of a URL with the scheme `smtps`, `smtp+starttls` or `smtp`.

    Special characters in user and password are percent-encoded, `@` as `%40`.
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _SCHEMES or not rest:
        raise ValueError(_SMTP_SHAPE)
    security, port = _SCHEMES[scheme.lower()]
    try:
        parts = urlsplit(url)
        host, given_port = parts.hostname or "", parts.port
    except ValueError:
        # `from None`: the text in the place of the port may be half of a password.
        raise ValueError(f"{_SMTP_SHAPE}. {_ESCAPED}") from None
    if not _HOST.fullmatch(host) or parts.path not in ("", "/") or parts.query or parts.fragment or given_port == 0:
        raise ValueError(f"{_SMTP_SHAPE}. {_ESCAPED}")
    user, password = _credential(parts.username), _credential(parts.password)
    if (user is None) != (password is None):
        raise ValueError("must have both a user and a password, or neither")
    if security == "none" and user is not None:
        raise ValueError("would send the password unencrypted. Use smtps:// or smtp+starttls://")
    if security == "none" and not is_loopback(host):
        raise ValueError("may use smtp:// only on this machine. Use smtps:// or smtp+starttls://")
    return MailServerAddress(host=host, port=given_port or port, security=security, user=user, password=password)


def _credential(text: str | None) -> str | None:
    if not text:
        return None
    try:
        credential = unquote(text, errors="strict")
    except UnicodeDecodeError:
        credential = ""
    if not credential or not credential.isprintable():
        raise ValueError("has a user or password with characters that no mail server accepts")
    return credential


def passwords_in(url: str) -> tuple[str, ...]:
    """Return the password in a mail server's URL, decoded and as it is written. An invalid URL is returned whole."""
    try:
        password = parse_smtp_url(url).password if url else None
    except ValueError:
        return (url,)
    encoded = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, encoded) if password else ()


def parse_retention(text: str) -> timedelta:
    """Return how long contents are kept: at least a day."""
    try:
        kept_for = durations.parse(text)
    except InvalidValue as error:
        raise ValueError(f"{error}. For contents, write 400d") from None
    if kept_for < timedelta(days=1):
        raise ValueError("must be at least a day, like 400d")
    return kept_for


def parse_sender(text: str) -> Address:
    """Return the mailbox of `Signoff <signoff@example.com>`, or of an address alone."""
    if not text.isprintable():
        raise ValueError("must be one line")
    parsed = SMTP.header_factory("From", text)
    if parsed.defects or len(parsed.addresses) != 1:
        raise ValueError("must be one mailbox, like Signoff <signoff@example.com>")
    sender: Address = parsed.addresses[0]
    return ascii_mailbox(sender.addr_spec, name=sender.display_name)


def ascii_mailbox(address: str, *, name: str = "") -> Address:
    """Return the mailbox of an address in ASCII. Other addresses need SMTPUTF8 on every server on the way."""
    try:
        username, _, domain = str(fields.validate(_EMAIL, address)).partition("@")
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    if not username.isascii():
        raise ValueError("must have only ASCII letters before the @")
    return Address(display_name=name, username=username, domain=domain)


def parse_database_path(text: str) -> Path:
    """Return the absolute path of the database for the text after `sqlite:///`."""
    if "?" in text:
        raise ValueError(f"must not have options after `?`. Write {DATABASE_SHAPE}")
    if text.startswith((":memory:", "file:")):
        raise ValueError(f"must name a file on a disk. Write {DATABASE_SHAPE}")
    if text.endswith("/") or Path(text).name in ("", ".."):
        raise ValueError(f"must name a file, not a folder. Write {DATABASE_SHAPE}")
    if not text.isprintable():
        raise ValueError(f"has invisible characters. Write {DATABASE_SHAPE}")
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"names the home folder of a user who does not exist. Write {DATABASE_SHAPE}") from None
    if len(os.fsencode(path.name)) > _MAX_NAME or len(os.fsencode(path)) > _MAX_PATH:
        raise ValueError(f"is too long: the name may have {_MAX_NAME} bytes, and the whole path {_MAX_PATH}")
    return path


def parse_server_url(url: str) -> str:
    """Return the URL of a database on a PostgreSQL server as it is. Its password is in no error."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 raises for a port that is no number
    except ValueError:
        raise ValueError(f"is not a URL. Write {SERVER_SHAPE}. {_ESCAPED}") from None
    if parts.scheme != SERVER_SCHEME or not parts.path.strip("/") or parts.fragment:
        raise ValueError(f"must look like {SERVER_SHAPE}. {_ESCAPED}")
    return url


def passwords_in_server_url(url: str) -> tuple[str, ...]:
    """Return the password in the URL of a database, decoded and as it is written. An invalid URL is returned whole."""
    try:
        encoded = urlsplit(url).password
    except ValueError:
        return (url,)
    return (unquote(encoded), encoded) if encoded else ()


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of secrets, separated by commas, the one that encrypts first. They are in no error."""
    return tuple(parse_key(part.strip()) for part in text.split(",") if part.strip())


def parse_key(text: str) -> bytes:
    """Return the key of all servers of a database, from hexadecimal digits. It is in no error."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < MIN_KEY:
        raise ValueError(f"must have at least {2 * MIN_KEY} hexadecimal digits. Make one: signoff key")
    return key


def parse_public_url(url: str) -> str:
    """Return the public URL without a slash at its end. Its path may be the prefix of a proxy."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(_PUBLIC_SHAPE) from None
    has_more = parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url
    if parts.scheme not in ("https", "http") or not is_host(host) or has_more or not re.fullmatch(r"[!-~]+", url):
        raise ValueError(f"{_PUBLIC_SHAPE}, without user, query or fragment")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"{_PUBLIC_SHAPE}; a port is a number from 1 to 65535")
    _check_prefix(parts.path)
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("may use http:// only on this machine. Use https://")
    return url.rstrip("/")


def is_host(host: str) -> bool:
    """Return whether browsers can look up the host: it is a name in the DNS or an IP address."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return len(host) <= _MAX_HOST and _LABELS.fullmatch(host.removesuffix(".")) is not None


def _check_prefix(path: str) -> None:
    """Raise `ValueError` for a path that browsers would write in another way."""
    prefix = path.rstrip("/")
    for segment in prefix[1:].split("/") if prefix else ():
        if (
            not _SEGMENT.fullmatch(segment)
            or unquote(segment) in (".", "..")
            or not unquote(segment, errors="replace").isprintable()
        ):
            raise ValueError(
                "has a path that cannot be used. It may have letters, digits and . _ ~ - between slashes, "
                "like https://example.com/signoff"
            )


def parse_domain_name(text: str) -> str:
    """Return a name in the DNS in lower case, as DKIM's domain and selector are."""
    name = text.lower()
    if len(name) > _MAX_HOST or not _LABELS.fullmatch(name):
        raise ValueError("must be a name like mail.example.com")
    return name


def is_safe_address(url: str) -> bool:
    """Return whether a web address uses https, or is on this machine: people and secrets may be sent there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine itself, which no other machine can reach."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def parse_number(value: object, low: int, high: int, *, example: int) -> int:
    """Return a whole number within its bounds. Raises `ValueError`."""
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,5}", value, re.ASCII) else value
    if not isinstance(number, int) or not low <= number <= high:
        raise ValueError(f"must be a whole number from {low} to {high}, like {example}")
    return number


def parse_email(value: str) -> str:
    """Return an email address. Raises `ValueError`."""
    try:
        return str(fields.validate(_EMAIL, value))
    except InvalidValue as error:
        raise ValueError(f"{value!r} {error}") from None


def parse_working_hours(text: str, *, holidays: str = "") -> WorkingHours:
    """Return working hours, those of an office for an empty text. Raises `ValueError`."""
    # Imported here, because it takes long and most commands do not need it.
    from engine.requests import working_hours

    return working_hours.parse(text or working_hours.DEFAULT, holidays=holidays)


def check_hours(text: str) -> str:
    """Return the text if it says working hours. Raises `ValueError`."""
    parse_working_hours(text)
    return text


def check_proxy(text: str) -> str:
    """Return an address or a network of proxies. Raises `ValueError`."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an address or a network, like 10.0.0.5 or 10.0.0.0/8") from None
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} would trust every address. Name only the proxies that you run")
    return text


def parse_api_url(text: str) -> str:
    """Return the address of Slack's Web API, with a slash at its end. Raises `ValueError`."""
    if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w.~%/-]*)?", text, re.ASCII):
        raise ValueError("must look like https://slack.com/api/")
    return text if text.endswith("/") else f"{text}/"


def parse_model_url(url: str, allowed: Sequence[str]) -> str:
    """Return the address of a provider of language models, without a slash at its end. Raises `ValueError`.

    Prompts and the key are sent there, so it uses https, or is on this machine, or is one of the `allowed` hosts.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_plain = parts.scheme in ("http", "https") and host and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_plain = False
    if not is_plain or not re.fullmatch(r"[!-~]+", url):
        raise ValueError("must look like https://api.example.com/v1, without user, query or fragment")
    if not is_safe_address(url):
        try:
            Guard(allowed).check("POST", url)
        except StepError:
            raise ValueError(
                "may use http:// only on this machine, or to a host that SIGNOFF_HTTP_ALLOW names. Use https://"
            ) from None
    return url.rstrip("/")


def parse_model_prices(text: str) -> dict[str, TokenPrices]:
    """Return the prices of models from `model=0.25/2, other=1/4`. Raises `ValueError`."""
    prices: dict[str, TokenPrices] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _PRICES.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{part!r} must look like my-model=0.25/2: US dollars for a million tokens, read and written"
            )
        prices[match["model"]] = TokenPrices(Decimal(match["read"]), Decimal(match["written"]))
    return prices


def check_builder(text: str) -> str:
    """Return a reference to people who may register workflows. Raises `ValueError`."""
    reference = references.parse(text)
    if reference is None or reference.is_keyword:
        raise ValueError(f"{text!r} is not an email address, {accounts.LABELS}, group:handle or role:name")
    return text


def check_host(text: str) -> str:
    """Return an address at which a server can listen. Raises `ValueError`: an empty one would mean every address."""
    if not is_host(text.lower()):
        raise ValueError("must be an address of this machine, like 127.0.0.1, or 0.0.0.0 for all of them")
    return text


def check_client_id(text: str) -> str:
    """Return the Client ID of a Slack app. Raises `ValueError`."""
    if not re.fullmatch(r"\d+\.\d+", text, re.ASCII):
        raise ValueError("must look like 1234567890.1234567890: copy the Client ID from the page of the Slack app")
    return text
