"""Sets up email from the settings: the SMTP client, the channel and the sender of the step `email`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot import setting_values
from bot.email import dkim
from bot.email.channel import EmailChannel
from bot.email.client import SmtpClient
from bot.email.sender import SmtpMailer
from bot.setting_values import MailServerAddress
from bot.settings import Settings, SettingsError
from bot.variable_checks import PREFIX


@dataclass(frozen=True, slots=True)
class EmailSetup:
    """Both senders of emails: the channel sends copies, the mailer what `email` steps say."""

    channel: EmailChannel
    mailer: SmtpMailer


@asynccontextmanager
async def open_email(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[EmailSetup | None]:
    """Open email for the time of the body, or yield None if no mail server is set up. Raises `SettingsError`."""
    server = settings.mail_server
    if server is None:
        yield None
        return
    sender, client = setting_values.parse_sender(settings.email_from), smtp_client(server, settings)
    try:
        yield EmailSetup(
            EmailChannel(client, sender=sender, public_url=settings.public_url, now=now, name=settings.site_name),
            SmtpMailer(client, sender=sender, now=now),
        )
    finally:
        await client.aclose()


def smtp_client(
    server: MailServerAddress, settings: Settings, *, before_dot_seconds: float | None = None
) -> SmtpClient:
    """Return a client of the mail server. Raises `SettingsError` for a file that cannot be used."""
    domain = setting_values.parse_sender(settings.email_from).domain
    limits = {} if before_dot_seconds is None else {"before_dot_seconds": before_dot_seconds}
    # EHLO names the domain of our emails. To look up the machine's own name may take seconds, and it often has none.
    return SmtpClient(server, trust=_trust(settings), local_name=domain, sign=_signature(settings, domain), **limits)


def _trust(settings: Settings) -> ssl.SSLContext:
    """Return an SSL context that trusts the system's authorities and the one in the settings."""
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


def _signature(settings: Settings, domain: str) -> Callable[[bytes], bytes] | None:
    """Return the function that signs with DKIM, or None if no key is set up."""
    if not settings.dkim_key_file:
        return None
    path = Path(settings.dkim_key_file).expanduser()
    try:
        key = dkim.load(path)
    except ValueError as error:
        raise SettingsError([f"{PREFIX}DKIM_KEY_FILE: {path} {error}."]) from None
    except OSError as error:
        raise SettingsError([f"{PREFIX}DKIM_KEY_FILE: {path} cannot be read: {error.strerror}."]) from None
    return dkim.Signer(key, domain=settings.dkim_domain or domain, selector=settings.dkim_selector).sign
