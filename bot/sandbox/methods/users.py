"""users.*"""

from __future__ import annotations

from bot.sandbox import render
from bot.sandbox.errors import SlackError
from bot.sandbox.jsontypes import Json
from bot.sandbox.methods.registry import Call, method, page
from bot.sandbox.world import User


def _user(call: Call, one: User) -> Json:
    return render.user(call.world, one, email="users:read.email" in call.app.scopes)


@method("users.info", tier=4, scopes=("users:read",))
def info(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.info"""
    user = call.world.users.get(call.arguments.required("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": _user(call, user)}


@method("users.list", tier=2, scopes=("users:read",))
def list_(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.list"""
    found = page([_user(call, one) for one in call.world.users.values()], call, key="members")
    return {**found, "cache_ts": int(call.slack.time.seconds)}


@method("users.lookupByEmail", tier=3, scopes=("users:read.email",))
def lookup_by_email(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/users.lookupByEmail: not found is `users_not_found`, in the plural"""
    email = call.arguments.required("email").lower()
    for one in call.world.users.values():
        if one.email.lower() == email and not one.deleted:
            return {"user": _user(call, one)}
    raise SlackError("users_not_found")
