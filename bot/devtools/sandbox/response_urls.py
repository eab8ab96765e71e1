"""Response URLs: five uses in thirty minutes (interactivity/handling-user-interaction#message_responses)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from bot.devtools.sandbox import limits, messages
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.world import InstalledApp, Message, World


@dataclass(kw_only=True)
class ResponseUrl:
    """The response URL of one interaction. `ts`: its message; None for slash commands."""

    app_id: str
    user: str
    channel: str
    issued: float
    ts: str | None = None
    uses: int = 0


@dataclass
class ResponseUrls:
    """All issued response URLs."""

    world: World
    issued: dict[str, ResponseUrl] = field(default_factory=dict)

    def issue(self, *, app: InstalledApp, user: str, channel: str, ts: str | None = None) -> str:
        """Issue a response URL, and return its path."""
        kind = "commands" if ts is None else "actions"
        path = f"/{kind}/{self.world.team.id}/{self.world.count('response_url')}/{uuid.uuid4().hex}"
        self.issued[path] = ResponseUrl(
            app_id=app.id, user=user, channel=channel, issued=self.world.time.seconds, ts=ts
        )
        return path

    def use(self, path: str, body: Any) -> None:
        """Apply a message that the app posted there. Raises `ApiError`: `used_url` and `expired_url` are HTTP 404."""
        url = self.issued.get(path)
        if url is None:
            raise ApiError("no_service")
        if url.uses >= limits.RESPONSE_URL_USES:
            raise ApiError("used_url")
        if self.world.time.seconds - url.issued > limits.RESPONSE_URL_SECONDS:
            raise ApiError("expired_url")
        if not isinstance(body, dict):
            raise ApiError("invalid_payload")
        self._apply(url, body)
        url.uses += 1

    def _apply(self, url: ResponseUrl, body: Json) -> None:
        # Slack's examples have "true" as a string, and its SDKs send a boolean: both are accepted.
        original = self._original(url)
        if _is_true(body.get("delete_original")):
            if original is None:
                raise ApiError("message_not_found")
            messages.delete(self.world, original)
            return
        content = messages.parse_content(body, longest=None)
        if _is_true(body.get("replace_original")) and url.ts is not None:
            if original is None:
                raise ApiError("message_not_found")
            messages.update(self.world, original, content=content)
            return
        post_response(self.world, url=url, content=content, arguments=body)

    def _original(self, url: ResponseUrl) -> Message | None:
        if url.ts is None:
            return None
        return self.world.message(url.channel, url.ts) or self.world.ephemeral(url.channel, url.ts)


def post_response(world: World, *, url: ResponseUrl, content: messages.MessageContent, arguments: Json) -> None:
    """Post a message in the conversation of the interaction: ephemeral, unless it is `in_channel`."""
    app, channel = world.apps[url.app_id], world.channels[url.channel]
    kind = arguments.get("response_type", "ephemeral")
    if kind == "in_channel":
        messages.post(world, app=app, channel=channel, content=content, arguments=arguments)
    elif kind == "ephemeral":
        messages.post_ephemeral(world, app=app, channel=channel, user=url.user, content=content)
    else:
        raise ApiError("invalid_response_type")


def _is_true(value: Any) -> bool:
    return value is True or value in ("true", "1")
