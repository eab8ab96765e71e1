"""Sets up the LMTP server from the settings, and says what is missing if there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot import setting_values
from bot.lmtp.email_reader import MOST_BYTES
from bot.lmtp.session import DeliverySession
from bot.settings import Settings, SettingsError
from engine.domain import TriggerKind
from engine.ports import Clock
from engine.service import Engine

_LIBRARY: Final = "aiosmtpd"
_MOST_WITH_FILES: Final = 35_000_000
"""Maximum size of an email with files, in bytes, whatever files may have."""
NOT_SET_UP: Final = (
    "No mail server delivers to this server: set SIGNOFF_LMTP_PORT or SIGNOFF_LMTP_SOCKET, SIGNOFF_LMTP_DOMAIN and "
    "SIGNOFF_LMTP_AUTHSERV, then register the file again."
)
NOT_INSTALLED: Final = "The library for emails that are delivered is missing: pip install 'signoff[lmtp]'"


def missing(settings: Settings) -> str | None:
    """Return what has to be done on this server before emails can start runs, or None."""
    if not settings.lmtp_port and not settings.lmtp_socket:
        return NOT_SET_UP
    return NOT_INSTALLED if find_spec(_LIBRARY) is None else None


@asynccontextmanager
async def open_lmtp(settings: Settings, engine: Engine, clock: Clock) -> AsyncIterator[int | None]:
    """Take emails for the time of the body, if that is set up. Yields the port. Raises `SettingsError`."""
    if not settings.lmtp_port and not settings.lmtp_socket:
        yield None
        return
    if (why := missing(settings)) is not None:
        raise SettingsError([f"SIGNOFF_LMTP_PORT or SIGNOFF_LMTP_SOCKET is set. {why}"])
    # Imported here, because the library is optional.
    from bot.lmtp.server import listening

    async def takes(workflow: str) -> bool:
        return any(offer.workflow == workflow for offer in await engine.offers(TriggerKind.EMAIL))

    session = DeliverySession(
        engine.receive_email,
        takes,
        clock,
        domain=settings.lmtp_domain,
        authserv=settings.lmtp_authserv,
        own=setting_values.parse_sender(settings.email_from).addr_spec if settings.email_from else "",
    )
    largest, socket = _largest(settings, engine), _socket(settings)
    async with listening(session, port=settings.lmtp_port, socket=socket, most_bytes=largest) as port:
        yield port


def _socket(settings: Settings) -> Path | None:
    return Path(settings.lmtp_socket).expanduser() if settings.lmtp_socket else None


def _largest(settings: Settings, engine: Engine) -> int:
    """Return the maximum size of an email: with files, one of the largest size fits, as text in Base64."""
    if not engine.files.is_set_up:
        return MOST_BYTES
    return min(_MOST_WITH_FILES, MOST_BYTES + settings.largest_file * 3 // 2)
