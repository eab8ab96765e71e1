"""Mail: whether the mail server takes us, and whether the links in mails lead here. Nothing is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from bot.doctor.context import NETWORK_SECONDS, TIMEOUT, Case, why
from bot.doctor.finding import Finding, ok, problem, warning
from bot.email import setup
from bot.email.errors import MailError, Stage
from bot.settings import SettingsError
from bot.web.site_urls import HEALTH

_NEEDED: Final = frozenset({"smtp_url", "email_from", "smtp_ca_file", "dkim_selector", "dkim_domain"})
_ADVICE: Final = {
    Stage.CONNECT: "See that this machine may open connections to it, and that host, port and scheme are right; for a "
    "private authority, set SIGNOFF_SMTP_CA_FILE.",
    Stage.EHLO: "Ask whoever runs the mail server why it refuses this machine.",
    Stage.STARTTLS: "Use smtps:// in SIGNOFF_SMTP_URL if the server is encrypted from the start; for a private "
    "authority, set SIGNOFF_SMTP_CA_FILE.",
    Stage.AUTH: "Correct user and password in SIGNOFF_SMTP_URL; what is special in them is written like %40 for @.",
}


async def server(case: Case) -> AsyncIterator[Finding]:
    """Connect, encrypt, log in, hang up."""
    chosen = case.settings.mail_server
    if _NEEDED & case.unusable or (chosen is not None and not case.settings.email_from):
        yield warning("mail.server", "The mail server was not checked, because a setting is wrong.", "See `settings`.")
        return
    if chosen is None:
        yield ok("mail.server", "Mail is not set up, so nobody is asked by mail.")
        return
    at = f"{chosen.host}:{chosen.port}"
    try:
        client = setup.smtp_client(chosen, case.settings, before_dot_seconds=NETWORK_SECONDS)
    except SettingsError as error:
        yield problem("mail.server", str(error), "Correct that setting.")
        return
    try:
        await client.check()
    except MailError as error:
        todo = _ADVICE.get(error.failure.stage, _ADVICE[Stage.CONNECT])
        yield problem("mail.server", f"{at} cannot be used. {error}", todo)
    else:
        how = "without encryption, on this machine" if chosen.security == "none" else "encrypted"
        who = " and lets us log in" if chosen.user is not None else ""
        yield ok("mail.server", f"The mail server {at} answers {how}{who}; nothing was sent.")
    finally:
        await client.aclose()


async def links(case: Case) -> AsyncIterator[Finding]:
    """Whether the links in mails lead here."""
    url = case.settings.public_url
    if not url or "public_url" in case.unusable:
        return
    if not case.serving:
        yield ok("mail.links", f"The links in mails lead to {url}; no server runs, so it was not tried.")
        return
    yield await _followed(url)


async def _followed(url: str) -> Finding:
    todo = "See that browsers reach this server at SIGNOFF_PUBLIC_URL, and that the proxy before it passes it all on."
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(f"{url}{HEALTH}", allow_redirects=False) as response,
        ):
            status, text = response.status, (await response.text(errors="replace"))[:10].strip()
    except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError too
        reason = why(error) if isinstance(error, OSError) else type(error).__name__
        return warning(
            "mail.links", f"The links in mails lead to {url}, which this machine cannot reach ({reason}).", todo
        )
    if (status, text) != (200, "ok"):
        return problem(
            "mail.links", f"The links in mails lead to {url}, where something else answers ({status}).", todo
        )
    return ok("mail.links", f"The links in mails lead to {url}, and this server answers there.")


CHECKS: Final = (server, links)
