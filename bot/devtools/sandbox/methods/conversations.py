"""conversations.*"""

from __future__ import annotations

from typing import Final

from bot.devtools.sandbox import limits, render
from bot.devtools.sandbox.errors import ApiError, bad_arguments
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method, page
from bot.devtools.sandbox.world import Conversation, Message

_PREFIX: Final = {"im": "im", "channel": "channels", "private": "groups"}
"""The names of the kinds of conversations in scopes."""


_LISTED: Final = {"public_channel": "channel", "private_channel": "private", "im": "im"}


def listed_kinds(call: Call) -> set[str]:
    """Return the kinds of conversations that a listing asks for, and check their scopes. Raises `ApiError`."""
    kinds = set[str]()
    for name in (call.arguments.text("types") or "public_channel").split(","):
        if name.strip() not in _LISTED:
            raise ApiError("invalid_types")
        kind = _LISTED[name.strip()]
        call.need(f"{_PREFIX[kind]}:read")
        kinds.add(kind)
    return kinds


def _conversation(call: Call, right: str) -> Conversation:
    """Return the conversation if the app may see it and has the scope for its kind. Raises `ApiError`."""
    channel = call.world.channels.get(call.arguments.required("channel"))
    if channel is None or (channel.kind != "channel" and call.app.bot_user not in channel.members):
        raise ApiError("channel_not_found")
    call.need(f"{_PREFIX[channel.kind]}:{right}")
    return channel


@method("conversations.open", tier=3, scopes=("im:write", "mpim:write"))
def open_(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.open"""
    if name := call.arguments.text("channel"):
        known = call.world.channels.get(name)
        if known is None or call.app.bot_user not in known.members:
            raise ApiError("channel_not_found")
        return {"no_op": True, "already_open": True, "channel": {"id": known.id}}
    names = [user.strip() for user in (call.arguments.text("users") or "").split(",") if user.strip()]
    if not names:
        raise ApiError("users_list_not_supplied")
    if len(names) > 1:
        call.need("mpim:write")
        raise bad_arguments(["the sandbox opens conversations with one person only [json-pointer:/users]"])
    user = call.world.users.get(names[0])
    if user is None:
        raise ApiError("user_not_found")
    if user.is_bot:
        raise ApiError("cannot_dm_bot")
    if user.deleted:
        raise ApiError("user_disabled")
    before = len(call.world.channels)
    channel = call.world.dm(call.app.bot_user, user.id)
    already = len(call.world.channels) == before
    return_im = call.arguments.flag("return_im")
    body = render.channel(call.world, channel, app=call.app) if return_im else {"id": channel.id}
    return {"no_op": already, "already_open": already, "channel": body}


@method("conversations.info", tier=3, scopes=("channels:read", "groups:read", "im:read"))
def info(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.info"""
    return {"channel": render.channel(call.world, _conversation(call, "read"), app=call.app)}


@method("conversations.join", tier=3, scopes=("channels:join",))
def join(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.join: by id only, and only public channels"""
    channel = call.world.channels.get(call.arguments.required("channel"))
    is_member = channel is not None and call.app.bot_user in channel.members
    if channel is None or (channel.kind != "channel" and not is_member):
        raise ApiError("channel_not_found")
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    if is_member:
        call.arguments.warnings.append("already_in_channel")
    else:
        channel.members.append(call.app.bot_user)
    return {"channel": render.channel(call.world, channel, app=call.app)}


@method("conversations.list", tier=2, scopes=("channels:read", "groups:read", "im:read"))
def list_(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.list: private channels only if the app is in them"""
    kinds = listed_kinds(call)
    live = not call.arguments.flag("exclude_archived")
    channels = [
        render.channel(call.world, channel, app=call.app)
        for channel in call.world.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channel" or call.app.bot_user in channel.members)
        and (live or not channel.is_archived)
    ]
    return page(channels, call, key="channels")


@method("conversations.members", tier=4)
def members(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.members"""
    channel = _conversation(call, "read")
    members_page = page([{"id": member} for member in channel.members], call, key="members")
    return {**members_page, "members": [member["id"] for member in members_page["members"]]}


def _message_page(call: Call, messages: list[Message]) -> Json:
    """Return a page of messages, by the arguments of the call."""
    limit = call.arguments.whole("limit", default=limits.HISTORY_DEFAULT, most=limits.HISTORY_LIMIT)
    cursor = call.arguments.text("cursor") or "0"
    if not cursor.isdigit():
        raise ApiError("invalid_cursor")
    start = int(cursor)
    more = len(messages) > start + limit
    with_metadata = call.arguments.flag("include_all_metadata")
    body: Json = {
        "messages": [
            render.message(call.world, message, metadata=with_metadata) for message in messages[start : start + limit]
        ],
        "has_more": more,
    }
    if more:
        body["response_metadata"] = {"next_cursor": str(start + limit)}
    return body


def _in_window(call: Call, messages: list[Message]) -> list[Message]:
    inclusive = call.arguments.flag("inclusive")
    for name in ("oldest", "latest"):
        bound = call.arguments.text(name)
        if bound is None:
            continue
        try:
            edge = float(bound)
        except ValueError:
            raise ApiError(f"invalid_ts_{name}") from None
        sign = 1 if name == "oldest" else -1
        messages = [
            message
            for message in messages
            if (float(message.ts) - edge) * sign > 0 or (inclusive and float(message.ts) == edge)
        ]
    return messages


@method("conversations.history", tier=3)
def history(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.history: newest first, without replies in threads"""
    channel = _conversation(call, "history")
    if call.app.bot_user not in channel.members:
        raise ApiError("not_in_channel")
    messages = [
        message
        for message in reversed(call.world.messages[channel.id])
        if message.thread_ts in (None, message.ts) or message.reply_broadcast
    ]
    return {**_message_page(call, _in_window(call, messages)), "pin_count": 0}


@method("conversations.replies", tier=3)
def replies(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.replies: oldest first, the parent before them"""
    channel = _conversation(call, "history")
    ts = call.arguments.required("ts")
    if call.world.message(channel.id, ts) is None:
        raise ApiError("thread_not_found")
    messages = [message for message in call.world.messages[channel.id] if ts in (message.ts, message.thread_ts)]
    return _message_page(call, _in_window(call, messages))
