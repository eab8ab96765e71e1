"""ID tokens: what they have to say, and that nothing else gets through."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from bot.openid import id_token
from bot.openid.errors import TokenRefused, UnknownKey
from bot.openid.id_token import Expectation, SignedInAccount, Workspace
from tests.support.fakes import START

ISSUER, CLIENT, TEAM = "https://slack.com", "1.2", "T0TEAM"
EXPECTED: Final = Expectation(issuer=ISSUER, client_id=CLIENT, nonce="n" * 43)
WORKSPACE: Final = Workspace(team=TEAM)
KEY: Final = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})
KEYS: Final = KeySet([KEY])
NOW: Final = int(START.timestamp())
CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER,
    "sub": "U0ADA",
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": EXPECTED.nonce,
    "https://slack.com/team_id": TEAM,
    "https://slack.com/user_id": "U0ADA",
    "name": "Ada",
}


def token_of(claims: dict[str, Any], *, key: Any = KEY, **header: Any) -> str:
    return jwt.encode(
        {"alg": "ES256", "kid": "k1", **header}, claims, key, algorithms=["ES256", "RS256", "HS256", "none"]
    )


def read(token: object, *, expected: Expectation = EXPECTED, workspace: Workspace = WORKSPACE) -> SignedInAccount:
    return id_token.read(token, KEYS, expected, workspace=workspace, now=START)


def test_a_token_of_slack_names_the_account() -> None:
    assert read(token_of(CLAIMS)) == SignedInAccount(id="U0ADA", name="Ada")
    without_name = {name: value for name, value in CLAIMS.items() if name not in ("name", "https://slack.com/user_id")}
    assert read(token_of(without_name)) == SignedInAccount(id="U0ADA", name="")
    assert read(token_of({**CLAIMS, "aud": [CLIENT]})).id == "U0ADA"
    assert read(token_of({**CLAIMS, "name": "A" * 1000})).name == "A" * 200


def test_in_a_whole_organisation_the_organisation_counts() -> None:
    everywhere = Workspace(team=TEAM, enterprise="E0ORG")
    member = {**CLAIMS, "https://slack.com/team_id": "T0OTHER", "https://slack.com/enterprise_id": "E0ORG"}
    assert read(token_of(member), workspace=everywhere).id == "U0ADA"
    with pytest.raises(TokenRefused, match="another organisation"):
        read(token_of(CLAIMS), workspace=everywhere)


def test_a_key_that_is_not_known_may_be_a_new_one() -> None:
    with pytest.raises(UnknownKey):
        read(token_of(CLAIMS, kid="k2", key=ECKey.generate_key("P-256", {"kid": "k2"})))


def test_the_access_token_is_the_one_that_came_along() -> None:
    hashed = "77QmUPtjPfzWtF2AnpK9RQ"  # of `jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y`, in the specification
    of_the_specification = Expectation(
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=EXPECTED.nonce,
        access_token="jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
    )
    assert read(token_of({**CLAIMS, "at_hash": hashed}), expected=of_the_specification).id == "U0ADA"
    with pytest.raises(TokenRefused, match="at_hash"):
        read(token_of({**CLAIMS, "at_hash": hashed[::-1]}), expected=of_the_specification)


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token without a signature, as libraries once accepted it."""
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "kid": "k1"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def shared_secret(claims: dict[str, Any]) -> str:
    """Return a token that is signed with the public key as if it were a secret."""
    public = json.dumps(KEY.as_dict(private=False))
    return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(public), algorithms=["HS256"])


@pytest.mark.parametrize(
    "token",
    [
        None,
        5,
        "",
        "a.b.c",
        "é",
        "a" * 20_001,
        unsigned(CLAIMS),
        shared_secret(CLAIMS),
        token_of(CLAIMS)[:-4] + "AAAA",
        token_of(CLAIMS, key=ECKey.generate_key("P-256", {"kid": "k1"})),
        token_of(CLAIMS, key=RSAKey.generate_key(2048, {"kid": "k1"}), alg="RS256"),
    ],
    ids=[
        "none",
        "number",
        "empty",
        "junk",
        "not ascii",
        "long",
        "unsigned",
        "shared",
        "changed",
        "forged",
        "other kind",
    ],
)
def test_a_token_that_the_provider_did_not_sign_is_refused(token: object) -> None:
    with pytest.raises((TokenRefused, UnknownKey)):
        read(token)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["iss", "aud", "exp", "iat", "nonce", "https://slack.com/team_id", "azp", "nbf", "amr"]), JSON)
def test_a_signed_token_with_any_other_claim_is_refused_or_the_same(claim: str, value: Any) -> None:
    try:
        token = token_of({**CLAIMS, claim: value})
    except (ValueError, TypeError, OverflowError):
        return
    try:
        account = read(token)
    except TokenRefused:
        return
    assert account.id == "U0ADA"
    assert claim in ("azp", "nbf", "amr", "iat", "exp") or value in (CLAIMS[claim], [CLIENT])


@pytest.mark.parametrize("seconds", [-61, 61, -3600, 3600])
def test_a_clock_that_is_off_by_more_than_a_minute_refuses(seconds: int) -> None:
    claims = {**CLAIMS, "exp": NOW + seconds} if seconds < 0 else {**CLAIMS, "iat": NOW + seconds}
    with pytest.raises(TokenRefused):
        read(token_of(claims))
