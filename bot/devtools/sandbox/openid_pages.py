"""The sandbox as an identity provider: what it publishes, and the page on which a person signs in.

https://docs.slack.dev/authentication/sign-in-with-slack
"""

from __future__ import annotations

import ipaddress
import secrets
from html import escape
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from yarl import URL

from bot.devtools.sandbox.openid_keys import ALGORITHM, Grant
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import User

DISCOVERY: Final = "/.well-known/openid-configuration"
AUTHORIZE: Final = "/openid/connect/authorize"
KEYS: Final = "/openid/connect/keys"
_SCOPES: Final = frozenset({"openid", "profile", "email"})
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in to {team} – Signoff sandbox</title>
<link rel="icon" href="/sandbox/page/mark.svg">
<link rel="stylesheet" href="/sandbox/page/palette.css">
<link rel="stylesheet" href="/sandbox/page/style.css">
</head>
<body>
<main id="main">
<h1>{title}</h1>
<p>{text}</p>
{choices}
</main>
</body>
</html>
"""


class OpenIdPages:
    """The handlers. `user` in the query of the page chooses the person; without it, the page asks."""

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    def routes(self) -> list[web.RouteDef]:
        """Return all routes. The token comes from the method `openid.connect.token`."""
        return [
            web.get(DISCOVERY, self.publish),
            web.get(KEYS, self.keys),
            web.get(AUTHORIZE, self.authorize),
        ]

    async def publish(self, _: web.Request) -> web.Response:
        """Return the addresses of this provider."""
        base = self.slack.base_url
        document = {
            "issuer": base,
            "authorization_endpoint": f"{base}{AUTHORIZE}",
            "token_endpoint": f"{base}/api/openid.connect.token",
            "userinfo_endpoint": f"{base}/api/openid.connect.userInfo",
            "jwks_uri": f"{base}{KEYS}",
            "scopes_supported": sorted(_SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }
        if self.slack.openid.proves_client:
            document["code_challenge_methods_supported"] = ["S256"]
        return self._answer("openid.configuration", document)

    async def keys(self, _: web.Request) -> web.Response:
        """Return the published keys."""
        return self._answer("openid.keys", None if self.slack.faults.down else self.slack.openid.key_set())

    def _answer(self, name: str, document: object) -> web.Response:
        if self.slack.faults.down:
            return web.Response(status=503, text="Slack is down")
        fault = self.slack.faults.take(name)
        self.slack.record(name, {}, outcome="ok" if fault is None else fault.kind)
        if fault is not None:
            return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)
        return web.json_response(document)

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """Ask which person signs in, or send the browser back with a code for the person that was chosen."""
        if self.slack.faults.down:
            return web.Response(status=503, text="Slack is down")
        query = request.query
        wrong = self._problem(request)
        if wrong:
            return self._page("Something is wrong with this link", f"Slack refuses it: {wrong}.", status=400)
        back = URL(query["redirect_uri"])
        if query.get("user") == "nobody":
            raise web.HTTPFound(back.update_query(error="access_denied", state=query["state"]))
        user = self.slack.world.user_named(query["user"]) if "user" in query else None
        if user is None:
            return self._choose(request)
        code = secrets.token_urlsafe(24)
        self.slack.openid.grants[code] = Grant(
            user=user.id,
            client_id=query["client_id"],
            redirect_uri=query["redirect_uri"],
            nonce=query.get("nonce"),
            challenge=query.get("code_challenge"),
            at=self.slack.time.seconds,
        )
        raise web.HTTPFound(back.update_query(code=code, state=query["state"]))

    def _problem(self, request: web.Request) -> str:
        """Return the error code for a link that no provider would accept, or an empty text."""
        query, app = request.query, self.slack.app
        if query.get("client_id") != app.client_id:
            return "invalid_client_id"
        if not _is_registered(query.get("redirect_uri", ""), app.redirect_urls):
            return "bad_redirect_uri"
        scopes = set(query.get("scope", "").replace(",", " ").split())
        if "openid" not in scopes or not scopes <= _SCOPES:
            return "invalid_scope"
        if query.get("response_type") != "code" or not query.get("state"):
            return "invalid_arguments"
        if query.get("team") not in (None, "", self.slack.world.team.id):
            return "invalid_team_for_non_distributed_app"
        if self.slack.openid.proves_client and query.get("code_challenge_method") != "S256":
            return "invalid_code_challenge_method"
        return ""

    def _choose(self, request: web.Request) -> web.Response:
        """Return the page that asks which person signs in. Real Slack knows it from its own session."""
        people = [user for user in self.slack.world.users.values() if not user.is_bot and not user.deleted]
        links = [f'<p><a href="{_link(request, user)}">Sign in as {escape(user.real_name)}</a></p>' for user in people]
        links.append(f'<p><a href="{escape(str(request.rel_url.update_query(user="nobody")))}">Cancel</a></p>')
        team = self.slack.world.team.name
        text = f"{self.slack.app.name} wants to know who you are. In this sandbox, you choose."
        return self._page(f"Sign in to {team}", text, choices="\n".join(links))

    def _page(self, title: str, text: str, *, choices: str = "", status: int = 200) -> web.Response:
        page = _PAGE.format(
            team=escape(self.slack.world.team.name), title=escape(title), text=escape(text), choices=choices
        )
        return web.Response(status=status, text=page, content_type="text/html", headers=_HEADERS)


def _link(request: web.Request, user: User) -> str:
    return escape(str(request.rel_url.update_query(user=user.id)))


def _is_registered(url: str, registered: list[str]) -> bool:
    """Return whether people may be sent back there: to a registered address, or to any on this machine if none is."""
    if registered:
        return url in registered
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False
