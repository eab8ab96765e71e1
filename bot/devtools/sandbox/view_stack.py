"""Modals and Home tabs: opening, pushing, updating, and applying an app's response to a submission."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import check
from bot.devtools.sandbox.errors import ApiError, bad_arguments
from bot.devtools.sandbox.inputs import initial_state
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.messages import add_ids
from bot.devtools.sandbox.world import InstalledApp, View, World

_ACTIONS: Final = frozenset({"errors", "update", "push", "clear"})


def top(world: World, user: str) -> View | None:
    """Return the front modal of a person."""
    stack = world.stacks.get(user)
    return world.views[stack[-1]] if stack else None


def check_modal(payload: Any, app: InstalledApp) -> Json:
    """Check and return a modal."""
    return check.require_view(payload, kinds=("modal",), scopes=app.scopes)


def open_(world: World, *, app: InstalledApp, user: str, payload: Json) -> View:
    """Open a first modal. An open one is replaced, because Slack shows one stack at a time."""
    _check_external_id(world, payload)
    close_all(world, user)
    return _show(world, app=app, user=user, payload=payload)


def push(world: World, *, app: InstalledApp, user: str, payload: Json) -> View:
    """Push a modal on the stack. Raises `push_limit_reached`, or `not_found` if no modal is open."""
    stack = world.stacks.get(user)
    if not stack:
        raise ApiError("not_found")
    if len(stack) >= limits.VIEW_STACK:
        raise ApiError("push_limit_reached")
    _check_external_id(world, payload)
    return _show(world, app=app, user=user, payload=payload)


def _show(world: World, *, app: InstalledApp, user: str, payload: Json) -> View:
    stack = world.stacks.setdefault(user, [])
    name = world.new_id("V")
    view = View(
        id=name,
        app_id=app.id,
        user=user,
        payload={},
        hash="",
        root=stack[0] if stack else name,
        previous=stack[-1] if stack else None,
    )
    _fill(world, view, payload)
    world.views[name] = view
    stack.append(name)
    return view


def _fill(world: World, view: View, payload: Json) -> None:
    """Replace the content. Typed values stay where block_id and action_id are the same."""
    view.payload = {**payload, "blocks": add_ids(world, payload["blocks"])}
    fresh = initial_state(view.payload["blocks"])
    for block, actions in fresh.items():
        for action, value in actions.items():
            typed = view.state.get(block, {}).get(action)
            if typed is not None and typed["type"] == value["type"]:
                actions[action] = typed
    view.state = fresh
    view.errors = {}
    digest = hashlib.sha256(f"{view.id}{world.count('hash')}".encode()).hexdigest()[:8]
    view.hash = f"{int(world.time.seconds)}.{digest}"


def _check_external_id(world: World, payload: Json, *, but: str | None = None) -> None:
    wanted = payload.get("external_id")
    taken = (
        view
        for view in world.views.values()
        if wanted and view.payload.get("external_id") == wanted and not view.closed
    )
    if any(item.id != but for item in taken):
        raise ApiError("duplicate_external_id")


def find(world: World, *, app: InstalledApp, view_id: str | None, external_id: str | None) -> View:
    """Return an open view of the app. Raises `not_found`."""
    for view in world.views.values():
        named = view.id == view_id if view_id else view.payload.get("external_id") == external_id
        if named and view.app_id == app.id and not view.closed:
            return view
    raise ApiError("not_found")


def update(world: World, view: View, *, payload: Json, known_hash: str | None) -> None:
    """Update a view. `known_hash`: the hash that the app knows. Raises `hash_conflict`."""
    if known_hash is not None and known_hash != view.hash:
        raise ApiError("hash_conflict")
    if payload["type"] != view.payload["type"]:
        raise bad_arguments(["view type cannot change [json-pointer:/view/type]"])
    _check_external_id(world, payload, but=view.id)
    _fill(world, view, payload)


def publish(world: World, *, app: InstalledApp, user: str, payload: Json, known_hash: str | None) -> View:
    """Publish the Home tab of the app for one person."""
    key = (app.id, user)
    if key in world.homes:
        view = world.views[world.homes[key]]
        update(world, view, payload=payload, known_hash=known_hash)
        return view
    if known_hash is not None:
        raise ApiError("hash_conflict")
    _check_external_id(world, payload)
    name = world.new_id("V")
    view = View(id=name, app_id=app.id, user=user, payload={}, hash="", root=name)
    _fill(world, view, payload)
    world.views[name] = view
    world.homes[key] = name
    return view


def close_top(world: World, user: str) -> View | None:
    """Close the front modal, and show the one below."""
    stack = world.stacks.get(user)
    if not stack:
        return None
    view = world.views[stack.pop()]
    view.closed = True
    return view


def close_all(world: World, user: str) -> list[View]:
    """Close all modals, the front one first."""
    closed = []
    while (view := close_top(world, user)) is not None:
        closed.append(view)
    return closed


def apply_response(world: World, view: View, *, response: Any) -> None:
    """Apply the body of the app's acknowledgement (surfaces/modals#response_actions). Raises `ApiError`."""
    if not response:
        if view.id in world.stacks.get(view.user, []):
            close_top(world, view.user)
        return
    app = world.apps[view.app_id]
    action = response.get("response_action") if isinstance(response, dict) else None
    if action not in _ACTIONS:
        raise ApiError("invalid_response_action")
    if action == "errors":
        view.errors = _check_errors(view, response.get("errors"))
    elif action == "clear":
        close_all(world, view.user)
    elif action == "push":
        push(world, app=app, user=view.user, payload=check_modal(response.get("view"), app))
    else:
        update(world, view, payload=check_modal(response.get("view"), app), known_hash=None)


def _check_errors(view: View, errors: Any) -> dict[str, str]:
    """Return the errors. They must name input blocks of the view, else Slack shows a general failure."""
    inputs = {block["block_id"] for block in view.payload["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise ApiError("invalid_response_action_errors")
    if not all(isinstance(text, str) and text for text in errors.values()):
        raise ApiError("invalid_response_action_errors")
    return dict(errors)
