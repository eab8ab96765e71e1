"""The MCP server over HTTP: each client brings its own API key, and only known names of this server are answered."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from typing import Any, Final

import uvicorn
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.mcp import server
from bot.presentation import refusals
from engine import api_key_text
from engine.api_key_text import KeyProblem
from engine.domain.api_keys import ApiKeyRefused
from signoff.transport import Server

PATH: Final = "/mcp"
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")
_DRAIN_SECONDS: Final = 8


class BearerKeys(TokenVerifier):
    """Takes a bearer token for an API key if it looks like one. Signoff checks it with each call."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the token as an identity that does not tell the key, or None."""
        key = token.strip()
        if not _is_like_a_key(key):
            return None
        return AccessToken(token=key, client_id=hashlib.sha256(key.encode()).hexdigest(), scopes=[])


def _is_like_a_key(text: str) -> bool:
    return text.startswith(api_key_text.PREFIX) and text.isascii() and text.isprintable() and " " not in text


class KeyHeaders:
    """The app with a sentence for each call whose header has no API key: the library refuses those without a reason."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = _problem(HTTPConnection(scope).headers.get("authorization", "")) if scope["type"] == "http" else None
        if why is None:
            await self._app(scope, receive, send)
            return
        body = {"error": "invalid_token", "error_description": refusals.sentence(ApiKeyRefused(why=why))}
        await JSONResponse(body, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})(scope, receive, send)


def _problem(header: str) -> str | None:
    """Return why a header has no API key, or None."""
    text = api_key_text.in_header(header)
    if isinstance(text, KeyProblem):
        return text.value
    if _is_like_a_key(text.strip()):
        return None
    parts = api_key_text.parse(text)
    assert isinstance(parts, KeyProblem)
    return parts.value


def application(url: str, hosts: Sequence[str], patience: float) -> ASGIApp:
    """Return the app. `hosts`: names under which it is reached besides those of this machine."""

    def server_of(ctx: Context[Any, Any]) -> Server:
        """Return Signoff with the key of the request at hand, and of no other."""
        request = ctx.request_context.request
        assert isinstance(request, HTTPConnection)
        return Server(url, request.user.access_token.token, patience)

    built = server.build(
        server_of,
        token_verifier=BearerKeys(),
        auth=AuthSettings(issuer_url=AnyHttpUrl(url), resource_server_url=None),
    )
    return KeyHeaders(built.streamable_http_app(streamable_http_path=PATH, transport_security=_security(hosts)))


def _security(hosts: Sequence[str]) -> TransportSecuritySettings:
    """Return the names that a browser may have been led to: any other is a page of a stranger."""
    names = [*_LOCAL, *hosts]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[name for host in names for name in (host, f"{host}:*")],
        allowed_origins=[
            *(f"http://{host}:*" for host in _LOCAL),
            *(origin for host in hosts for origin in (f"https://{host}", f"https://{host}:*")),
        ],
    )


async def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve the app until the process is stopped."""
    config = uvicorn.Config(
        app, ws="none", proxy_headers=False, server_header=False, access_log=False, log_config=None,
        log_level="warning", timeout_graceful_shutdown=_DRAIN_SECONDS,
    )  # fmt: skip
    await uvicorn.Server(config).serve([listening])
