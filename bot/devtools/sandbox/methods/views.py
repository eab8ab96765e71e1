"""views.*"""

from __future__ import annotations

from typing import Final

from bot.devtools.sandbox import render, view_stack
from bot.devtools.sandbox.blocks import check
from bot.devtools.sandbox.errors import ApiError, bad_arguments
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method

_INVALID_TRIGGER: Final = "invalid `trigger_id` [json-pointer:/trigger_id]"


def _trigger(call: Call) -> str:
    """Return the trigger id. Slack refuses other texts as an argument before it looks for the trigger."""
    name = call.arguments.required("trigger_id")
    if name.count(".") != 2:
        raise bad_arguments([_INVALID_TRIGGER])
    return name


@method("views.open", tier=4)
def open_(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/views.open"""
    name = _trigger(call)
    payload = view_stack.check_modal(call.arguments.values.get("view"), call.app)
    trigger = call.slack.triggers.find(name, app_id=call.app.id)
    view = view_stack.open_(call.world, app=call.app, user=trigger.user, payload=payload)
    trigger.used = True
    return {"view": render.view(call.world, view)}


@method("views.push", tier=4)
def push(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/views.push: the trigger must come from a modal that is open"""
    name = _trigger(call)
    payload = view_stack.check_modal(call.arguments.values.get("view"), call.app)
    trigger = call.slack.triggers.find(name, app_id=call.app.id)
    if trigger.view is None or call.world.views[trigger.view].closed:
        # The error for a trigger from elsewhere is undocumented; `not_found` is listed as "the requested view".
        raise ApiError("not_found")
    view = view_stack.push(call.world, app=call.app, user=trigger.user, payload=payload)
    trigger.used = True
    return {"view": render.view(call.world, view)}


@method("views.update", tier=4)
def update(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/views.update"""
    view_id, external_id = call.arguments.text("view_id"), call.arguments.text("external_id")
    if view_id is None and external_id is None:
        raise bad_arguments(["missing required field: view_id"])
    payload = check.require_view(call.arguments.values.get("view"), kinds=("modal", "home"), scopes=call.app.scopes)
    view = view_stack.find(call.world, app=call.app, view_id=view_id, external_id=external_id)
    view_stack.update(call.world, view, payload=payload, known_hash=call.arguments.text("hash"))
    return {"view": render.view(call.world, view)}


@method("views.publish", tier=4)
def publish(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/views.publish"""
    if not call.app.home_tab:
        raise ApiError("not_enabled")
    user = call.world.users.get(call.arguments.required("user_id"))
    payload = check.require_view(call.arguments.values.get("view"), kinds=("home",), scopes=call.app.scopes)
    if user is None or user.is_bot or user.deleted:
        # Undocumented which error: the reference has invalid_arguments for a user who cannot have a Home tab.
        raise bad_arguments(["invalid `user_id` [json-pointer:/user_id]"])
    known_hash = call.arguments.text("hash")
    view = view_stack.publish(call.world, app=call.app, user=user.id, payload=payload, known_hash=known_hash)
    return {"view": render.view(call.world, view)}
