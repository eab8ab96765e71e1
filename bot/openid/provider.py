"""An identity provider: finds its endpoints, sends people there, and asks it who came back.

What the provider publishes, endpoints and keys, is kept for an hour. Everything that one sign-in needs is in the
database, so that any process can take back a person that another one sent.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.openid import id_token
from bot.openid.errors import ProviderRefusesApp, ProviderUnavailable, TokenRefused, UnknownKey
from bot.openid.id_token import Expectation, SignedInAccount, Workspace
from bot.setting_values import is_safe_address
from engine.domain import SignInStart
from engine.ports import Clock

SCOPES: Final = ("openid", "profile", "email")
"""What people are asked to share: who they are, their name, and their email address. Slack wants `openid` first."""
DISCOVERY: Final = "/.well-known/openid-configuration"
TIMEOUT: Final = aiohttp.ClientTimeout(total=6.0, connect=3.0)
"""Timeout of a call, in seconds: a person waits for it."""
_MOST_BYTES: Final = 256 * 1024
_KEPT_FOR: Final = timedelta(hours=1)
_ASKED_AGAIN: Final = timedelta(minutes=1)
"""How often the keys are fetched at most because a token names another one."""
_SETUP_ERRORS: Final = frozenset(
    {"bad_client_secret", "bad_redirect_uri", "invalid_client", "invalid_client_id", "unauthorized_client"}
)
"""Errors of the token endpoint that only the operator can fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """The app at the provider. `issuer`: the address of the provider. `redirect_url`: where it sends people back."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What a provider publishes about itself. `proves_client`: whether it takes part in PKCE (RFC 7636)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    proves_client: bool


class IdentityProvider:
    """Signs people in. `workspace` returns the one whose people may sign in, or None while it is not known."""

    def __init__(
        self,
        credentials: ClientCredentials,
        session: aiohttp.ClientSession,
        clock: Clock,
        workspace: Callable[[], Awaitable[Workspace | None]],
    ) -> None:
        self._credentials, self._session, self._clock, self._workspace = credentials, session, clock, workspace
        self._endpoints: tuple[datetime, Endpoints] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def authorization_url(self, start: SignInStart) -> str:
        """Return the address to which the person is sent. Raises `ProviderUnavailable`."""
        endpoints, workspace = await self.endpoints(), await self._known_workspace()
        url: str = prepare_grant_uri(
            endpoints.authorization,
            client_id=self._credentials.client_id,
            response_type="code",
            redirect_uri=self._credentials.redirect_url,
            scope=SCOPES,
            state=start.state,
            nonce=start.nonce,
            team=workspace.team,
            **_challenge(start, endpoints),
        )
        return url

    async def account(self, start: SignInStart, code: str) -> SignedInAccount:
        """Return the account of the person who came back with a code.

        Raises `ProviderUnavailable`, `ProviderRefusesApp`, or `TokenRefused`.
        """
        endpoints, workspace = await self.endpoints(), await self._known_workspace()
        answer = await self._exchange(endpoints, start, code)
        access_token = answer.get("access_token")
        expected = Expectation(
            issuer=endpoints.issuer,
            client_id=self._credentials.client_id,
            nonce=start.nonce,
            access_token=access_token if isinstance(access_token, str) else "",
        )
        for renewed in (False, True):
            keys = await self._key_set(endpoints, renewed=renewed)
            try:
                return id_token.read(answer.get("id_token"), keys, expected, workspace=workspace, now=self._clock.now())
            except UnknownKey:
                # The provider may have new keys since ours were fetched.
                continue
        raise TokenRefused("the key that signed it is not one of the provider's")

    async def endpoints(self) -> Endpoints:
        """Return what the provider publishes about itself. Raises `ProviderUnavailable`."""
        now = self._clock.now()
        if self._endpoints is None or not self._endpoints[0] <= now < self._endpoints[0] + _KEPT_FOR:
            document = await self._get(self._credentials.issuer + DISCOVERY)
            self._endpoints = now, _read_endpoints(document, self._credentials.issuer)
        return self._endpoints[1]

    async def check(self) -> None:
        """Raise `ProviderUnavailable` or `ProviderRefusesApp` if people cannot sign in. Changes nothing."""
        endpoints = await self.endpoints()
        await self._key_set(endpoints)
        with contextlib.suppress(TokenRefused):
            # The provider looks at the secret of the app first, and then at this code, which it never gave.
            await self._exchange(endpoints, SignInStart(state="", nonce="", verifier="-" * 43), "signoff-doctor")

    async def _key_set(self, endpoints: Endpoints, *, renewed: bool = False) -> KeySet:
        now = self._clock.now()
        kept_for = _ASKED_AGAIN if renewed else _KEPT_FOR
        if self._keys is None or not self._keys[0] <= now < self._keys[0] + kept_for:
            self._keys = now, _read_keys(await self._get(endpoints.keys))
        return self._keys[1]

    async def _known_workspace(self) -> Workspace:
        workspace = await self._workspace()
        if workspace is None:
            raise ProviderUnavailable("Slack did not say to which workspace this app belongs.")
        return workspace

    async def _exchange(self, endpoints: Endpoints, start: SignInStart, code: str) -> Mapping[str, Any]:
        """Return the tokens for a code, which works once."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._credentials.redirect_url,
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            **({"code_verifier": start.verifier} if endpoints.proves_client else {}),
        }
        answer = await self._call("POST", endpoints.token, data=form, may_refuse=True)
        error = answer.get("error")
        if error in _SETUP_ERRORS:
            raise ProviderRefusesApp(str(error))
        if error is not None:
            raise TokenRefused("the provider did not accept the code that came with it")
        return answer

    async def _get(self, url: str) -> Mapping[str, Any]:
        return await self._call("GET", url)

    async def _call(
        self, method: str, url: str, *, data: Mapping[str, str] | None = None, may_refuse: bool = False
    ) -> Mapping[str, Any]:
        """Return the JSON object of an answer. `may_refuse`: a status of 4xx may come with one too."""
        try:
            # A redirect could send the secret of the app to another host.
            async with self._session.request(
                method, url, data=data, allow_redirects=False, timeout=TIMEOUT, headers={"Accept": "application/json"}
            ) as response:
                body = await response.content.read(_MOST_BYTES + 1)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderUnavailable(f"{_host(url)} cannot be reached ({type(error).__name__}).") from None
        if status == 429 or not (status == 200 or (may_refuse and 400 <= status < 500)):
            raise ProviderUnavailable(f"{_host(url)} answers with the status {status}.")
        return _read_object(body, url)


def _challenge(start: SignInStart, endpoints: Endpoints) -> dict[str, str]:
    if not endpoints.proves_client:
        return {}
    return {"code_challenge": create_s256_code_challenge(start.verifier), "code_challenge_method": "S256"}


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _read_object(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        document = json.loads(body) if len(body) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProviderUnavailable(f"The answer of {_host(url)} cannot be read.")
    return document


def _read_endpoints(document: Mapping[str, Any], issuer: str) -> Endpoints:
    """Return the endpoints. All of them must be safe: people and the secret of the app are sent there."""
    if document.get("issuer") != issuer:
        raise ProviderUnavailable(f"{_host(issuer)} says that it is another provider.")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    urls = [document.get(name) for name in names]
    for name, url in zip(names, urls, strict=True):
        if not isinstance(url, str) or not is_safe_address(url):
            raise ProviderUnavailable(f"{_host(issuer)} names no address with https as its {name}.")
    methods = document.get("code_challenge_methods_supported")
    authorization, token, keys = map(str, urls)
    return Endpoints(
        issuer=issuer,
        authorization=authorization,
        token=token,
        keys=keys,
        proves_client=isinstance(methods, list) and "S256" in methods,
    )


def _read_keys(document: Mapping[str, Any]) -> KeySet:
    """Return the public keys that are for signatures. Keys of other kinds are left out."""
    published = document.get("keys")
    usable = [
        key
        for key in (published if isinstance(published, list) else [])
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderUnavailable(f"The keys of the provider cannot be read ({type(error).__name__}).") from None
