"""users.*"""

from __future__ import annotations

from typing import Final

from bot.devtools.sandbox import render
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method, page
from bot.devtools.sandbox.world import User


def _user_json(call: Call, user: User) -> Json:
    return render.user(call.world, user, email="users:read.email" in call.app.scopes)


@method("users.info", tier=4, scopes=("users:read",))
def info(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.info"""
    user = call.world.users.get(call.arguments.required("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": _user_json(call, user)}


@method("users.list", tier=2, scopes=("users:read",))
def list_(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.list"""
    users_page = page([_user_json(call, user) for user in call.world.users.values()], call, key="members")
    return {**users_page, "cache_ts": int(call.slack.time.seconds)}


_KINDS: Final = {"public_channel": ("channel", "channels:read"), "private_channel": ("private", "groups:read")}
"""The kinds of conversations in arguments, with the scope of each."""


@method("users.conversations", tier=3, scopes=("channels:read", "groups:read"))
def conversations(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.conversations: those that the app itself is in"""
    kinds = set[str]()
    for name in (call.arguments.text("types") or "public_channel").split(","):
        if name.strip() not in _KINDS:
            raise ApiError("invalid_types")
        kind, scope = _KINDS[name.strip()]
        call.need(scope)
        kinds.add(kind)
    live = not call.arguments.flag("exclude_archived")
    channels = [
        render.channel(call.world, channel, app=call.app)
        for channel in call.world.channels.values()
        if channel.kind in kinds and call.app.bot_user in channel.members and (live or not channel.is_archived)
    ]
    return page(channels, call, key="channels", most=1000)


@method("users.lookupByEmail", tier=3, scopes=("users:read.email",))
def lookup_by_email(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.lookupByEmail: not found is `users_not_found`, in the plural"""
    email = call.arguments.required("email").lower()
    for user in call.world.users.values():
        if user.email.lower() == email and not user.deleted:
            return {"user": _user_json(call, user)}
    raise ApiError("users_not_found")
