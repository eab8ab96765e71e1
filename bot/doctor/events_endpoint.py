"""The address at which Slack's deliveries are taken over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from yarl import URL

from bot.doctor.context import NETWORK_SECONDS, TIMEOUT, Case, why
from bot.doctor.finding import Finding, ok, problem, warning
from bot.slack import transport

_TAKEN: Final = "Stop that program, or set SIGNOFF_PORT to another port."
_RESTART: Final = "Restart the server with the settings that this command was given."


async def deliveries(case: Case) -> AsyncIterator[Finding]:
    """Whether we are there, refuse what is not signed, or could be there."""
    settings = case.settings
    if not settings.slack_signing_secret:
        if settings.slack_app_token:
            yield ok("slack.deliveries", "Slack's deliveries come over Socket Mode; nothing listens.")
        return
    if {"host", "port"} & case.unusable:
        yield warning(
            "slack.deliveries", "Where deliveries are taken was not checked: a setting is wrong.", "See `settings`."
        )
        return
    try:
        url = _address(settings.host, settings.port)
    except ValueError:
        yield problem("slack.deliveries", f"{settings.host!r} is no host.", "Correct SIGNOFF_HOST.")
        return
    yield await _knock(case, url)


def _address(host: str, port: int) -> URL:
    """Where we reach what listens at `host`: that it may be every address of this machine is no address to call."""
    with contextlib.suppress(ValueError):
        at = ipaddress.ip_address(host)
        if at.is_unspecified:
            host = "::1" if at.version == 6 else "127.0.0.1"
    return URL.build(scheme="http", host=host, port=port, path=transport.PATH)


async def _knock(case: Case, url: URL) -> Finding:
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(url, data={"payload": "{}"}, allow_redirects=False) as response,
        ):
            status = response.status
    except aiohttp.ClientConnectorError as error:
        return await _nobody(case, url, error.os_error)
    except TimeoutError:
        said = f"What listens at {url.authority} did not answer within {NETWORK_SECONDS:.0f} seconds."
        return problem("slack.deliveries", said, _RESTART if case.serving else _TAKEN)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        said = f"What listens at {url.authority} is no web server ({type(error).__name__})."
        return problem("slack.deliveries", said, _TAKEN)
    if status != 401:
        said = f"What listens at {url.authority} answers an unsigned request with {status} and not with 401."
        return problem("slack.deliveries", f"{said} It is not Signoff.", _TAKEN)
    if not case.serving:
        said = f"Something refuses unsigned requests at {url}, and no server of this database runs."
        return warning("slack.deliveries", said, f"If it is a Signoff with another database: {_TAKEN}")
    return ok("slack.deliveries", f"Slack's deliveries are taken at {url}; an unsigned request is refused with 401.")


async def _nobody(case: Case, url: URL, refused: OSError) -> Finding:
    """Nobody listens there: whether that is as it should be."""
    if case.serving:
        said = f"A server runs, but Slack's deliveries are not taken at {url.authority} ({why(refused)})."
        return problem("slack.deliveries", said, _RESTART)
    try:
        await asyncio.wait_for(asyncio.to_thread(_bind, case), NETWORK_SECONDS)
    except OSError as error:  # a timeout is one too
        return problem(
            "slack.deliveries",
            f"{case.settings.host}:{case.settings.port} cannot be listened on: {why(error)}.",
            "Set SIGNOFF_HOST and SIGNOFF_PORT to an address of this machine and a free port, above 1023.",
        )
    return ok("slack.deliveries", f"{url.authority} is free for `signoff serve` to take Slack's deliveries at.")


def _bind(case: Case) -> None:
    """Take the address for a moment, without listening: a server that starts now is not in our way, nor we in its."""
    host, port = case.settings.host, case.settings.port
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)


CHECKS: Final = (deliveries,)
