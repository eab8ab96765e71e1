"""Configuration of the mail server."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

Security: TypeAlias = Literal["plain", "starttls", "tls"]
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class MailConfig:
    """Configuration of the mail server.

    `security`: `starttls` accepts no email before STARTTLS, `tls` is encrypted from the first byte. The caller provides
    the certificate, so that the sandbox needs no cryptography.
    """

    port: int = 0
    security: Security = "plain"
    certificate: Path | None = None
    """PEM file with the private key, the server's certificate and the chain up to its authority."""
    ca: Path | None = None
    """PEM file with the authority that clients trust."""
    wrong_certificate: Path | None = None
    """PEM file like `certificate`, from an authority that clients do not trust, for the fault `certificate`."""
    user: str | None = None
    """User name. If it is set, clients must authenticate."""
    password: str = ""
    size: int = 10 * _MEGABYTE
    """Maximum size of an email, in bytes."""

    def __post_init__(self) -> None:
        if self.security != "plain" and self.certificate is None:
            raise ValueError(f"{self.security!r} needs a certificate")

    def context(self, *, wrong: bool = False) -> ssl.SSLContext:
        """Return the SSL context of the server."""
        file = self.wrong_certificate if wrong else self.certificate
        assert file is not None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context

    def url(self, host: str, port: int) -> str:
        """Return the URL: `smtp://`, `smtp+starttls://` or `smtps://`, with user and password."""
        scheme = {"plain": "smtp", "starttls": "smtp+starttls", "tls": "smtps"}[self.security]
        credentials = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user is not None else ""
        return f"{scheme}://{credentials}{f'[{host}]' if ':' in host else host}:{port}"
