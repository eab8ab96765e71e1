"""What the settings say about mail, bound: the gate, the channel and the mailer."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot import endpoints
from bot.email import dkim
from bot.email.channel import EmailChannel
from bot.email.client import MailGate
from bot.email.sender import SmtpMailer
from bot.endpoints import MailServerAddress
from bot.settings import PREFIX, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class EmailSetup:
    """Both ways in which mails leave: copies, and what `email` steps say."""

    channel: EmailChannel
    mailer: SmtpMailer


@asynccontextmanager
async def mailing(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[EmailSetup | None]:
    """Ready to send while the body runs; None where no mail server is set up. Raises `SettingsError`."""
    server = settings.mail_server
    if server is None:
        yield None
        return
    sender, gate = endpoints.sender(settings.email_from), gate_to(server, settings)
    try:
        yield EmailSetup(
            EmailChannel(gate, sender=sender, public_url=settings.public_url, now=now),
            SmtpMailer(gate, sender=sender, now=now),
        )
    finally:
        await gate.aclose()


def gate_to(server: MailServerAddress, settings: Settings, *, before_dot_seconds: float | None = None) -> MailGate:
    """The way to the mail server. Raises `SettingsError` for a file that cannot be used."""
    domain = endpoints.sender(settings.email_from).domain
    limits = {} if before_dot_seconds is None else {"before_dot_seconds": before_dot_seconds}
    # We call ourselves by the domain of our mails: the machine's own name may take seconds to find, and often is none.
    return MailGate(server, trust=_trust(settings), local_name=domain, sign=_sign(settings, domain), **limits)


def _trust(settings: Settings) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    if settings.smtp_ca_file:
        path = Path(settings.smtp_ca_file).expanduser()
        try:
            trust.load_verify_locations(cafile=path)
        except ssl.SSLError:
            raise SettingsError([f"{PREFIX}SMTP_CA_FILE: {path} holds no certificate in PEM."]) from None
        except OSError as error:
            raise SettingsError([f"{PREFIX}SMTP_CA_FILE: {path} cannot be read: {error.strerror}."]) from None
    return trust


def _sign(settings: Settings, domain: str) -> Callable[[bytes], bytes]:
    if not settings.dkim_key_file:
        return bytes
    path = Path(settings.dkim_key_file).expanduser()
    try:
        key = dkim.load(path)
    except ValueError as error:
        raise SettingsError([f"{PREFIX}DKIM_KEY_FILE: {path} {error}."]) from None
    except OSError as error:
        raise SettingsError([f"{PREFIX}DKIM_KEY_FILE: {path} cannot be read: {error.strerror}."]) from None
    return dkim.Signer(key, domain=settings.dkim_domain or domain, selector=settings.dkim_selector).sign
