"""What settings that name places and senders mean, pure. Every error is a `ValueError` that quotes no credentials."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.policy import SMTP
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from engine import fields
from engine.errors import InvalidValue
from engine.fields import Field

Security: TypeAlias = Literal["tls", "starttls", "none"]

_EMAIL: Final = Field(type=fields.FieldType.EMAIL)
_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtps": ("tls", 465),
    "smtp+starttls": ("starttls", 587),
    "smtp": ("none", 25),
}
_SMTP_SHAPE: Final = "must look like smtps://user:password@host:465 or smtp+starttls://user:password@host:587"
DATABASE_SHAPE: Final = "sqlite:////absolute/path/signoff.db"
_LONGEST_NAME: Final = 200
"""Bytes of the database's name: the files beside it have longer ones, and no file system takes more than 255."""
_LONGEST_PATH: Final = 450
"""Bytes of the path that SQLite opens, with the files beside it: it takes 512."""
_PUBLIC_SHAPE: Final = "must look like https://signoff.example.com"
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9.])?|[0-9a-f:.]+")
_SEGMENT: Final = re.compile(r"([\w.~-]|%[0-9A-Fa-f]{2})+", re.ASCII)
"""A part of a path between slashes: nothing that means something in HTML, in Slack or in a mail."""
_LABELS: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServerAddress:
    """Where mails are handed in, and how. `security`: TLS from the start, TLS after STARTTLS, or none."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def mail_server(url: str) -> MailServerAddress:
    """Of `smtps://`, `smtp+starttls://` or `smtp://`. What is special in user and password is written as `%40`."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _SCHEMES or not rest:
        raise ValueError(_SMTP_SHAPE)
    security, port = _SCHEMES[scheme.lower()]
    try:
        parts = urlsplit(url)
        host, given_port = parts.hostname or "", parts.port
    except ValueError:
        # `from None`: what stands where the port should be may be half of a password.
        raise ValueError(
            f"{_SMTP_SHAPE}; / ? # @ and : in user or password are written as %2F %3F %23 %40 %3A"
        ) from None
    if not _HOST.fullmatch(host) or parts.path not in ("", "/") or parts.query or parts.fragment or given_port == 0:
        raise ValueError(f"{_SMTP_SHAPE}; / ? # @ and : in user or password are written as %2F %3F %23 %40 %3A")
    user, password = _credential(parts.username), _credential(parts.password)
    if (user is None) != (password is None):
        raise ValueError("has a user or a password without the other")
    if security == "none" and user is not None:
        raise ValueError("would send the password unencrypted; use smtps:// or smtp+starttls://")
    if security == "none" and not is_loopback(host):
        raise ValueError("smtp:// is only for this machine; use smtps:// or smtp+starttls://")
    return MailServerAddress(host=host, port=given_port or port, security=security, user=user, password=password)


def _credential(text: str | None) -> str | None:
    if not text:
        return None
    try:
        found = unquote(text, errors="strict")
    except UnicodeDecodeError:
        found = ""
    if not found or not found.isprintable():
        raise ValueError("has a user or password with characters that no mail server takes")
    return found


def secrets_of(url: str) -> tuple[str, ...]:
    """The password in a mail server's address, as it is written and as it is meant; of what is no such address, all."""
    try:
        password = mail_server(url).password if url else None
    except ValueError:
        return (url,)
    written = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, written) if password else ()


def sender(text: str) -> Address:
    """Of `Signoff <signoff@example.com>`, or an address alone."""
    if not text.isprintable():
        raise ValueError("must be one line")
    parsed = SMTP.header_factory("From", text)
    if parsed.defects or len(parsed.addresses) != 1:
        raise ValueError("must be one mailbox, like Signoff <signoff@example.com>")
    found: Address = parsed.addresses[0]
    return mailbox(found.addr_spec, name=found.display_name)


def mailbox(address: str, *, name: str = "") -> Address:
    """Where mail can be sent: an address in ASCII, since any other takes SMTPUTF8 on the whole way."""
    try:
        username, _, domain = str(fields.validate(_EMAIL, address)).partition("@")
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    if not username.isascii():
        raise ValueError("must be an address without letters beyond ASCII")
    return Address(display_name=name, username=username, domain=domain)


def database_file(given: str) -> Path:
    """The file that stands after `sqlite:///` in the URL of a database. Raises `ValueError` for what is none."""
    if "?" in given:
        raise ValueError(f"takes no options after `?`; write {DATABASE_SHAPE}")
    if given.startswith((":memory:", "file:")):
        raise ValueError(f"must name a file that outlives the server; write {DATABASE_SHAPE}")
    if given.endswith("/") or Path(given).name in ("", ".."):
        raise ValueError(f"must name a file and not a folder; write {DATABASE_SHAPE}")
    if not given.isprintable():
        raise ValueError(f"holds characters that cannot be seen; write {DATABASE_SHAPE}")
    try:
        path = Path(given).expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"names the home folder of a user that is not there; write {DATABASE_SHAPE}") from None
    if len(os.fsencode(path.name)) > _LONGEST_NAME or len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(
            f"is too long: the name of the file has at most {_LONGEST_NAME} bytes, the whole path {_LONGEST_PATH}"
        )
    return path


def public_url(url: str) -> str:
    """Without a slash at its end. A path is the prefix of a proxy."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(_PUBLIC_SHAPE) from None
    odd = parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url
    if parts.scheme not in ("https", "http") or not is_host(host) or odd or not re.fullmatch(r"[!-~]+", url):
        raise ValueError(f"{_PUBLIC_SHAPE}, without user, query or fragment")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"{_PUBLIC_SHAPE}; a port is a number from 1 to 65535")
    _check_prefix(parts.path)
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("http:// is only for this machine; use https://")
    return url.rstrip("/")


def is_host(host: str) -> bool:
    """Whether browsers can look it up: a name of labels, or an address."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return len(host) <= 253 and _LABELS.fullmatch(host.removesuffix(".")) is not None


def _check_prefix(path: str) -> None:
    """Raise `ValueError` for a prefix that browsers would write another way, or that is more than a path."""
    prefix = path.rstrip("/")
    for one in prefix[1:].split("/") if prefix else ():
        if (
            not _SEGMENT.fullmatch(one)
            or unquote(one) in (".", "..")
            or not unquote(one, errors="replace").isprintable()
        ):
            raise ValueError(
                "has a path that cannot be used; it may have letters, digits and . _ ~ - between slashes, "
                "like https://example.com/signoff"
            )


def domain_labels(text: str) -> str:
    """A name in the DNS, or a part of one, as DKIM's domain and selector are."""
    found = text.lower()
    if len(found) > 253 or not _LABELS.fullmatch(found):
        raise ValueError("must be a name like mail.example.com")
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine answers there."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
