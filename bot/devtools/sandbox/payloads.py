"""Payloads of interactions and events, in Slack's shapes.

https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

import copy
from typing import Any

from bot.devtools.sandbox import render
from bot.devtools.sandbox.inputs import State
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import Conversation, InstalledApp, Message, User, View


def _common(slack: SlackSandbox, app: InstalledApp, user: User) -> Json:
    team = slack.world.team
    return {
        "team": {"id": team.id, "domain": team.domain},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": team.id},
        "api_app_id": app.id,
        "token": app.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def channel_name(channel: Conversation) -> str:
    """Return the name of a conversation in interactions: only public channels have their own."""
    return {"im": "directmessage", "private": "privategroup"}.get(channel.kind, channel.name)


def message_action(
    slack: SlackSandbox, *, user: User, message: Message, shown_message: Json, action: Json, state: State
) -> Json:
    """Return `block_actions` of a message. `shown`: the message as the person saw it."""
    app = slack.world.apps[message.app_id or ""]
    channel = slack.world.channels[message.channel]
    ephemeral = message.seen_by is not None
    path = slack.response_urls.issue(app=app, user=user.id, channel=channel.id, ts=message.ts)
    body: Json = {
        "type": "block_actions",
        **_common(slack, app, user),
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": ephemeral,
        },
        "trigger_id": slack.triggers.issue(app_id=app.id, user=user.id),
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "state": {"values": copy.deepcopy(state)},
        "response_url": slack.base_url + path,
        "actions": [action],
    }
    if message.thread_ts is not None:
        body["container"]["thread_ts"] = message.thread_ts
    if not ephemeral:  # Slack does not send back the content of ephemeral messages
        body["message"] = shown_message
    return body


def view_action(slack: SlackSandbox, *, user: User, view: View, action: Json) -> Json:
    """Return `block_actions` of a modal or of App Home."""
    app = slack.world.apps[view.app_id]
    modal_id = view.id if view.payload["type"] == "modal" else None
    return {
        "type": "block_actions",
        **_common(slack, app, user),
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": slack.triggers.issue(app_id=app.id, user=user.id, view=modal_id),
        "view": render.view(slack.world, view),
        "actions": [action],
    }


def submission(slack: SlackSandbox, *, user: User, view: View) -> Json:
    """Return `view_submission`."""
    app = slack.world.apps[view.app_id]
    return {
        "type": "view_submission",
        **_common(slack, app, user),
        "trigger_id": slack.triggers.issue(app_id=app.id, user=user.id, view=view.id),
        "view": render.view(slack.world, view),
        "response_urls": [],
    }


def closed(slack: SlackSandbox, *, user: User, view: View, cleared: bool) -> Json:
    """Return `view_closed`. What was entered is not in it: Slack sends no entries of a view that is closed."""
    app = slack.world.apps[view.app_id]
    return {
        "type": "view_closed",
        **_common(slack, app, user),
        "view": {**render.view(slack.world, view), "state": {"values": {}}},
        "is_cleared": cleared,
    }


def suggestion(slack: SlackSandbox, *, user: User, view: View, block_id: str, action_id: str, typed: str) -> Json:
    """Return `block_suggestion`, which asks for options of an external select in a view."""
    app = slack.world.apps[view.app_id]
    return {
        "type": "block_suggestion",
        **_common(slack, app, user),
        "container": {"type": "view", "view_id": view.id},
        "view": render.view(slack.world, view),
        "block_id": block_id,
        "action_id": action_id,
        "value": typed,
    }


def shortcut(slack: SlackSandbox, *, app: InstalledApp, user: User, callback_id: str, message: Message | None) -> Json:
    """Return a global shortcut, or one on a message (`message_action`)."""
    body: Json = {
        "type": "shortcut" if message is None else "message_action",
        **_common(slack, app, user),
        "callback_id": callback_id,
        "action_ts": f"{slack.time.seconds:.6f}",
        "trigger_id": slack.triggers.issue(app_id=app.id, user=user.id),
    }
    if message is not None:
        channel = slack.world.channels[message.channel]
        path = slack.response_urls.issue(app=app, user=user.id, channel=channel.id, ts=message.ts)
        body |= {
            "response_url": slack.base_url + path,
            "message_ts": message.ts,
            "message": render.message(slack.world, message),
            "channel": {"id": channel.id, "name": channel_name(channel)},
        }
    return body


def command(
    slack: SlackSandbox, *, app: InstalledApp, user: User, channel: Conversation, words: tuple[str, str]
) -> tuple[Json, str]:
    """Return the form of a slash command, and the path of its response_url. `words`: the command and its text."""
    team = slack.world.team
    path = slack.response_urls.issue(app=app, user=user.id, channel=channel.id)
    name, text = words
    return {
        "token": app.verification_token,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": app.id,
        "is_enterprise_install": "false",
        "response_url": slack.base_url + path,
        "trigger_id": slack.triggers.issue(app_id=app.id, user=user.id),
    }, path


def event(slack: SlackSandbox, app: InstalledApp, *, inner: Json) -> Json:
    """Return the envelope of an event."""
    team = slack.world.team
    return {
        "token": app.verification_token,
        "team_id": team.id,
        "api_app_id": app.id,
        "event": inner,
        "type": "event_callback",
        "event_id": slack.world.new_id("Ev"),
        "event_time": int(slack.time.seconds),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team.id,
                "user_id": app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{app.id}",
    }


def action(slack: SlackSandbox, *, block: Json, element: Json, value: Json | None) -> Json:
    """Return an entry of `actions`. `value`: the entry of `state`, for elements with a value."""
    entry: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": f"{slack.time.seconds:.6f}",
    }
    copied: dict[str, Any] = {
        name: copy.deepcopy(element[name]) for name in ("text", "value", "style") if name in element
    }
    return {**entry, **copied, **(value or {})}
