"""ID tokens: the signed statement of an identity provider about who signed in. Pure.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
https://docs.slack.dev/authentication/sign-in-with-slack
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from bot.openid.errors import TokenRefused, UnknownKey

CLOCK_SKEW: Final = 60
"""How far the clock of the provider may differ from ours, in seconds."""
_ALGORITHMS: Final = ("RS256", "ES256")
"""Signatures with a key pair only: with a shared secret, this server could be made to vouch for itself."""
_TEAM: Final = "https://slack.com/team_id"
_ENTERPRISE: Final = "https://slack.com/enterprise_id"
_USER: Final = "https://slack.com/user_id"
_LONGEST: Final = 20_000
"""Maximum length of an ID token, in characters. Slack's have about 1,500."""
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The workspace whose people may sign in. `enterprise`: the organisation, if the app is installed in all of it."""

    team: str
    enterprise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a token has to say: who made it, for which app, and for which sign-in."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInAccount:
    """The account that signed in. `name`: of its person, as the provider knows it."""

    id: str
    name: str


def read(token: object, keys: KeySet, expected: Expectation, *, workspace: Workspace, now: datetime) -> SignedInAccount:
    """Return the account that a token vouches for. Raises `TokenRefused`, or `UnknownKey` if other keys may help."""
    claims = _validated(_verified(token, keys), expected, now)
    _check_workspace(claims, workspace)
    account = claims.get(_USER) or claims.get("sub")
    if not isinstance(account, str) or not account:
        raise TokenRefused("it names no account")
    name = claims.get("name")
    return SignedInAccount(id=account, name=name[:_LONGEST_NAME] if isinstance(name, str) else "")


def _verified(token: object, keys: KeySet) -> jwt.Token:
    """Return the token if one of the keys signed it."""
    if not isinstance(token, str) or not token.isascii() or len(token) > _LONGEST:
        raise TokenRefused("it is missing or cannot be read")
    try:
        return jwt.decode(token, keys, algorithms=_ALGORITHMS)
    except InvalidKeyIdError:
        raise UnknownKey("the key that signed it is not known") from None
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenRefused(f"its signature cannot be checked ({type(error).__name__})") from None


def _validated(token: jwt.Token, expected: Expectation, now: datetime) -> Mapping[str, Any]:
    """Return the claims of a token that was made for this sign-in and is still valid."""
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "exp": {"essential": True},
            "nonce": {"essential": True, "value": expected.nonce},
        },
        params={
            "nonce": expected.nonce,
            "client_id": expected.client_id,
            "access_token": expected.access_token,
        },
    )
    try:
        claims.validate(now=int(now.timestamp()), leeway=CLOCK_SKEW)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        claim = getattr(error, "claim", None) or getattr(error, "claim_name", None) or type(error).__name__
        raise TokenRefused(f"its claim {claim} is not the one that was expected") from None
    return dict(claims)


def _check_workspace(claims: Mapping[str, Any], workspace: Workspace) -> None:
    if workspace.enterprise:
        if claims.get(_ENTERPRISE) != workspace.enterprise:
            raise TokenRefused("its account belongs to another organisation")
    elif claims.get(_TEAM) != workspace.team:
        raise TokenRefused("its account belongs to another workspace")
