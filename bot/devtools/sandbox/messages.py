"""Posting, updating and deleting messages: the rules that chat.* and response_urls share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import check
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.world import Conversation, InstalledApp, Message, World


@dataclass(kw_only=True)
class MessageContent:
    """What a message says. None: not given (which matters for updates)."""

    text: str | None = None
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    metadata: Json | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Nothing to show."""
        return not (self.text or self.blocks or self.attachments)


def content(given: Json, *, longest: int | None) -> MessageContent:
    """The content of a call, checked. `longest`: reject longer text; None: cut it as chat.postMessage does."""
    text = given.get("text")
    if text is not None and not isinstance(text, str):
        raise ApiError("invalid_arguments")
    made = MessageContent(
        text=text,
        blocks=_list(given.get("blocks"), "invalid_blocks_format"),
        attachments=_list(given.get("attachments"), "invalid_attachments"),
        metadata=_metadata(given.get("metadata")),
    )
    if made.blocks:
        check.message_blocks(made.blocks)
    if text is not None and longest is not None and len(text) > longest:
        raise ApiError("msg_too_long")
    if text is not None and len(text) > limits.POST_TEXT:
        made.text = text[: limits.POST_TEXT]
        made.warnings.append("message_truncated")
    return made


def _list(value: Any, code: str) -> list[Json] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ApiError(code)
    return value


def _metadata(value: Any) -> Json | None:
    """https://docs.slack.dev/messaging/message-metadata. An empty object removes what was there."""
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


def with_ids(world: World, blocks: list[Json] | None) -> list[Json]:
    """The blocks, with a block_id and action_ids where the app gave none."""
    made = [{**one, "block_id": one.get("block_id") or _random(world)} for one in blocks or []]
    for one in made:
        for key in ("accessory", "element"):
            if key in one:
                one[key] = _named(world, one[key])
        if one["type"] in ("actions", "context_actions"):
            one["elements"] = [_named(world, element) for element in one["elements"]]
    return made


def _named(world: World, element: Json) -> Json:
    return (
        element if element.get("action_id") or element["type"] == "image" else {**element, "action_id": _random(world)}
    )


def _random(world: World) -> str:
    return world.new_id("b")[-5:]


def post(world: World, *, app: InstalledApp, channel: Conversation, made: MessageContent, given: Json) -> Message:
    """A new message of the app. `given` has the other arguments: thread_ts, unfurl flags."""
    if made.empty:
        raise ApiError("no_text")
    thread = given.get("thread_ts") or None
    if thread is not None and world.message(channel.id, str(thread)) is None:
        # Undocumented: Slack refuses a thread under a message that is not there.
        raise ApiError("thread_not_found")
    message = Message(
        channel=channel.id,
        ts=world.new_ts(channel),
        user=app.bot_user,
        app_id=app.id,
        bot_id=app.bot_id,
        text=made.text or "",
        blocks=with_ids(world, made.blocks),
        attachments=made.attachments or [],
        metadata=made.metadata or None,
        thread_ts=str(thread) if thread else None,
        reply_broadcast=bool(given.get("reply_broadcast")),
        unfurl_links=bool(given.get("unfurl_links", False)),
        unfurl_media=bool(given.get("unfurl_media", True)),
    )
    world.messages[channel.id].append(message)
    return message


def post_ephemeral(
    world: World, *, app: InstalledApp, channel: Conversation, user: str, made: MessageContent
) -> Message:
    """A message that only one person sees, until they reload."""
    if made.empty:
        raise ApiError("no_text")
    message = Message(
        channel=channel.id,
        ts=world.new_ts(channel),
        user=app.bot_user,
        app_id=app.id,
        bot_id=app.bot_id,
        text=made.text or "",
        blocks=with_ids(world, made.blocks),
        attachments=made.attachments or [],
        seen_by=user,
    )
    world.ephemerals.append(message)
    return message


def change(world: World, message: Message, *, made: MessageContent) -> None:
    """New content for a message. Text without blocks removes the blocks; blocks suppress "(edited)"."""
    if made.empty:
        raise ApiError("no_text")
    message.text = made.text or ""
    message.blocks = with_ids(world, made.blocks)
    message.attachments = made.attachments if made.attachments is not None else []
    if made.metadata is not None:
        message.metadata = made.metadata or None
    message.updates += 1
    if not made.blocks:
        channel = world.channels[message.channel]
        message.edited = {"user": message.user, "ts": f"{world.time.seconds:.6f}"}
        channel.last_micro = max(channel.last_micro, int(float(message.edited["ts"]) * 1_000_000))


def remove(world: World, message: Message) -> None:
    """The message is gone."""
    if message.seen_by is not None:
        world.ephemerals.remove(message)
    else:
        world.messages[message.channel].remove(message)
