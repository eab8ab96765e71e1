"""The sign-in of `http` calls: the header that proves who calls, and access tokens with the credentials of a client."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias
from urllib.parse import quote_plus, urlencode

from multidict import CIMultiDict

from engine.errors import InvalidValue, StepError
from engine.json_values import Value
from engine.redaction import Redactor
from engine.steps import http_response, url_guard
from engine.steps.http_client import HttpCall, HttpClient
from engine.steps.http_params import Auth, OAuthClient, sends_in_the_clear

_SHOWN: Final = "\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET} (sign-in)"
"""What stands in the place of a token or of encoded credentials."""
_MOST_TOKENS: Final = 500
"""Number of access tokens that a process keeps."""
_UNTIL_EXPIRY: Final = 30.0
"""How long before its expiry a token is no longer used, in seconds."""
_UNKNOWN_EXPIRY: Final = 300.0
"""How long a token is used whose expiry its server does not tell, in seconds."""

_Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallSignIn:
    """What a call sends to sign in. `hidden`: texts beside the secrets of the server that no one may read.

    `token`: the access token, if the call has one that may have been revoked meanwhile.
    """

    name: str = ""
    value: str = ""
    hidden: tuple[str, ...] = ()
    token: str | None = None

    def add_to(self, headers: CIMultiDict[str]) -> None:
        """Set the header."""
        if self.name:
            headers[self.name] = self.value

    def hide(self, redact: Callable[[str], str]) -> Callable[[str], str]:
        """Return the function that removes these texts and what `redact` removes."""
        if not self.hidden:
            return redact
        own = Redactor((text, _SHOWN) for text in self.hidden)
        return lambda text: own.redact(redact(text))


NO_SIGN_IN: Final = CallSignIn()


@dataclass(slots=True)
class _Token:
    """An access token, and until when it is used by the clock of the process."""

    text: str = ""
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class CallSignIns:
    """Makes the sign-ins of calls. Access tokens are kept in the memory of this process.

    `clock`: the seconds of a clock that never goes back.
    """

    def __init__(self, client: HttpClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[_Key, _Token] = {}

    async def get(
        self,
        auth: Auth | None,
        target: url_guard.CallTarget,
        seconds: float,
        redact: Callable[[str], str],
        *,
        refused: str | None = None,
    ) -> CallSignIn:
        """Return what the call to `target` sends. `refused`: an access token that the server did not take.

        Raises `StepError`, which says that the call was not sent.
        """
        if auth is None:
            return NO_SIGN_IN
        if sends_in_the_clear(str(target.url)):
            raise StepError(f"{target.call} was not sent: `auth` goes over https only, except to a local host")
        if auth.oauth2 is not None:
            try:
                token = await self._token(auth.oauth2, seconds, redact, refused=refused)
            except StepError as error:
                message = f"{target.call} was not sent: it got no access token: {error}"
                retryable = error.retryable or error.outcome_unknown
                raise StepError(message, retryable=retryable, retry_after=error.retry_after) from None
            return CallSignIn("Authorization", f"Bearer {token}", (token,), token)
        if auth.basic is not None:
            encoded = _encode(auth.basic.user, auth.basic.password)
            return CallSignIn("Authorization", f"Basic {encoded}", (encoded,))
        if auth.header is not None:
            return CallSignIn(auth.header.name, auth.header.value, (auth.header.value,))
        return CallSignIn("Authorization", f"Bearer {auth.bearer}", (str(auth.bearer),))

    async def _token(
        self, client: OAuthClient, seconds: float, redact: Callable[[str], str], *, refused: str | None
    ) -> str:
        secret = hashlib.sha256(client.client_secret.encode()).hexdigest()
        key = (client.token_url, client.client_id, secret, client.scope or "", client.client_auth)
        kept, ends_at = self._tokens.setdefault(key, _Token()), self._clock() + seconds
        await _acquire(kept.lock, seconds)  # calls at the same time ask for one token
        try:
            if kept.text == refused or kept.until <= self._clock():
                began = self._clock()
                answer = await self._ask(client, ends_at - began, redact)
                kept.text, kept.until = _read_token(answer, began)
        finally:
            kept.lock.release()
        while len(self._tokens) > _MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return kept.text

    async def _ask(self, client: OAuthClient, seconds: float, redact: Callable[[str], str]) -> Value:
        target = self._client.guard.check("POST", client.token_url)
        if sends_in_the_clear(client.token_url):
            raise StepError(f"{target.call} was not sent: `auth` goes over https only, except to a local host")
        headers = CIMultiDict({"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"})
        hidden = CallSignIn()
        if client.client_auth == "basic":
            # RFC 6749, 2.3.1: both are encoded as in a form before they are put together.
            encoded = _encode(quote_plus(client.client_id), quote_plus(client.client_secret))
            hidden = CallSignIn("Authorization", f"Basic {encoded}", (encoded,))
        hidden.add_to(headers)
        call = HttpCall(
            method="POST",
            target=target,
            url=target.url,
            headers=headers,
            body=io.BytesIO(urlencode([*_fields(client)]).encode()),
            accepts=lambda status: status == 200,
            redact=hidden.hide(redact),
        )
        async with self._client.open(call, seconds) as answer:
            body = await self._client.read(call, answer)
            try:
                return http_response.parse(answer, body)
            except InvalidValue:
                raise StepError(f"{target.call} answered something that is no token") from None


async def _acquire(lock: asyncio.Lock, seconds: float) -> None:
    """Take the lock. Raises `StepError` if the time is over first: then it is known that nothing was sent."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await lock.acquire()
    except TimeoutError:
        raise StepError("there was no time left", retryable=True) from None


def _fields(client: OAuthClient) -> Iterator[tuple[str, str]]:
    yield "grant_type", "client_credentials"
    if client.scope:
        yield "scope", client.scope
    if client.client_auth == "body":
        yield "client_id", client.client_id
        yield "client_secret", client.client_secret


def _read_token(answer: Value, now: float) -> tuple[str, float]:
    """Return the token of an answer (RFC 6749, 5.1), and until when it is used."""
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(token, str) or not token:
        raise StepError("the token server answered without an `access_token`")
    kind = answer.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise StepError("the token server answered a token that is no bearer token")
    try:
        url_guard.check_header("Authorization", token)
    except InvalidValue:
        raise StepError("the token server answered a token that fits into no header") from None
    return token, now + _lifetime(answer.get("expires_in"))


def _lifetime(seconds: Value) -> float:
    """Return how long a token is used. A short-lived one is used for half of its time, as the clock goes on."""
    try:
        known = Decimal(seconds) if isinstance(seconds, int | str | Decimal) and seconds is not True else None
    except InvalidOperation:
        known = None
    if known is None or not known.is_finite() or known <= 0:
        return _UNKNOWN_EXPIRY
    whole = float(min(known, Decimal(86_400)))
    return max(whole - _UNTIL_EXPIRY, whole / 2)


def _encode(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
