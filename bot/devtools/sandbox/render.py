"""Renders the state in Slack's shapes: messages, users, channels, views, files."""

from __future__ import annotations

import copy
from typing import Any

from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.world import Conversation, File, InstalledApp, Message, User, Usergroup, View, World


def message(world: World, post: Message, *, metadata: bool = False) -> Json:
    """Render a message: https://docs.slack.dev/reference/events/message"""
    body: Json = {"user": post.user, "type": "message", "ts": post.ts, "text": post.text, "team": world.team.id}
    if post.app_id is not None:
        app = world.apps[post.app_id]
        body["bot_id"] = post.bot_id
        body["app_id"] = post.app_id
        body["bot_profile"] = bot_profile(world, app)
    optional: dict[str, Any] = {
        "blocks": copy.deepcopy(post.blocks),
        "attachments": copy.deepcopy(post.attachments),
        "edited": post.edited,
        "subtype": "thread_broadcast" if post.thread_ts is not None and post.reply_broadcast else None,
        "thread_ts": post.thread_ts,
        "files": [file(world, world.files[name], base_url="") for name in post.files],
        "reactions": [
            {"name": name, "users": list(users), "count": len(users)} for name, users in post.reactions.items()
        ],
    }
    body |= {name: value for name, value in optional.items() if value}
    if metadata and post.metadata:
        body["metadata"] = copy.deepcopy(post.metadata)
    if post.thread_ts is None:
        replies = [
            message
            for message in world.messages[post.channel]
            if message.thread_ts == post.ts and message.ts != post.ts
        ]
        if replies:
            body |= {
                "thread_ts": post.ts,
                "reply_count": len(replies),
                "reply_users": sorted({reply.user for reply in replies}),
                "latest_reply": replies[-1].ts,
            }
    if post.seen_by is not None:
        body["is_ephemeral"] = True
    return body


def bot_profile(world: World, app: InstalledApp) -> Json:
    """Return the short form of an app's bot in messages."""
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


def user(world: World, account: User, *, email: bool) -> Json:
    """Render a user: https://docs.slack.dev/reference/objects/user-object"""
    body: Json = {
        "id": account.id,
        "team_id": world.team.id,
        "name": account.name,
        "deleted": account.deleted,
        "profile": _profile(world, account, email=email),
        "is_bot": account.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if account.deleted:  # Slack omits the rest for deactivated accounts.
        return body
    return body | {
        "real_name": account.real_name,
        "tz": account.tz,
        "tz_label": account.tz_label,
        "tz_offset": account.tz_offset,
        "is_admin": account.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": account.is_restricted,
        "is_ultra_restricted": account.is_ultra_restricted,
        "is_email_confirmed": bool(account.email),
        "who_can_share_contact_card": "EVERYONE",
        **({"is_stranger": True} if account.is_stranger else {}),
    }


def _profile(world: World, account: User, *, email: bool) -> Json:
    profile: Json = {
        "real_name": account.real_name,
        "real_name_normalized": account.real_name,
        "display_name": account.name,
        "display_name_normalized": account.name,
        "team": world.team.id,
        "image_24": "",
        "image_48": "",
        "image_72": "",
    }
    if email and account.email:
        profile["email"] = account.email
    return profile


def usergroup(world: World, group: Usergroup, *, users: bool, count: bool) -> Json:
    """Render a usergroup: https://docs.slack.dev/reference/objects/usergroup-object"""
    body: Json = {
        "id": group.id,
        "team_id": world.team.id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": 0,
        "date_update": 0,
        "date_delete": 1 if group.disabled else 0,
        "auto_type": None,
        "created_by": "USLACKBOT",
        "updated_by": "USLACKBOT",
        "deleted_by": "USLACKBOT" if group.disabled else None,
        "prefs": {"channels": [], "groups": []},
    }
    if users:
        body["users"] = list(group.users)
    if count:
        body["user_count"] = len(group.users)
    return body


def channel(world: World, conversation: Conversation, *, app: InstalledApp) -> Json:
    """Render a conversation: https://docs.slack.dev/reference/objects/conversation-object"""
    body: Json = {
        "id": conversation.id,
        "created": conversation.created,
        "is_archived": conversation.is_archived,
        "is_im": conversation.kind == "im",
        "is_org_shared": False,
        "context_team_id": world.team.id,
    }
    if conversation.kind == "im":
        other = [name for name in conversation.members if name != app.bot_user]
        return body | {"user": other[0] if other else app.bot_user, "is_open": True, "priority": 0}
    return body | {
        "name": conversation.name,
        "name_normalized": conversation.name,
        "is_channel": conversation.kind == "channel",
        "is_group": conversation.kind == "private",
        "is_mpim": False,
        "is_private": conversation.kind == "private",
        "is_general": conversation.name == "general",
        "is_member": app.bot_user in conversation.members,
        "is_shared": False,
        "is_ext_shared": False,
        "creator": "USLACKBOT",
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def view(world: World, shown_view: View) -> Json:
    """Render a view: https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload"""
    payload = copy.deepcopy(shown_view.payload)
    app = world.apps[shown_view.app_id]
    return {
        "id": shown_view.id,
        "team_id": world.team.id,
        "type": payload["type"],
        "blocks": payload["blocks"],
        "private_metadata": payload.get("private_metadata", ""),
        "callback_id": payload.get("callback_id", ""),
        "state": {"values": copy.deepcopy(shown_view.state)},
        "hash": shown_view.hash,
        "title": payload.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": payload.get("clear_on_close", False),
        "notify_on_close": payload.get("notify_on_close", False),
        "close": payload.get("close"),
        "submit": payload.get("submit"),
        "previous_view_id": shown_view.previous,
        "root_view_id": shown_view.root,
        "app_id": shown_view.app_id,
        "external_id": payload.get("external_id", ""),
        "app_installed_team_id": world.team.id,
        "bot_id": app.bot_id,
    }


def file(world: World, stored: File, *, base_url: str) -> Json:
    """Render a file: https://docs.slack.dev/reference/objects/file-object"""
    path = f"{base_url}/files-pri/{world.team.id}-{stored.id}"
    return {
        "id": stored.id,
        "created": stored.created,
        "timestamp": stored.created,
        "name": stored.name,
        "title": stored.name,
        "mimetype": stored.mimetype,
        "filetype": stored.filetype,
        "pretty_type": stored.filetype.upper(),
        "user": stored.user,
        "user_team": world.team.id,
        "editable": False,
        "size": len(stored.content),
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": False,
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{path}/{stored.name}",
        "url_private_download": f"{path}/download/{stored.name}",
        "permalink": f"{base_url}/files/{stored.user}/{stored.id}/{stored.name}",
        "is_starred": False,
        "has_rich_preview": False,
        "file_access": "visible",
    }
