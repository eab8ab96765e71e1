"""The state in the shapes that Slack sends: messages, users, channels, views, files."""

from __future__ import annotations

import copy
from typing import Any

from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.world import Conversation, File, InstalledApp, Message, User, Usergroup, View, World


def message(world: World, one: Message, *, metadata: bool = False) -> Json:
    """https://docs.slack.dev/reference/events/message"""
    body: Json = {"user": one.user, "type": "message", "ts": one.ts, "text": one.text, "team": world.team.id}
    if one.app_id is not None:
        app = world.apps[one.app_id]
        body["bot_id"] = one.bot_id
        body["app_id"] = one.app_id
        body["bot_profile"] = bot_profile(world, app)
    optional: dict[str, Any] = {
        "blocks": copy.deepcopy(one.blocks),
        "attachments": copy.deepcopy(one.attachments),
        "edited": one.edited,
        "thread_ts": one.thread_ts,
        "files": [file(world, world.files[name], base_url="") for name in one.files],
    }
    body |= {name: value for name, value in optional.items() if value}
    if metadata and one.metadata:
        body["metadata"] = copy.deepcopy(one.metadata)
    if one.thread_ts is None:
        replies = [
            message for message in world.messages[one.channel] if message.thread_ts == one.ts and message.ts != one.ts
        ]
        if replies:
            body |= {
                "thread_ts": one.ts,
                "reply_count": len(replies),
                "reply_users": sorted({item.user for item in replies}),
                "latest_reply": replies[-1].ts,
            }
    if one.seen_by is not None:
        body["is_ephemeral"] = True
    return body


def bot_profile(world: World, app: InstalledApp) -> Json:
    """The short form of an app's bot in messages."""
    return {
        "id": app.bot_id,
        "app_id": app.id,
        "user_id": app.bot_user,
        "name": app.name,
        "icons": {},
        "deleted": False,
        "updated": 0,
        "team_id": world.team.id,
    }


def user(world: World, one: User, *, email: bool) -> Json:
    """https://docs.slack.dev/reference/objects/user-object"""
    profile: Json = {
        "real_name": one.real_name,
        "real_name_normalized": one.real_name,
        "display_name": one.name,
        "display_name_normalized": one.name,
        "team": world.team.id,
        "image_24": "",
        "image_48": "",
        "image_72": "",
    }
    if email and one.email:
        profile["email"] = one.email
    body: Json = {
        "id": one.id,
        "team_id": world.team.id,
        "name": one.name,
        "deleted": one.deleted,
        "profile": profile,
        "is_bot": one.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if one.deleted:  # Slack leaves out the rest for deactivated accounts
        return body
    return body | {
        "real_name": one.real_name,
        "tz": one.tz,
        "tz_label": one.tz_label,
        "tz_offset": one.tz_offset,
        "is_admin": one.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": one.is_restricted,
        "is_ultra_restricted": one.is_ultra_restricted,
        "is_email_confirmed": bool(one.email),
        "who_can_share_contact_card": "EVERYONE",
        **({"is_stranger": True} if one.is_stranger else {}),
    }


def usergroup(world: World, one: Usergroup, *, users: bool, count: bool) -> Json:
    """https://docs.slack.dev/reference/objects/usergroup-object"""
    body: Json = {
        "id": one.id,
        "team_id": world.team.id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": one.name,
        "description": "",
        "handle": one.handle,
        "is_external": False,
        "date_create": 0,
        "date_update": 0,
        "date_delete": 1 if one.disabled else 0,
        "auto_type": None,
        "created_by": "USLACKBOT",
        "updated_by": "USLACKBOT",
        "deleted_by": "USLACKBOT" if one.disabled else None,
        "prefs": {"channels": [], "groups": []},
    }
    if users:
        body["users"] = list(one.users)
    if count:
        body["user_count"] = len(one.users)
    return body


def channel(world: World, one: Conversation, *, app: InstalledApp) -> Json:
    """https://docs.slack.dev/reference/objects/conversation-object"""
    body: Json = {
        "id": one.id,
        "created": one.created,
        "is_archived": one.is_archived,
        "is_im": one.kind == "im",
        "is_org_shared": False,
        "context_team_id": world.team.id,
    }
    if one.kind == "im":
        other = [name for name in one.members if name != app.bot_user]
        return body | {"user": other[0] if other else app.bot_user, "is_open": True, "priority": 0}
    return body | {
        "name": one.name,
        "name_normalized": one.name,
        "is_channel": one.kind == "channel",
        "is_group": one.kind == "private",
        "is_mpim": False,
        "is_private": one.kind == "private",
        "is_general": one.name == "general",
        "is_member": app.bot_user in one.members,
        "is_shared": False,
        "is_ext_shared": False,
        "creator": "USLACKBOT",
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def view(world: World, one: View) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload"""
    payload = copy.deepcopy(one.payload)
    app = world.apps[one.app_id]
    return {
        "id": one.id,
        "team_id": world.team.id,
        "type": payload["type"],
        "blocks": payload["blocks"],
        "private_metadata": payload.get("private_metadata", ""),
        "callback_id": payload.get("callback_id", ""),
        "state": {"values": copy.deepcopy(one.state)},
        "hash": one.hash,
        "title": payload.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": payload.get("clear_on_close", False),
        "notify_on_close": payload.get("notify_on_close", False),
        "close": payload.get("close"),
        "submit": payload.get("submit"),
        "previous_view_id": one.previous,
        "root_view_id": one.root,
        "app_id": one.app_id,
        "external_id": payload.get("external_id", ""),
        "app_installed_team_id": world.team.id,
        "bot_id": app.bot_id,
    }


def file(world: World, one: File, *, base_url: str) -> Json:
    """https://docs.slack.dev/reference/objects/file-object"""
    path = f"{base_url}/files-pri/{world.team.id}-{one.id}"
    return {
        "id": one.id,
        "created": one.created,
        "timestamp": one.created,
        "name": one.name,
        "title": one.name,
        "mimetype": one.mimetype,
        "filetype": one.filetype,
        "pretty_type": one.filetype.upper(),
        "user": one.user,
        "user_team": world.team.id,
        "editable": False,
        "size": len(one.content),
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": False,
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{path}/{one.name}",
        "url_private_download": f"{path}/download/{one.name}",
        "permalink": f"{base_url}/files/{one.user}/{one.id}/{one.name}",
        "is_starred": False,
        "has_rich_preview": False,
        "file_access": "visible",
    }
