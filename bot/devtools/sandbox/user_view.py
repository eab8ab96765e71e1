"""A person's view of the workspace: conversations, modals, the Home tab, and the failures that Slack shows."""

from __future__ import annotations

from dataclasses import dataclass

from bot.devtools.sandbox import render
from bot.devtools.sandbox.errors import CannotAct
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import Conversation, Message, ShownFailure, User, View


@dataclass(frozen=True)
class UserView:
    """A person in the workspace, and the messages, modals and tabs that they see."""

    slack: SlackSandbox
    id: str

    @property
    def user(self) -> User:
        """The account of the person."""
        return self.slack.world.users[self.id]

    @property
    def dm(self) -> str:
        """The id of the conversation with the app."""
        return self.slack.world.dm(self.slack.app.bot_user, self.id).id

    @property
    def troubles(self) -> list[ShownFailure]:
        """The failures that Slack showed, oldest first."""
        return self.slack.world.troubles.get(self.id, [])

    def sees(self, channel: str | None = None) -> list[Json]:
        """Return the messages of a channel (default: with the app), oldest first, ephemeral messages included.

        Each has the key `channel`. They are copies, which later changes do not affect.
        """
        conversation = self.channel(channel)
        world = self.slack.world
        own = [
            message for message in world.ephemerals if message.channel == conversation.id and message.seen_by == self.id
        ]
        messages = sorted([*world.messages[conversation.id], *own], key=lambda message: message.ts)
        return [self.render(message) for message in messages]

    @property
    def conversations(self) -> list[Json]:
        """The listed conversations, the one with the app first. `latest`: ts of the newest message."""
        world = self.slack.world
        conversations = [world.channels[self.dm]]
        conversations += [
            channel for channel in world.channels.values() if channel.kind != "im" and self.id in channel.members
        ]
        return [self._conversation_json(conversation) for conversation in conversations]

    def _conversation_json(self, conversation: Conversation) -> Json:
        world = self.slack.world
        own = (
            message.ts
            for message in world.ephemerals
            if message.channel == conversation.id and message.seen_by == self.id
        )
        timestamps = [*own, *(message.ts for message in world.messages[conversation.id][-1:])]
        return {
            "id": conversation.id,
            "name": conversation.name,
            "kind": conversation.kind,
            "is_archived": conversation.is_archived,
            "has_app": self.slack.app.bot_user in conversation.members,
            "latest": max(timestamps, default=None),
        }

    def render(self, message: Message) -> Json:
        """Return a message as Slack sends it, with the key `channel`."""
        return {**render.message(self.slack.world, message), "channel": message.channel}

    def channel(self, name: str | None) -> Conversation:
        """Return a conversation of the person, by name or id; None: the one with the app."""
        channel = self.slack.world.channel_named(name or self.dm)
        if channel is None or (channel.kind != "channel" and self.id not in channel.members):
            raise CannotAct(f"{self.user.name} cannot see a channel {name!r}")
        return channel

    @property
    def stack(self) -> list[Json]:
        """The open modals, the front one last."""
        world = self.slack.world
        return [self._view(world.views[name]) for name in world.stacks.get(self.id, [])]

    @property
    def modal(self) -> Json | None:
        """The front modal. `errors`: the errors of the app's response, by block id."""
        return self.stack[-1] if self.stack else None

    @property
    def home(self) -> Json | None:
        """The app's Home tab."""
        name = self.slack.world.homes.get((self.slack.app.id, self.id))
        return self._view(self.slack.world.views[name]) if name else None

    def _view(self, view: View) -> Json:
        return {**render.view(self.slack.world, view), "errors": dict(view.errors)}
