"""usergroups.*"""

from __future__ import annotations

from bot.devtools.sandbox import render
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method


def _on_this_plan(call: Call) -> None:
    if not call.world.team.has_usergroups:
        raise ApiError("plan_upgrade_required")


@method("usergroups.list", tier=2, scopes=("usergroups:read",))
def list_(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/usergroups.list"""
    _on_this_plan(call)
    disabled = call.arguments.flag("include_disabled")
    users, count = call.arguments.flag("include_users"), call.arguments.flag("include_count")
    return {
        "usergroups": [
            render.usergroup(call.world, group, users=users, count=count)
            for group in call.world.usergroups.values()
            if disabled or not group.disabled
        ]
    }


@method("usergroups.users.list", tier=2, scopes=("usergroups:read",))
def users_list(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/usergroups.users.list"""
    _on_this_plan(call)
    group = call.world.usergroups.get(call.arguments.required("usergroup"))
    if group is None or (group.disabled and not call.arguments.flag("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}
