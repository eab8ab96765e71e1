"""Carries conversations out over HTTP, in a thread or in an event loop."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from signoff.conversation import Call, Lost, Pause, Reply, Talk
from signoff.errors import NotSetUp
from signoff.records import Ask

if TYPE_CHECKING:  # httpx takes longer to import than all of this package: it is loaded with the first call
    import ssl

    import httpx

URL: Final = "SIGNOFF_URL"
API_KEY: Final = "SIGNOFF_API_KEY"
_CONNECT: Final = 10.0
"""How long to wait for a connection, in seconds."""


class Server:
    """The address of a Signoff server, and the key that it knows this program by."""

    def __init__(self, url: str | None, api_key: str | None, patience: float) -> None:
        self.patience = patience
        """How long a call is repeated while the server does not answer, in seconds."""
        self._url = url
        self._api_key = api_key

    def __repr__(self) -> str:
        return f"Server({self._url or os.environ.get(URL)!r})"

    def run(self, talk: Talk) -> Ask:
        """Carry a conversation out in this thread."""
        import httpx

        with httpx.Client(base_url=self._base(), headers=self._headers(), verify=self._trust()) as http:
            step = _next(talk, None)
            while not isinstance(step, Ask):
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = _next(talk, None)
                else:
                    step = _next(talk, _sent(http, step))
        return step

    async def run_async(self, talk: Talk) -> Ask:
        """Carry a conversation out in this event loop."""
        import anyio
        import httpx

        async with httpx.AsyncClient(base_url=self._base(), headers=self._headers(), verify=self._trust()) as http:
            step = _next(talk, None)
            while not isinstance(step, Ask):
                if isinstance(step, Pause):
                    await anyio.sleep(step.seconds)
                    step = _next(talk, None)
                else:
                    step = _next(talk, await _sent_async(http, step))
        return step

    def check(self) -> None:
        """Raise `NotSetUp` if the address or the key is missing."""
        self._base()
        self._headers()

    def _base(self) -> str:
        url = (self._url or os.environ.get(URL) or "").strip().rstrip("/")
        if not url:
            raise NotSetUp(f"The address of Signoff is not set. Set {URL}, for example to https://signoff.example.com.")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise NotSetUp(f"{URL} is not a web address. Set it to one like https://signoff.example.com.")
        return url.removesuffix("/api/v1") + "/api/v1"

    def _trust(self) -> ssl.SSLContext:
        """Return the certificates to trust. Without encryption none are needed, and to load them takes long."""
        import ssl

        is_encrypted = urlsplit(self._base()).scheme == "https"
        return _certificates() if is_encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _headers(self) -> dict[str, str]:
        key = (self._api_key or os.environ.get(API_KEY) or "").strip()
        if not key:
            raise NotSetUp(f"There is no API key. Make one with `signoff keys create NAME`, and set {API_KEY} to it.")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise NotSetUp(f"{API_KEY} is not an API key: a key looks like sgn_… and has no spaces. Copy it again.")
        return {"authorization": f"Bearer {key}", "accept": "application/json, application/problem+json"}


def _next(talk: Talk, reply: Reply | Lost | None) -> Call | Pause | Ask:
    """Return what a conversation does next, or the ask with which it ends."""
    try:
        return next(talk) if reply is None else talk.send(reply)
    except StopIteration as end:
        ask: Ask = end.value
        return ask


@cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates of this machine, which take long to load."""
    import httpx

    return httpx.create_ssl_context()


def _parts(call: Call) -> dict[str, str]:
    headers = {} if call.key is None else {"idempotency-key": call.key}
    return headers if call.body is None else {**headers, "content-type": "application/json"}


def _sent(http: httpx.Client, call: Call) -> Reply | Lost:
    import httpx

    timeout = httpx.Timeout(call.seconds, connect=_CONNECT)
    try:
        reply = http.request(call.method, call.path, content=call.body, headers=_parts(call), timeout=timeout)
    except httpx.RequestError as error:
        return _lost(error)
    return Reply(reply.status_code, reply.headers, reply.content)


async def _sent_async(http: httpx.AsyncClient, call: Call) -> Reply | Lost:
    import httpx

    timeout = httpx.Timeout(call.seconds, connect=_CONNECT)
    try:
        reply = await http.request(call.method, call.path, content=call.body, headers=_parts(call), timeout=timeout)
    except httpx.RequestError as error:
        return _lost(error)
    return Reply(reply.status_code, reply.headers, reply.content)


def _lost(error: httpx.RequestError) -> Lost:
    return Lost(str(error) or type(error).__name__)
