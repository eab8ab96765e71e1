"""Simulated people: their views (`user_view`), their clicks and forms (`user_actions`), their commands and tabs (here).

An action returns the app's `Ack`; if Slack would show a failure, it is also in `troubles`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from bot.devtools.sandbox import messages, payloads, render, view_stack
from bot.devtools.sandbox.delivery import Ack
from bot.devtools.sandbox.errors import ApiError, CannotAct
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.response_urls import post_response
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.user_actions import UserActions
from bot.devtools.sandbox.world import Conversation, InstalledApp, Message, User

_EMOJI: Final = re.compile(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?")


class SimulatedPerson(UserActions):
    """A person in the workspace."""

    async def command(self, line: str, *, channel: str | None = None) -> Ack:
        """Type a slash command in a channel; default: the conversation with the app.

        Raises `CannotAct` for a command that no app has.
        """
        name, _, text = line.strip().partition(" ")
        # Names are shared by all apps: the last installed app wins.
        app = next((app for app in reversed(self.slack.world.apps.values()) if name in app.commands), None)
        if app is None or app.token_error is not None:
            raise CannotAct(f"{name} is not a valid command.")
        conversation = self.channel(channel)
        words = (name, self._escape(text) if name in app.escaped_commands else text)
        body, path = payloads.command(self.slack, app=app, user=self.user, channel=conversation, words=words)
        ack = await self.send(app, body, where=f"command {name}", kind="slash_commands")
        if ack.ok:
            self._show_response(path, ack.body, where=f"command {name}")
        return ack

    def _escape(self, text: str) -> str:
        """Replace mentions of people and channels as Slack does for commands with "escape" on."""
        world = self.slack.world

        def replace_user(match: re.Match[str]) -> str:
            user = world.user_named(match[1])
            return f"<@{user.id}|{user.name}>" if user else match[0]

        def replace_channel(match: re.Match[str]) -> str:
            channel = world.channel_named(match[1])
            return f"<#{channel.id}|{channel.name}>" if channel else match[0]

        return re.sub(r"#([\w-]+)", replace_channel, re.sub(r"@([\w.-]+)", replace_user, text))

    def _show_response(self, path: str, body: Any, *, where: str) -> None:
        """Post the message in the acknowledgement of a command, if there is one."""
        response: Json = {"text": body} if isinstance(body, str) else body
        if not response or response == {"text": ""}:
            return
        world = self.slack.world
        try:
            content = messages.parse_content(response, longest=None)
            post_response(world, url=self.slack.response_urls.issued[path], content=content, arguments=response)
        except ApiError as error:
            world.trouble(self.id, where=where, code=error.code, text="This app’s answer could not be shown.")

    async def shortcut(self, callback_id: str, *, on: Json | None = None) -> Ack:
        """Use a shortcut of the app: a global one, or one on a message from `sees`."""
        app = self.slack.app
        if callback_id not in (app.shortcuts if on is None else app.message_shortcuts):
            raise CannotAct(f"the app has no shortcut {callback_id!r}{'' if on is None else ' for messages'}")
        message = None if on is None else self.message(on, stale=False)
        body = payloads.shortcut(self.slack, app=app, user=self.user, callback_id=callback_id, message=message)
        return await self.send(app, body, where=f"shortcut {callback_id}")

    def react(self, emoji: str, *, on: Json, remove: bool = False) -> None:
        """Add an emoji to a message from `sees`, or remove it. Apps in the channel get an event in the background."""
        message = self.message(on, stale=True)
        channel = self.slack.world.channels[message.channel]
        if not _EMOJI.fullmatch(emoji):
            raise CannotAct(f"there is no emoji {emoji!r}")
        if message.seen_by is not None or channel.is_archived or self.id not in channel.members:
            raise CannotAct(f"{self.user.name} cannot react to this message")
        users = message.reactions.setdefault(emoji, [])
        if (self.id in users) is not remove:
            raise CannotAct(f"{emoji} of {self.user.name} is {'not there' if remove else 'there already'}")
        users.remove(self.id) if remove else users.append(self.id)
        message.reactions = {name: users for name, users in message.reactions.items() if users}
        self._notify_of_reaction(channel, message, emoji, kind="reaction_removed" if remove else "reaction_added")
        self.slack.changes.count_change()

    def _notify_of_reaction(self, channel: Conversation, message: Message, emoji: str, *, kind: str) -> None:
        inner = {
            "type": kind,
            "user": self.id,
            "reaction": emoji,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "item_user": message.user,
            "event_ts": f"{self.slack.time.seconds:.6f}",
        }
        for app in self.slack.world.apps.values():
            if app.bot_user in channel.members and "reactions:read" in app.scopes:
                emit(self.slack, app, inner=inner)

    def open_home(self, tab: str = "home") -> None:
        """Open the app's Home (or its "messages" tab). The app gets an event in the background."""
        app = self.slack.app
        inner: Json = {
            "type": "app_home_opened",
            "user": self.id,
            "channel": self.dm,
            "tab": tab,
            "event_ts": f"{self.slack.time.seconds:.6f}",
        }
        name = self.slack.world.homes.get((app.id, self.id))
        if name is not None and tab == "home":
            inner["view"] = render.view(self.slack.world, self.slack.world.views[name])
        emit(self.slack, app, inner=inner)

    def reload(self) -> None:
        """Restart the person's client: ephemeral messages and modals are gone, as in Slack."""
        world = self.slack.world
        world.ephemerals[:] = [message for message in world.ephemerals if message.seen_by != self.id]
        view_stack.close_all(world, self.id)
        self.slack.changes.count_change()

    def say(self, text: str, *, channel: str | None = None, thread_ts: str | None = None) -> str:
        """Write a message, and return its ts. `thread_ts`: the message that it replies to."""
        conversation = self.channel(channel)
        parent = self.slack.world.message(conversation.id, thread_ts) if thread_ts is not None else None
        if thread_ts is not None and (parent is None or parent.thread_ts not in (None, parent.ts)):
            raise CannotAct(f"{self.user.name} sees no message {thread_ts} to reply to")
        message = Message(
            channel=conversation.id,
            ts=self.slack.world.new_ts(conversation),
            user=self.id,
            text=text,
            thread_ts=thread_ts,
        )
        self.slack.world.messages[conversation.id].append(message)
        self._notify_apps(conversation, message)
        self.slack.changes.count_change()
        return message.ts

    def _notify_apps(self, conversation: Conversation, message: Message) -> None:
        kind = {"im": "im", "private": "groups"}.get(conversation.kind, "channels")
        inner = {
            **render.message(self.slack.world, message),
            "channel": conversation.id,
            "channel_type": {"im": "im", "private": "group"}.get(conversation.kind, "channel"),
            "event_ts": message.ts,
        }
        if message.thread_ts is not None:
            parent = self.slack.world.message(conversation.id, message.thread_ts)
            inner |= {"parent_user_id": parent.user} if parent is not None else {}
        for app in self.slack.world.apps.values():
            is_subscribed = f"message.{kind}" in app.events and f"{kind}:history" in app.scopes
            if app.bot_user in conversation.members and is_subscribed:
                emit(self.slack, app, inner=inner, subscribed=True)


def emit(slack: SlackSandbox, app: InstalledApp, *, inner: Json, subscribed: bool = False) -> None:
    """Send an event to the app if it subscribed to its type."""
    if subscribed or inner["type"] in app.events:
        slack.deliveries.event(app, payloads.event(slack, app, inner=inner))


def deactivate(slack: SlackSandbox, user: User, *, deactivated: bool = True) -> None:
    """Deactivate an account, or activate it again. Every app that subscribed to it gets an event."""
    user.deleted = deactivated
    for app in slack.world.apps.values():
        account = render.user(slack.world, user, email="users:read.email" in app.scopes)
        seconds = slack.time.seconds
        inner = {"type": "user_change", "user": account, "cache_ts": int(seconds), "event_ts": f"{seconds:.6f}"}
        emit(slack, app, inner=inner)
    slack.changes.count_change()


def uninstall(slack: SlackSandbox) -> None:
    """Remove the app from the workspace: its tokens stop working, and it gets events."""
    app = slack.app
    app.token_error = "account_inactive"  # noqa: S105 an error code
    emit(slack, app, inner={"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [app.bot_user]}})
    emit(slack, app, inner={"type": "app_uninstalled"})


def revoke(slack: SlackSandbox) -> None:
    """Revoke the app's bot token; the app stays installed."""
    app = slack.app
    app.token_error = "token_revoked"  # noqa: S105 an error code
    emit(slack, app, inner={"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [app.bot_user]}})
