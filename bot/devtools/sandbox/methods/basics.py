"""auth.*, api.*, apps.*, team.*, bots.*, blocks.validate."""

from __future__ import annotations

from typing import Any

from bot.devtools.sandbox import render
from bot.devtools.sandbox.blocks import check
from bot.devtools.sandbox.blocks.rules import RuleViolation
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method
from bot.devtools.sandbox.rates import SPECIAL


@method("api.test", tier=4, by="anyone")
def api_test(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/api.test"""
    values = {name: value for name, value in call.arguments.values.items() if name != "token"}
    if error := call.arguments.text("error"):
        raise ApiError(error, args=values)
    return {"args": values}


@method("auth.test", tier=SPECIAL)
def auth_test(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/auth.test"""
    team, bot = call.world.team, call.world.users[call.app.bot_user]
    return {
        "url": f"{call.slack.base_url}/",
        "team": team.name,
        "user": bot.name,
        "team_id": team.id,
        "user_id": bot.id,
        "bot_id": call.app.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", tier=1, by="app")
def connections_open(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/apps.connections.open"""
    if not call.arguments.token_in_header:
        raise ApiError("not_authed")
    if not call.app.socket_mode:
        raise ApiError("forbidden")
    ticket = call.slack.sockets.ticket(call.app)
    base = call.slack.base_url.replace("http://", "ws://")
    return {"url": f"{base}/link/?ticket={ticket}&app_id={call.app.id}"}


@method("team.info", tier=3, scopes=("team:read",))
def team_info(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/team.info"""
    team = call.world.team
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}}


@method("bots.info", tier=3, scopes=("users:read",))
def bots_info(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/bots.info"""
    name = call.arguments.text("bot")
    app = next((app for app in call.world.apps.values() if app.bot_id == name), None)
    if app is None:
        raise ApiError("bot_not_found")
    profile = render.bot_profile(call.world, app)
    return {"bot": {key: value for key, value in profile.items() if key != "team_id"}}


@method("blocks.validate", tier=SPECIAL)
def blocks_validate(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/blocks.validate"""
    payloads = {
        name: call.arguments.values[name] for name in ("blocks", "message", "view") if name in call.arguments.values
    }
    if len(payloads) != 1:
        raise ApiError("invalid_arguments")
    kind, value = next(iter(payloads.items()))
    problems = _problems(kind, value)
    if problems:
        errors = [
            {"pointer": problem.pointer, "code": "failed_constraint", "message": problem.sentence}
            for problem in problems
        ]
        raise ApiError(f"invalid_{kind}", errors=errors)
    return {}


def _problems(kind: str, value: Any) -> list[RuleViolation]:
    if kind == "blocks":
        return check.check_blocks(value, surface="message", at="").problems
    if not isinstance(value, dict):
        return [RuleViolation("", "must provide an object")]
    if kind == "message":
        return check.check_blocks(value.get("blocks", []), surface="message").problems
    if value.get("type") not in ("modal", "home"):
        return [RuleViolation("/type", "must be a valid enum value")]
    return check.check_view(value, kind=value["type"]).problems
