"""What a person sees: conversations, modals, the Home tab, and the failures that Slack shows."""

from __future__ import annotations

from dataclasses import dataclass

from bot.devtools.sandbox import render
from bot.devtools.sandbox.errors import CannotAct
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import Conversation, Message, ShownFailure, User, View


@dataclass(frozen=True)
class UserView:
    """Somebody's view of the workspace."""

    slack: SlackSandbox
    id: str

    @property
    def user(self) -> User:
        """Their account."""
        return self.slack.world.users[self.id]

    @property
    def dm(self) -> str:
        """The id of their conversation with the app."""
        return self.slack.world.dm(self.slack.app.bot_user, self.id).id

    @property
    def troubles(self) -> list[ShownFailure]:
        """The failures that Slack showed to them, oldest first."""
        return self.slack.world.troubles.get(self.id, [])

    def sees(self, channel: str | None = None) -> list[Json]:
        """The messages of a channel (default: their conversation with the app), oldest first, theirs alone too.

        Each has the key `channel`. These are copies: what is shown later does not change them.
        """
        place = self.channel(channel)
        world = self.slack.world
        own = [message for message in world.ephemerals if message.channel == place.id and message.seen_by == self.id]
        shown = sorted([*world.messages[place.id], *own], key=lambda one: one.ts)
        return [self.shown(item) for item in shown]

    @property
    def conversations(self) -> list[Json]:
        """The conversations that their client lists, the one with the app first; `latest`: the newest message in it."""
        world = self.slack.world
        places = [world.channels[self.dm]]
        places += [
            channel for channel in world.channels.values() if channel.kind != "im" and self.id in channel.members
        ]
        return [self._conversation(item) for item in places]

    def _conversation(self, one: Conversation) -> Json:
        world = self.slack.world
        own = (message.ts for message in world.ephemerals if message.channel == one.id and message.seen_by == self.id)
        shown = [*own, *(message.ts for message in world.messages[one.id][-1:])]
        return {
            "id": one.id,
            "name": one.name,
            "kind": one.kind,
            "is_archived": one.is_archived,
            "has_app": self.slack.app.bot_user in one.members,
            "latest": max(shown, default=None),
        }

    def shown(self, one: Message) -> Json:
        """A copy of a message as Slack sends it, with the key `channel`."""
        return {**render.message(self.slack.world, one), "channel": one.channel}

    def channel(self, name: str | None) -> Conversation:
        """A conversation that they are in, by name or id; None: the one with the app."""
        channel = self.slack.world.channel_named(name or self.dm)
        if channel is None or (channel.kind != "channel" and self.id not in channel.members):
            raise CannotAct(f"{self.user.name} cannot see a channel {name!r}")
        return channel

    @property
    def stack(self) -> list[Json]:
        """Their open modals, the front one last."""
        world = self.slack.world
        return [self._view(world.views[name]) for name in world.stacks.get(self.id, [])]

    @property
    def modal(self) -> Json | None:
        """The modal in front of them. `errors`: what the app answered, by block id."""
        return self.stack[-1] if self.stack else None

    @property
    def home(self) -> Json | None:
        """The app's Home tab, as they see it."""
        name = self.slack.world.homes.get((self.slack.app.id, self.id))
        return self._view(self.slack.world.views[name]) if name else None

    def _view(self, view: View) -> Json:
        return {**render.view(self.slack.world, view), "errors": dict(view.errors)}
