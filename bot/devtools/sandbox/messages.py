"""Rules for posting, updating and deleting messages, shared by chat.* and response URLs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import check
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.world import Conversation, InstalledApp, Message, World


@dataclass(kw_only=True)
class MessageContent:
    """The content of a message. A part that the call does not have is None, which matters for updates."""

    text: str | None = None
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    metadata: Json | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.text or self.blocks or self.attachments)


def parse_content(arguments: Json, *, longest: int | None) -> MessageContent:
    """Check and return the content of a call. `longest`: refuse longer text; None: cut it, as chat.postMessage does."""
    text = arguments.get("text")
    if text is not None and not isinstance(text, str):
        raise ApiError("invalid_arguments")
    content = MessageContent(
        text=text,
        blocks=_check_list(arguments.get("blocks"), "invalid_blocks_format"),
        attachments=_check_list(arguments.get("attachments"), "invalid_attachments"),
        metadata=_check_metadata(arguments.get("metadata")),
    )
    if content.blocks:
        check.require_message_blocks(content.blocks)
    if text is not None and longest is not None and len(text) > longest:
        raise ApiError("msg_too_long")
    if text is not None and len(text) > limits.POST_TEXT:
        content.text = text[: limits.POST_TEXT]
        content.warnings.append("message_truncated")
    return content


def _check_list(value: Any, code: str) -> list[Json] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ApiError(code)
    return value


def _check_metadata(value: Any) -> Json | None:
    """Check metadata (https://docs.slack.dev/messaging/message-metadata). An empty object removes the old metadata."""
    if value is None:
        return None
    if value == {}:
        return {}
    if not isinstance(value, dict):
        raise ApiError("metadata_must_be_sent_as_json")
    if set(value) != {"event_type", "event_payload"} or not isinstance(value["event_payload"], dict):
        raise ApiError("invalid_metadata_format")
    if not isinstance(value["event_type"], str) or not value["event_type"]:
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(value).encode()) > limits.METADATA_BYTES:
        raise ApiError("metadata_too_large")
    return value


def add_ids(world: World, blocks: list[Json] | None) -> list[Json]:
    """Return the blocks with ids for all blocks and elements that have none."""
    completed = [{**block, "block_id": block.get("block_id") or _random_id(world)} for block in blocks or []]
    for item in completed:
        for key in ("accessory", "element"):
            if key in item:
                item[key] = _add_action_id(world, item[key])
        if item["type"] in ("actions", "context_actions"):
            item["elements"] = [_add_action_id(world, element) for element in item["elements"]]
    return completed


def _add_action_id(world: World, element: Json) -> Json:
    return (
        element
        if element.get("action_id") or element["type"] == "image"
        else {**element, "action_id": _random_id(world)}
    )


def _random_id(world: World) -> str:
    return world.new_id("b")[-5:]


def _message(world: World, app: InstalledApp, channel: Conversation, content: MessageContent) -> Message:
    """Return a new message of the app, in no list yet."""
    return Message(
        channel=channel.id,
        ts=world.new_ts(channel),
        user=app.bot_user,
        app_id=app.id,
        bot_id=app.bot_id,
        text=content.text or "",
        blocks=add_ids(world, content.blocks),
        attachments=content.attachments or [],
    )


def post(
    world: World, *, app: InstalledApp, channel: Conversation, content: MessageContent, arguments: Json
) -> Message:
    """Post a message of the app. `arguments` has further options: thread_ts, unfurl flags."""
    if content.empty:
        raise ApiError("no_text")
    thread = arguments.get("thread_ts") or None
    _check_thread(world, channel, None if thread is None else str(thread))
    message = replace(
        _message(world, app, channel, content),
        metadata=content.metadata or None,
        thread_ts=str(thread) if thread else None,
        reply_broadcast=bool(arguments.get("reply_broadcast")),
        unfurl_links=bool(arguments.get("unfurl_links", False)),
        unfurl_media=bool(arguments.get("unfurl_media", True)),
    )
    world.messages[channel.id].append(message)
    return message


def _check_thread(world: World, channel: Conversation, thread: str | None) -> None:
    """Check that a thread is below a message that exists, and that is no reply itself.

    Stricter than Slack, which documents neither: apps must not rely on what it does then.
    """
    if thread is None:
        return
    parent = world.message(channel.id, thread)
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.thread_ts not in (None, parent.ts):
        raise ApiError("cannot_reply_to_message")


def post_ephemeral(
    world: World,
    *,
    app: InstalledApp,
    channel: Conversation,
    user: str,
    content: MessageContent,
    thread: str | None = None,
) -> Message:
    """Post a message that only one person sees, until they reload. `thread`: the message that it is below."""
    if content.empty:
        raise ApiError("no_text")
    _check_thread(world, channel, thread)
    message = replace(_message(world, app, channel, content), seen_by=user, thread_ts=thread)
    world.ephemerals.append(message)
    return message


def update(world: World, message: Message, *, content: MessageContent) -> None:
    """Replace the content of a message. Text without blocks removes the blocks; blocks suppress "(edited)"."""
    if content.empty:
        raise ApiError("no_text")
    message.text = content.text or ""
    message.blocks = add_ids(world, content.blocks)
    message.attachments = content.attachments if content.attachments is not None else []
    if content.metadata is not None:
        message.metadata = content.metadata or None
    message.updates += 1
    if not content.blocks:
        channel = world.channels[message.channel]
        message.edited = {"user": message.user, "ts": f"{world.time.seconds:.6f}"}
        channel.last_micro = max(channel.last_micro, int(float(message.edited["ts"]) * 1_000_000))


def delete(world: World, message: Message) -> None:
    """Delete a message."""
    if message.seen_by is not None:
        world.ephemerals.remove(message)
    else:
        world.messages[message.channel].remove(message)
