"""The state of the workspace: plain dataclasses, with unique ids and timestamps as the only rules."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.mail.records import Outsider, ReceivedMail

ChannelKind = Literal["channel", "private", "im"]
_MICRO: Final = 1_000_000


@dataclass(kw_only=True)
class Team:
    """The workspace."""

    id: str
    name: str = "Sandbox"
    domain: str = "sandbox"
    has_usergroups: bool = True
    """False: the plan has no usergroups, so methods answer `plan_upgrade_required`."""
    edit_window_seconds: float | None = None
    """Seconds for which messages may be edited; None is no limit, the default of a workspace."""


@dataclass(kw_only=True)
class User:
    """A person or a bot."""

    id: str
    name: str
    real_name: str
    email: str = ""
    tz: str = "Europe/Berlin"
    tz_label: str = "Central European Time"
    tz_offset: int = 3600
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    """The account belongs to another workspace that shares a channel."""
    is_admin: bool = False


@dataclass(kw_only=True)
class Usergroup:
    id: str
    handle: str
    name: str
    users: list[str]
    disabled: bool = False


@dataclass(kw_only=True)
class Conversation:
    id: str
    name: str
    kind: ChannelKind
    members: list[str]
    is_archived: bool = False
    created: int = 0
    last_micro: int = 0
    """The newest timestamp of the conversation, in microseconds."""


@dataclass(kw_only=True)
class Message:
    """A message. `seen_by`: the only user who sees it, for ephemeral messages."""

    channel: str
    ts: str
    user: str
    app_id: str | None = None
    bot_id: str | None = None
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str | None = None
    reply_broadcast: bool = False
    edited: Json | None = None
    updates: int = 0
    seen_by: str | None = None
    unfurl_links: bool = False
    unfurl_media: bool = True
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    """The people who added each emoji, by its name."""


@dataclass(kw_only=True)
class View:
    """A modal or a Home tab. `payload`: as the app sent it, with ids for blocks that had none."""

    id: str
    app_id: str
    user: str
    payload: Json
    hash: str
    root: str
    previous: str | None = None
    state: dict[str, dict[str, Json]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Errors of the app's response to a submission, by block id; shown under the fields."""
    closed: bool = False


@dataclass(kw_only=True)
class File:
    id: str
    name: str
    mimetype: str
    filetype: str
    user: str
    created: int
    content: bytes = field(repr=False)


@dataclass(kw_only=True)
class InstalledApp:
    """An installed app. `token_error`: the error of calls with its tokens, if any."""

    id: str
    name: str
    bot_id: str
    bot_user: str
    bot_token: str
    app_token: str
    signing_secret: str
    scopes: list[str]
    client_id: str = ""
    client_secret: str = ""
    redirect_urls: list[str] = field(default_factory=list)
    verification_token: str = "sandbox-verification"  # noqa: S105 deprecated by Slack, still in payloads
    request_url: str | None = None
    commands: list[str] = field(default_factory=list)
    escaped_commands: list[str] = field(default_factory=list)
    """Commands whose text Slack escapes: `@ada` arrives as `<@U…|ada>`."""
    shortcuts: list[str] = field(default_factory=list)
    """Callback ids of global shortcuts."""
    message_shortcuts: dict[str, str] = field(default_factory=dict)
    """Names of the entries in the menu of messages, by callback id."""
    events: list[str] = field(default_factory=list)
    home_tab: bool = True
    messages_tab: bool = True
    interactivity: bool = True
    socket_mode: bool = True
    token_error: str | None = None


@dataclass(kw_only=True)
class ShownFailure:
    """A failure that Slack's client showed to a person."""

    where: str
    code: str
    text: str
    at: float


class World:
    """The whole state, with lookups."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.counters: Counter[str] = Counter()
        self.team = Team(id=self.new_id("T"))
        self.users: dict[str, User] = {}
        self.outsiders: list[Outsider] = []
        self.usergroups: dict[str, Usergroup] = {}
        self.channels: dict[str, Conversation] = {}
        self.messages: dict[str, list[Message]] = {}
        self.ephemerals: list[Message] = []
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[tuple[str, str], str] = {}
        self.files: dict[str, File] = {}
        self.apps: dict[str, InstalledApp] = {}
        self.mails: list[ReceivedMail] = []
        self.troubles: dict[str, list[ShownFailure]] = {}

    def new_id(self, prefix: str) -> str:
        """Return an id in Slack's shape; every new workspace gets the same ids."""
        self.counters[prefix] += 1
        digest = hashlib.sha256(f"{prefix}{self.counters[prefix]}".encode()).digest()
        return prefix + "0" + base64.b32encode(digest).decode()[:9].replace("=", "X")

    def count(self, name: str) -> int:
        """Count up for a name: 1, 2, 3 …"""
        self.counters[name] += 1
        return self.counters[name]

    def new_ts(self, channel: Conversation) -> str:
        """Return a timestamp for a message, unique in its channel and later than all before."""
        micro = max(int(self.time.seconds * _MICRO), channel.last_micro + 1)
        channel.last_micro = micro
        return f"{micro // _MICRO}.{micro % _MICRO:06d}"

    def user_named(self, name: str) -> User | None:
        """Return a user by name or id."""
        return self.users.get(name) or next((user for user in self.users.values() if user.name == name), None)

    def channel_named(self, name: str) -> Conversation | None:
        """Return a conversation by name (with or without #) or id."""
        bare = name.removeprefix("#")
        return self.channels.get(name) or next(
            (channel for channel in self.channels.values() if channel.kind != "im" and channel.name == bare), None
        )

    def dm(self, user: str, other: str) -> Conversation:
        """Return the direct conversation of two users, and create it if it is missing."""
        members = sorted({user, other})
        for channel in self.channels.values():
            if channel.kind == "im" and channel.members == members:
                return channel
        return self.add_channel(name="", kind="im", members=members)

    def add_channel(self, *, name: str, kind: ChannelKind, members: list[str]) -> Conversation:
        """Create a conversation."""
        conversation = Conversation(
            id=self.new_id("D" if kind == "im" else "C"),
            name=name,
            kind=kind,
            members=members,
            created=int(self.time.seconds),
        )
        self.channels[conversation.id] = conversation
        self.messages[conversation.id] = []
        return conversation

    def message(self, channel: str, ts: str) -> Message | None:
        """Return a message that all members see."""
        return next((message for message in self.messages.get(channel, []) if message.ts == ts), None)

    def ephemeral(self, channel: str, ts: str) -> Message | None:
        """Return an ephemeral message."""
        return next((message for message in self.ephemerals if message.channel == channel and message.ts == ts), None)

    def app_of_token(self, token: str) -> InstalledApp | None:
        """Return the app of a bot token or app-level token."""
        return next((app for app in self.apps.values() if token in (app.bot_token, app.app_token)), None)

    def trouble(self, user: str, *, where: str, code: str, text: str) -> None:
        """Record a failure that Slack's client shows to this person."""
        self.troubles.setdefault(user, []).append(ShownFailure(where=where, code=code, text=text, at=self.time.seconds))

    def to_json(self) -> Json:
        """Return the state without emails. Files have their size only; secrets are included."""
        files = {
            key: {name: value for name, value in vars(file).items() if name != "content"} | {"size": len(file.content)}
            for key, file in self.files.items()
        }
        return {
            "team": asdict(self.team),
            "users": _all_json(self.users),
            "outsiders": [asdict(outsider) for outsider in self.outsiders],
            "usergroups": _all_json(self.usergroups),
            "channels": _all_json(self.channels),
            "messages": {key: [asdict(message) for message in messages] for key, messages in self.messages.items()},
            "ephemerals": [asdict(message) for message in self.ephemerals],
            "views": _all_json(self.views),
            "stacks": {key: list(ids) for key, ids in self.stacks.items()},
            "homes": [{"app": app, "user": user, "view": view} for (app, user), view in self.homes.items()],
            "files": files,
            "apps": _all_json(self.apps),
            "troubles": {key: [asdict(failure) for failure in failures] for key, failures in self.troubles.items()},
        }


def _all_json(things: dict[str, Any]) -> Json:
    return {key: asdict(thing) for key, thing in things.items()}
