"""Check of the address at which Slack delivers over HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from yarl import URL

from bot.doctor.context import NETWORK_SECONDS, TIMEOUT, CheckContext, local_url, os_error_text
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning
from bot.slack import transport

_PORT_IN_USE: Final = "Stop that program, or set SIGNOFF_PORT to another port."
_RESTART: Final = "Restart the server with the settings that this command was given."


async def deliveries(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that our server listens there and refuses unsigned requests, or that it could listen there."""
    settings = context.settings
    if not settings.slack_signing_secret:
        if settings.slack_app_token:
            yield ok("slack.deliveries", "Slack delivers over Socket Mode; no port is listened on.")
        return
    if {"host", "port"} & context.unusable:
        yield warning(
            "slack.deliveries",
            "The address for Slack was not checked, because a setting is wrong.",
            CORRECT_SETTINGS,
        )
        return
    try:
        url = local_url(settings, transport.PATH)
    except ValueError:
        yield problem("slack.deliveries", f"{settings.host!r} is not a host.", "Correct SIGNOFF_HOST.")
        return
    yield await _post_unsigned(context, url)


async def _post_unsigned(context: CheckContext, url: URL) -> Finding:
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(url, data={"payload": "{}"}, allow_redirects=False) as response,
        ):
            status = response.status
    except aiohttp.ClientConnectorError as error:
        return await _not_listening(context, url, error.os_error)
    except TimeoutError:
        message = f"The program that listens at {url.authority} did not answer within {NETWORK_SECONDS:.0f} seconds."
        return problem("slack.deliveries", message, _RESTART if context.serving else _PORT_IN_USE)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        message = f"The program that listens at {url.authority} is not a web server ({type(error).__name__})."
        return problem("slack.deliveries", message, _PORT_IN_USE)
    if status != 401:
        message = (
            f"The program that listens at {url.authority} answers an unsigned request with {status} and not with 401."
        )
        return problem("slack.deliveries", f"{message} It is not Signoff.", _PORT_IN_USE)
    if not context.serving:
        message = f"A program refuses unsigned requests at {url}, and no server of this database runs."
        return warning("slack.deliveries", message, f"If it is a Signoff with another database: {_PORT_IN_USE}")
    return ok(
        "slack.deliveries", f"The server takes Slack's deliveries at {url}; an unsigned request is refused with 401."
    )


async def _not_listening(context: CheckContext, url: URL, refusal: OSError) -> Finding:
    """Return the finding for an address without a listener: an error while a server runs, else a free port."""
    if context.serving:
        message = f"A server runs, but does not take Slack's deliveries at {url.authority} ({os_error_text(refusal)})."
        return problem("slack.deliveries", message, _RESTART)
    try:
        await asyncio.wait_for(asyncio.to_thread(_bind, context), NETWORK_SECONDS)
    except OSError as error:  # TimeoutError is an OSError too.
        return problem(
            "slack.deliveries",
            f"{context.settings.host}:{context.settings.port} cannot be listened on: {os_error_text(error)}.",
            "Set SIGNOFF_HOST and SIGNOFF_PORT to an address of this machine and a free port, above 1023.",
        )
    return ok("slack.deliveries", f"{url.authority} is free for `signoff serve` to take Slack's deliveries at.")


def _bind(context: CheckContext) -> None:
    """Bind the address for a moment without listening, so that a server that starts now is not disturbed."""
    host, port = context.settings.host, context.settings.port
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


CHECKS: Final = (deliveries,)
