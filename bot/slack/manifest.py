"""The manifest of the Slack app, made from the scopes, events and commands that the code uses.

https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import yaml

from bot import page_urls
from bot.palette import palette
from bot.slack import bolt_app, ids, transport

_NEW_APP: Final = "https://api.slack.com/apps?new_app=1&manifest_yaml="
SCOPES: Final = {
    "chat:write": "send requests, answers and outcomes",
    "commands": f"offer {bolt_app.COMMAND}",
    "files:read": "take files that were uploaded",
    "im:history": "find a request again whose sending was cut off, and answer who writes to it",
    "im:write": "write to people",
    "usergroups:read": "find out who is in a usergroup of approvers",
    "users:read": "see names, and whether an account is deactivated, a guest or a bot",
    "users:read.email": "find the account of an email address",
}
"""The scopes of the bot token, each with its purpose."""
OPTIONAL: Final = {
    "channels:history": "answer who types a decision below a request in a channel, and find posts there again",
    "channels:join": "join the public channels to which workflows post requests",
    "channels:read": "say when a workflow is registered that the app is not in a channel",
    "groups:history": "the same as channels:history in private channels",
    "groups:read": "the same as channels:read for private channels",
    "reactions:read": "start workflows by an emoji that people add to messages",
}
"""Scopes that the app works without."""
SIGN_IN_SCOPES: Final = ("openid", "profile", "email")
"""The user scopes of Sign in with Slack: who a person is, their name, and their email address."""
METHODS: Final = {
    "auth.test": None,
    "bots.info": "users:read",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "im:history",
    "conversations.info": "channels:read",
    "conversations.join": "channels:join",
    "conversations.list": "channels:read",
    "conversations.open": "im:write",
    "conversations.replies": "channels:history",
    "files.info": "files:read",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "users.conversations": "channels:read",
    "users.info": "users:read",
    "users.list": "users:read",
    "users.lookupByEmail": "users:read.email",
    "views.open": None,
    "views.publish": None,
    "views.push": None,
    "views.update": None,
}
"""The methods of the Web API that are called, each with the scope that it needs."""
_HEAD: Final = """\
# The Slack app that Signoff is. Create it at https://api.slack.com/apps, "From a manifest".
# Printed by: signoff manifest{options}
"""


def manifest(url: str | None = None, pages: str | None = None) -> dict[str, Any]:
    """Return the manifest.

    `url`: where Slack reaches this server; without one, the server opens a socket to Slack. `pages`: the address of the
    review pages, on which people sign in with Slack.
    """
    sockets = url is None
    request = {} if url is None else {"request_url": url.rstrip("/") + transport.PATH}
    command = {
        "command": bolt_app.COMMAND,
        "description": "Run workflows, and see what waits for you",
        "usage_hint": "help | run NAME | list | pending | runs",
        "should_escape": False,
        **({"url": request["request_url"]} if request else {}),
    }
    return {
        "display_information": {
            "name": "Signoff",
            "description": "Workflows whose risky steps wait for a person's decision",
            "background_color": palette().light["accent"],
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "Signoff", "always_online": True},
            "shortcuts": [
                {
                    "name": "Run a workflow",
                    "type": "message",
                    "callback_id": ids.MESSAGE_SHORTCUT,
                    "description": "Start a workflow with this message",
                }
            ],
            "slash_commands": [command],
        },
        "oauth_config": _oauth(pages),
        "settings": {
            "event_subscriptions": {**request, "bot_events": sorted(bolt_app.EVENTS)},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": sockets,
            "token_rotation_enabled": False,
        },
    }


def _oauth(pages: str | None) -> dict[str, Any]:
    bot = {"bot": sorted({**SCOPES, **OPTIONAL})}
    if pages is None:
        return {"scopes": bot}
    return {"redirect_urls": [page_urls.redirect_url(pages.rstrip("/"))], "scopes": {"user": [*SIGN_IN_SCOPES], **bot}}


def link(url: str | None = None, pages: str | None = None) -> str:
    """Return the address of Slack's page that creates an app from this manifest."""
    return f"{_NEW_APP}{quote(_document(url, pages), safe='')}"


def as_yaml(url: str | None = None, pages: str | None = None) -> str:
    """Return the manifest as YAML."""
    options = (f" --url {url}" if url else "") + (f" --sign-in {pages}" if pages else "")
    return _HEAD.replace("{options}", options) + _document(url, pages)


def _document(url: str | None, pages: str | None) -> str:
    return yaml.safe_dump(manifest(url, pages), sort_keys=False, allow_unicode=True)
