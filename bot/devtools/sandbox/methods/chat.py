"""chat.*"""

from __future__ import annotations

from bot.devtools.sandbox import limits, messages, render
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method
from bot.devtools.sandbox.rates import SPECIAL
from bot.devtools.sandbox.world import Conversation, Message


def _check_can_post(call: Call, channel: Conversation) -> Conversation:
    """Return the channel if the app may post there. Raises `ApiError`."""
    member = call.app.bot_user in channel.members
    if not member and channel.kind != "channel":
        raise ApiError("channel_not_found")
    if channel.is_archived:
        raise ApiError("is_archived")
    if not member and "chat:write.public" not in call.app.scopes:
        raise ApiError("not_in_channel")
    if channel.kind == "im" and not call.app.messages_tab:
        raise ApiError("messages_tab_disabled")
    return channel


def _target(call: Call) -> Conversation:
    """Return the conversation to post in: by id or name, or the direct conversation with a person."""
    name = call.arguments.required("channel")
    user = call.world.users.get(name)
    if user is not None:
        if user.deleted or user.is_bot:
            raise ApiError("channel_not_found")
        return _check_can_post(call, call.world.dm(call.app.bot_user, user.id))
    channel = call.world.channel_named(name)
    if channel is None:
        raise ApiError("channel_not_found")
    return _check_can_post(call, channel)


def _conversation(call: Call) -> Conversation:
    """Return a conversation by its id only; the id of a person is not accepted."""
    channel = call.world.channels.get(call.arguments.required("channel"))
    if channel is None or (channel.kind != "channel" and call.app.bot_user not in channel.members):
        raise ApiError("channel_not_found")
    return channel


@method("chat.postMessage", tier=SPECIAL, scopes=("chat:write",))
def post_message(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/chat.postMessage"""
    channel = _target(call)
    content = messages.parse_content(call.arguments.values, longest=None)
    options = {
        "thread_ts": call.arguments.text("thread_ts"),
        "reply_broadcast": call.arguments.flag("reply_broadcast"),
        "unfurl_links": call.arguments.flag("unfurl_links"),
        "unfurl_media": call.arguments.flag("unfurl_media", default=True),
    }
    message = messages.post(call.world, app=call.app, channel=channel, content=content, arguments=options)
    call.arguments.warnings.extend(content.warnings)
    body = render.message(call.world, message, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": body}


def _own_message(call: Call, channel: Conversation, *, refusal: str) -> Message:
    """Return a message of the app itself. Ephemeral messages are not found."""
    message = call.world.message(channel.id, call.arguments.required("ts"))
    if message is None:
        raise ApiError("message_not_found")
    if message.app_id != call.app.id:
        raise ApiError(refusal)
    return message


@method("chat.update", tier=3, scopes=("chat:write",))
def update(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/chat.update"""
    channel = _conversation(call)
    content = messages.parse_content(call.arguments.values, longest=limits.UPDATE_TEXT)
    if channel.is_archived:
        raise ApiError("is_inactive")
    message = _own_message(call, channel, refusal="cant_update_message")
    window = call.world.team.edit_window_seconds
    if window is not None and call.slack.time.seconds - float(message.ts) > window:
        raise ApiError("edit_window_closed")
    messages.update(call.world, message, content=content)
    body = render.message(call.world, message, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": body}


@method("chat.postEphemeral", tier=4, scopes=("chat:write",))
def post_ephemeral(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/chat.postEphemeral"""
    channel = _target(call)
    user = call.world.users.get(call.arguments.required("user"))
    if user is None or user.id not in channel.members or user.deleted:
        raise ApiError("user_not_in_channel")
    content = messages.parse_content(call.arguments.values, longest=None)
    thread = call.arguments.text("thread_ts")
    message = messages.post_ephemeral(
        call.world, app=call.app, channel=channel, user=user.id, content=content, thread=thread
    )
    call.arguments.warnings.extend(content.warnings)
    return {"message_ts": message.ts}


@method("chat.delete", tier=3, scopes=("chat:write",))
def delete(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/chat.delete"""
    channel = _conversation(call)
    message = _own_message(call, channel, refusal="cant_delete_message")
    messages.delete(call.world, message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.getPermalink", tier=SPECIAL)
def permalink(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/chat.getPermalink"""
    channel = _conversation(call)
    ts = call.arguments.required("message_ts")
    if call.world.message(channel.id, ts) is None:
        raise ApiError("message_not_found")
    return {
        "channel": channel.id,
        "permalink": f"{call.slack.base_url}/archives/{channel.id}/p{ts.replace('.', '')}",
    }
