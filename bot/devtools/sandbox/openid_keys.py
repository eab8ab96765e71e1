"""The state of the sandbox as an identity provider: its keys, the codes it gave, and the next faults of its tokens."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import RSAKey

from bot.devtools.sandbox.jsontypes import Json

ALGORITHM: Final = "RS256"
_KEY_BITS: Final = 2048


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A code that was given to a person's browser. It works once, within ten minutes."""

    user: str
    client_id: str
    redirect_uri: str
    nonce: str | None
    challenge: str | None
    at: float


@dataclass(kw_only=True)
class OpenIdState:
    """`claims`: claims of the next token that replace its own; None leaves one out.

    `forged`: a key that is not published signs the next token. `proves_client`: whether PKCE is announced and required.
    """

    grants: dict[str, Grant] = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    forged: bool = False
    proves_client: bool = True
    _keys: list[RSAKey] = field(default_factory=list)

    def key(self) -> RSAKey:
        """Return the key that signs now. It is made when it is first needed, because that takes a while."""
        if not self._keys:
            self.rotate()
        return self._keys[-1]

    def rotate(self) -> None:
        """Sign with a new key from now on. Only the new key is published."""
        kid = f"sandbox-{len(self._keys) + 1}"
        self._keys.append(_new_key(kid) if self._keys else _first_key(kid))

    def key_set(self) -> Json:
        """Return the published keys."""
        return {"keys": [self.key().as_dict(private=False)]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims, as the armed faults want it, and use the faults up."""
        changed = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        key = self.key()
        signer = _new_key(str(key.kid)) if self.forged else key
        self.claims, self.forged = {}, False
        return jwt.encode({"alg": ALGORITHM, "kid": str(key.kid)}, changed, signer)


@lru_cache(1)
def _first_key(kid: str) -> RSAKey:
    """Return the first key of every sandbox of this process: making one takes as long as a sandbox does to start."""
    return _new_key(kid)


def _new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(_KEY_BITS, {"kid": kid, "use": "sig", "alg": ALGORITHM})


def half_hash(text: str) -> str:
    """Return the left half of the hash of an access token, as ID tokens have it."""
    return _encode(hashlib.sha256(text.encode()).digest()[:16])


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636)."""
    return _encode(hashlib.sha256(verifier.encode()).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
