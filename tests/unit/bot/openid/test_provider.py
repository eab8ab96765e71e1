"""What an identity provider publishes, read without trust."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from bot.openid.errors import ProviderUnavailable
from bot.openid.id_token import Workspace
from bot.openid.provider import DISCOVERY, ClientCredentials, IdentityProvider
from engine.domain import SignInStart
from tests.support.fakes import FakeClock

KEY: Final = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"})
START: Final = SignInStart(state="s" * 43, nonce="n" * 43, verifier="v" * 43)


class Publisher:
    """A provider that answers each address with what a test sets."""

    def __init__(self) -> None:
        self.url = ""
        self.changes: dict[str, Any] = {}
        self.keys: Any = {"keys": []}
        self.status = 200
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.status == 302:
            raise web.HTTPFound("https://elsewhere.example/token")
        document = self.keys if request.path == "/keys" else self.document
        return web.Response(status=self.status, text=json.dumps(document), content_type="application/json")

    @property
    def document(self) -> Any:
        usual = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?x=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return {**usual, **self.changes}


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    application = web.Application()
    application.add_routes([web.route("*", "/{rest:.*}", publisher.answer)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    publisher.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield publisher
    await runner.cleanup()


@pytest.fixture
async def provider(publisher: Publisher) -> AsyncIterator[IdentityProvider]:
    async def workspace() -> Workspace | None:
        return Workspace(team="T1")

    credentials = ClientCredentials(
        issuer=publisher.url, client_id="1.2", client_secret="shh", redirect_url="https://s.example/signed-in"
    )
    async with aiohttp.ClientSession() as session:
        yield IdentityProvider(credentials, session, FakeClock(), workspace)


async def test_people_are_sent_without_pkce_where_the_provider_has_none(
    provider: IdentityProvider, publisher: Publisher
) -> None:
    url = await provider.authorization_url(START)
    assert url.startswith(f"{publisher.url}/authorize?x=1&")
    assert "code_challenge" not in url
    assert "shh" not in url
    await provider.authorization_url(START)
    assert publisher.asked == [DISCOVERY], "what a provider publishes is kept for a while"


UNSAFE: Final[dict[str, Callable[[Publisher], object]]] = {
    "another provider": lambda publisher: publisher.changes.update(issuer="https://elsewhere.example"),
    "no address": lambda publisher: publisher.changes.update(token_endpoint=None),
    "an address without encryption": lambda publisher: publisher.changes.update(token_endpoint="http://a.example/t"),
    "a script as the address": lambda publisher: publisher.changes.update(authorization_endpoint="javascript:alert(1)"),
    "no host": lambda publisher: publisher.changes.update(jwks_uri="https://"),
    "an address that is none": lambda publisher: publisher.changes.update(jwks_uri="https://["),
    "a list as the address": lambda publisher: publisher.changes.update(jwks_uri=[1]),
    "keys that are no object": lambda publisher: setattr(publisher, "keys", [1]),
    "a key that cannot be read": lambda publisher: setattr(publisher, "keys", {"keys": [{"kty": "RSA", "n": 5}]}),
    "a redirect": lambda publisher: setattr(publisher, "status", 302),
    "an error": lambda publisher: setattr(publisher, "status", 500),
    "too many calls": lambda publisher: setattr(publisher, "status", 429),
    "not found": lambda publisher: setattr(publisher, "status", 404),
}


@pytest.mark.parametrize("change", UNSAFE.values(), ids=UNSAFE)
async def test_a_provider_that_cannot_be_trusted_is_not_used(
    provider: IdentityProvider, publisher: Publisher, change: Callable[[Publisher], object]
) -> None:
    change(publisher)
    with pytest.raises(ProviderUnavailable) as refusal:
        await provider.check()
    assert str(refusal.value).endswith(".")


async def test_keys_for_other_uses_are_left_out(provider: IdentityProvider, publisher: Publisher) -> None:
    publisher.keys = {
        "keys": ["junk", {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "use": "enc"}, KEY.as_dict(private=False)]
    }
    await provider.check()
    assert publisher.asked == [DISCOVERY, "/keys", "/token"]
