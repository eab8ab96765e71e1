"""The people and channels of a new workspace, and the app that is installed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.mail.records import Outsider
from bot.devtools.sandbox.world import InstalledApp, User, Usergroup, World

SCOPES: Final = (
    "chat:write",
    "im:write",
    "im:history",
    "commands",
    "users:read",
    "users:read.email",
    "usergroups:read",
    "files:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "groups:history",
    "groups:read",
    "reactions:read",
)


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """The app under test, as its manifest and its installation define it."""

    name: str = "Signoff"
    bot_token: str = "xoxb-sandbox-signoff"  # noqa: S105 valid in the sandbox only
    app_token: str = "xapp-sandbox-signoff"  # noqa: S105
    signing_secret: str = "sandbox-signing-secret"  # noqa: S105
    client_id: str = "4242424242.1234567890"
    client_secret: str = "sandbox-client-secret"  # noqa: S105
    redirect_urls: tuple[str, ...] = ()
    """Where people may be sent back after they signed in. If there are none, to any address of this machine."""
    scopes: tuple[str, ...] = SCOPES
    request_url: str | None = None
    """The URL for deliveries. Without it and without a socket, the app cannot be reached."""
    commands: tuple[str, ...] = ("/signoff",)
    escaped_commands: tuple[str, ...] = ()
    shortcuts: tuple[str, ...] = ()
    message_shortcuts: tuple[tuple[str, str], ...] = (("message.run", "Run a workflow"),)
    """Callback ids and names of the entries in the menu of messages."""
    events: tuple[str, ...] = (
        *("app_home_opened", "app_uninstalled"),
        *("message.channels", "message.groups", "message.im"),
        *("reaction_added", "tokens_revoked", "user_change"),
    )
    home_tab: bool = True
    messages_tab: bool = True
    interactivity: bool = True
    socket_mode: bool = True

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any], **others: Any) -> AppConfig:
        """Build the app that a manifest describes (https://docs.slack.dev/reference/app-manifest)."""
        features = manifest.get("features", {})
        settings = manifest.get("settings", {})
        home = features.get("app_home", {})
        commands, shortcuts = features.get("slash_commands", []), features.get("shortcuts", [])
        return cls(
            name=manifest["display_information"]["name"],
            scopes=tuple(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", ())),
            redirect_urls=tuple(manifest.get("oauth_config", {}).get("redirect_urls", ())),
            commands=tuple(command["command"] for command in commands),
            escaped_commands=tuple(command["command"] for command in commands if command.get("should_escape")),
            shortcuts=tuple(
                shortcut["callback_id"] for shortcut in shortcuts if shortcut.get("type", "global") == "global"
            ),
            message_shortcuts=tuple(
                (shortcut["callback_id"], shortcut["name"])
                for shortcut in shortcuts
                if shortcut.get("type") == "message"
            ),
            events=tuple(settings.get("event_subscriptions", {}).get("bot_events", ())),
            home_tab=home.get("home_tab_enabled", False),
            messages_tab=home.get("messages_tab_enabled", False),
            interactivity=settings.get("interactivity", {}).get("is_enabled", False),
            socket_mode=settings.get("socket_mode_enabled", False),
            **others,
        )


def install(world: World, config: AppConfig) -> InstalledApp:
    """Install the app with its bot user."""
    name = config.name.lower().replace(" ", "_")
    bot = User(id=world.new_id("U"), name=name, real_name=config.name, is_bot=True)
    world.users[bot.id] = bot
    app = InstalledApp(
        id=world.new_id("A"),
        bot_id=world.new_id("B"),
        bot_user=bot.id,
        **_app_fields(config),
    )
    world.apps[app.id] = app
    return app


def reinstall(app: InstalledApp, config: AppConfig) -> None:
    """Install the same app again: its tokens work, and it has the current configuration."""
    app.token_error = None
    for name, value in _app_fields(config).items():
        setattr(app, name, value)


def _app_fields(config: AppConfig) -> dict[str, Any]:
    values: dict[str, Any] = {config_field.name: getattr(config, config_field.name) for config_field in fields(config)}
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {**lists, "message_shortcuts": dict(config.message_shortcuts)}


_PEOPLE: Final[tuple[dict[str, Any], ...]] = (
    {"name": "ada", "real_name": "Ada Approver"},
    {
        "name": "ben",
        "real_name": "Ben Approver",
        "tz": "America/New_York",
        "tz_label": "Eastern Standard Time",
        "tz_offset": -18_000,
    },
    {
        "name": "cleo",
        "real_name": "Cleo Builder",
        "tz": "Asia/Kolkata",
        "tz_label": "India Standard Time",
        "tz_offset": 19_800,
        "is_admin": True,
    },
    {"name": "gus", "real_name": "Gus Guest", "is_restricted": True},
    {"name": "una", "real_name": "Una Single-Channel Guest", "is_restricted": True, "is_ultra_restricted": True},
    {"name": "dora", "real_name": "Dora Deactivated", "deleted": True},
)
OTHER_BOT: Final = AppConfig(
    name="Other bot",
    bot_token="xoxb-sandbox-other",  # noqa: S106
    app_token="xapp-sandbox-other",  # noqa: S106
    signing_secret="other-secret",  # noqa: S106
    commands=(),
    events=(),
    message_shortcuts=(),
)


def outsiders() -> list[Outsider]:
    """Return the people who have an email address but no Slack account."""
    return [Outsider(name="mia", real_name="Mia Approver", email="mia@example.com")]


def new_world(time: Time, config: AppConfig) -> World:
    """Build a workspace with people, groups, channels, the app and one other bot, and a person outside it.

    Channels: `general` (all people, and the app), `finance` (public, without the app), `leads` (private, with the
    app), `secret` (private, without it), `old` (archived). Usergroups: `finance-approvers`, `disbanded`.
    """
    world = World(time)
    world.users["USLACKBOT"] = User(id="USLACKBOT", name="slackbot", real_name="Slackbot", is_bot=True)
    for person in _PEOPLE:
        user = User(id=world.new_id("U"), email=f"{person['name']}@example.com", **person)
        world.users[user.id] = user
    world.outsiders = outsiders()
    ids = {user.name: user.id for user in world.users.values()}
    bot = install(world, config).bot_user
    install(world, OTHER_BOT)
    members = [ids[name] for name in ("ada", "ben", "cleo", "gus")]
    world.add_channel(name="general", kind="channel", members=[*members, bot])
    world.add_channel(name="finance", kind="channel", members=[ids["ada"], ids["ben"]])
    world.add_channel(name="leads", kind="private", members=[ids["ada"], ids["cleo"], bot])
    world.add_channel(name="secret", kind="private", members=[ids["cleo"]])
    world.add_channel(name="old", kind="channel", members=[ids["ada"], bot]).is_archived = True
    for handle, group_members, disabled in (
        ("finance-approvers", [ids["ada"], ids["ben"]], False),
        ("disbanded", [ids["gus"]], True),
    ):
        group = Usergroup(
            id=world.new_id("S"), handle=handle, name=handle.title(), users=group_members, disabled=disabled
        )
        world.usergroups[group.id] = group
    return world
