"""openid.connect.*"""

from __future__ import annotations

import hmac
from typing import Final

from bot.devtools.sandbox import openid_keys
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method
from bot.devtools.sandbox.openid_keys import Grant

_CODE_SECONDS: Final = 600
_TOKEN_SECONDS: Final = 300


@method("openid.connect.token", tier=4, by="anyone")
def token(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/openid.connect.token"""
    app, arguments = call.app, call.arguments
    if arguments.text("client_id") != app.client_id:
        raise ApiError("invalid_client_id")
    if not hmac.compare_digest(arguments.text("client_secret") or "", app.client_secret):
        raise ApiError("bad_client_secret")
    if arguments.text("grant_type") not in (None, "authorization_code"):
        raise ApiError("invalid_grant_type")
    grant = call.slack.openid.grants.pop(arguments.text("code") or "", None)
    if grant is None or call.slack.time.seconds > grant.at + _CODE_SECONDS:
        raise ApiError("invalid_code")
    if arguments.text("redirect_uri") != grant.redirect_uri:
        raise ApiError("bad_redirect_uri")
    if grant.challenge is not None and grant.challenge != openid_keys.challenge_of(
        arguments.text("code_verifier") or ""
    ):
        raise ApiError("invalid_code_verifier")
    access_token = f"xoxp-{call.world.new_id('T')}"
    claims = _claims(call, grant, access_token)
    return {"access_token": access_token, "token_type": "Bearer", "id_token": call.slack.openid.sign(claims)}


def _claims(call: Call, grant: Grant, access_token: str) -> Json:
    """Return the claims of an ID token (https://docs.slack.dev/authentication/sign-in-with-slack)."""
    user, team = call.world.users[grant.user], call.world.team
    now = int(call.slack.time.now().timestamp())
    return {
        "iss": call.slack.base_url,
        "sub": user.id,
        "aud": grant.client_id,
        "exp": now + _TOKEN_SECONDS,
        "iat": now,
        "auth_time": now,
        "nonce": grant.nonce,
        "at_hash": openid_keys.half_hash(access_token),
        "https://slack.com/team_id": team.id,
        "https://slack.com/user_id": user.id,
        "https://slack.com/team_name": team.name,
        "https://slack.com/team_domain": team.domain,
        "email": user.email,
        "email_verified": True,
        "name": user.real_name,
        "locale": "en-US",
    }
