"""Checks of email: whether the mail server can be used, and whether the links in emails lead here. Sends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from bot.doctor.context import NETWORK_SECONDS, TIMEOUT, CheckContext, os_error_text
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning
from bot.email import setup
from bot.email.errors import MailError, Stage
from bot.settings import SettingsError
from bot.web.site_urls import HEALTH

_NEEDED_SETTINGS: Final = frozenset({"smtp_url", "email_from", "smtp_ca_file", "dkim_selector", "dkim_domain"})
_ADVICE: Final = {
    Stage.CONNECT: "Check that this machine may open connections to it, and that host, port and scheme are right; for "
    "a private authority, set SIGNOFF_SMTP_CA_FILE.",
    Stage.EHLO: "Ask the administrator of the mail server why it refuses this machine.",
    Stage.STARTTLS: "Use smtps:// in SIGNOFF_SMTP_URL if the server is encrypted from the start; for a private "
    "authority, set SIGNOFF_SMTP_CA_FILE.",
    Stage.AUTH: "Correct user and password in SIGNOFF_SMTP_URL; special characters are written like %40 for @.",
}


async def server(context: CheckContext) -> AsyncIterator[Finding]:
    """Connect, encrypt, log in, and hang up."""
    mail_server = context.settings.mail_server
    if _NEEDED_SETTINGS & context.unusable or (mail_server is not None and not context.settings.email_from):
        yield warning("mail.server", "The mail server was not checked, because a setting is wrong.", CORRECT_SETTINGS)
        return
    if mail_server is None:
        yield ok("mail.server", "Email is not set up, so no one is asked by email.")
        return
    address = f"{mail_server.host}:{mail_server.port}"
    try:
        client = setup.smtp_client(mail_server, context.settings, before_dot_seconds=NETWORK_SECONDS)
    except SettingsError as error:
        yield problem("mail.server", str(error), "Correct that setting.")
        return
    try:
        await client.check()
    except MailError as error:
        advice = _ADVICE.get(error.failure.stage, _ADVICE[Stage.CONNECT])
        yield problem("mail.server", f"{address} cannot be used. {error}", advice)
    else:
        encryption = "without encryption, on this machine" if mail_server.security == "none" else "encrypted"
        login = " and lets us log in" if mail_server.user is not None else ""
        yield ok("mail.server", f"The mail server {address} answers {encryption}{login}; nothing was sent.")
    finally:
        await client.aclose()


async def links(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that the links in emails lead to this server."""
    url = context.settings.public_url
    if not url or "public_url" in context.unusable:
        return
    if not context.serving:
        reason = "no server runs" if context.server_url is None else "no server answers at SIGNOFF_PORT here"
        yield ok("mail.links", f"The links in emails lead to {url}; {reason}, so it was not tried.")
        return
    yield await _follow(url)


async def _follow(url: str) -> Finding:
    advice = (
        "Check that browsers reach this server at SIGNOFF_PUBLIC_URL, and that a proxy before it passes everything."
    )
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(f"{url}{HEALTH}", allow_redirects=False) as response,
        ):
            status, text = response.status, (await response.text(errors="replace"))[:10].strip()
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError too.
        reason = os_error_text(error) if isinstance(error, OSError) else type(error).__name__
        return warning(
            "mail.links", f"The links in emails lead to {url}, which this machine cannot reach ({reason}).", advice
        )
    if (status, text) != (200, "ok"):
        return problem(
            "mail.links", f"The links in emails lead to {url}, where something else answers ({status}).", advice
        )
    return ok("mail.links", f"The links in emails lead to {url}, and this server answers there.")


CHECKS: Final = (server, links)
