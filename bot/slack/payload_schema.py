"""The shape of each kind of payload, checked before a handler sees it, and the app and workspace it is for. Pure.

All that the handlers read is checked, and nothing else, because Slack adds fields at any time.
https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from bot.slack.ids import SlackId

COMMAND: Final = "command"
CLICK: Final = "block_actions"
SUBMISSION: Final = "view_submission"
EVENT: Final = "event_callback"
MESSAGE_ACTION: Final = "message_action"
RATE_LIMITED: Final = "app_rate_limited"
PROBES: Final = frozenset({"url_verification", "ssl_check"})
"""Payloads that only test the connection. They are for no workspace."""

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
_Key: TypeAlias = Annotated[str, Meta(max_length=2_000)]
"""A text that Slack gives for one use, such as a trigger or an address for answers."""
_MessageTs: TypeAlias = Annotated[str, Meta(max_length=40)]
_ExactTs: TypeAlias = Annotated[str, Meta(pattern=r"^\d{1,12}\.\d{1,6}$")]
_Moment: TypeAlias = Annotated[int, Meta(ge=-(10**10), le=10**10)]
"""Seconds since 1970, from the year 1653 to 2286."""


class Malformed(ValueError):
    """A payload of the wrong shape. The text names the place in it, and quotes no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPayload:
    """`event`: the kind of an event; `callback`: the id of an entry in a menu.

    `teams` and `enterprises`: the installations that it is for, as far as it says.
    """

    kind: str
    event: str = ""
    callback: str = ""
    app: str = ""
    teams: frozenset[str] = frozenset()
    enterprises: frozenset[str] = frozenset()

    @property
    def named(self) -> str:
        return self.event or self.kind


# -- shapes -------------------------------------------------------------------------------------------------


class _Named(Struct):
    id: SlackId


class _User(_Named):
    team_id: SlackId | None = None


class _Action(Struct):
    action_id: _Name
    value: str | None = None


class _Container(Struct):
    channel_id: SlackId | None = None
    message_ts: _MessageTs | None = None


class _Option(Struct):
    value: str
    text: dict[str, Any] | None = None


class _Element(Struct, kw_only=True):
    """An input, with what was entered. Which of the fields are set depends on its type."""

    type: str
    value: str | None = None
    selected_date: str | None = None
    selected_date_time: _Moment | None = None
    selected_option: _Option | None = None
    selected_options: list[_Option] | None = None
    selected_time: str | None = None
    selected_user: SlackId | None = None
    selected_users: list[SlackId] | None = None
    selected_conversation: SlackId | None = None
    files: list[dict[str, Any]] | None = None


class _State(Struct):
    values: dict[str, dict[str, _Element]] = {}


class _ViewPayload(Struct, kw_only=True):
    id: SlackId
    type: _Name
    callback_id: str
    hash: _Key | None = None
    private_metadata: str | None = None
    previous_view_id: _Key | None = None
    state: _State | None = None


class _Interaction(Struct, kw_only=True):
    user: _User
    api_app_id: str | None = None
    team: _Named | None = None
    enterprise: _Named | None = None
    trigger_id: _Key | None = None
    response_url: _Key | None = None
    channel: _Named | None = None
    container: _Container | None = None


class _Click(_Interaction, kw_only=True):
    actions: Annotated[list[_Action], Meta(min_length=1)]
    view: _ViewPayload | None = None


class _Submission(_Interaction, kw_only=True):
    view: _ViewPayload


class _ChannelNamed(_Named):
    name: str | None = None


class _Shortcut(_Interaction, kw_only=True):
    callback_id: _Name
    message_ts: _ExactTs
    message: dict[str, Any]
    channel: _ChannelNamed


class _Command(Struct):
    command: _Name
    user_id: SlackId
    team_id: SlackId
    channel_id: SlackId
    api_app_id: str | None = None
    enterprise_id: str | None = None
    text: str = ""
    trigger_id: _Key | None = None
    response_url: _Key | None = None


class _Inner(Struct):
    type: _Name


class _Authorization(Struct):
    team_id: str | None = None
    enterprise_id: str | None = None
    user_id: str | None = None


class _Event(Struct):
    event: _Inner
    api_app_id: str | None = None
    team_id: str | None = None
    enterprise_id: str | None = None
    authorizations: list[_Authorization] | None = None


class _HomeView(Struct):
    private_metadata: str | None = None


class _HomeOpened(Struct):
    user: SlackId
    tab: str = "home"
    view: _HomeView | None = None


class _Message(Struct, kw_only=True):
    """A message. Those of apps, and news about other messages, have no user."""

    user: str | None = None
    channel: str | None = None
    channel_type: str | None = None
    parent_user_id: str | None = None
    subtype: str | None = None
    text: str | None = None
    thread_ts: _MessageTs | None = None


class _Item(Struct):
    """What a reaction was added to: a message, or something else that has no channel."""

    type: str
    channel: SlackId | None = None
    ts: _ExactTs | None = None


class _ReactionAdded(Struct):
    user: SlackId
    reaction: _Name
    item: _Item


class _ChangedUser(_Named):
    deleted: bool | None = None


class _UserChange(Struct):
    user: _ChangedUser


class _TokensRevoked(Struct):
    tokens: dict[str, list[str] | None]


_EVENTS: Final[Mapping[str, type[Struct]]] = {
    "app_home_opened": _HomeOpened,
    "message": _Message,
    "reaction_added": _ReactionAdded,
    "tokens_revoked": _TokensRevoked,
    "user_change": _UserChange,
}
"""The shapes of the events whose handlers read more than their type."""


# -- reading ------------------------------------------------------------------------------------------------


def readable(body: Any) -> Any:
    """Return the payload with U+FFFD for what no database stores and no message shows: half of a character, and U+0000.

    Both can be spelled in JSON. Slack sends neither where it says who and what a delivery is about, so no id of ours is
    changed by this.
    """
    try:
        # Nearly all payloads have neither, which an encoder finds out twenty times as fast.
        if rb"\u0000" not in msgspec.json.encode(body):
            return body
    except (UnicodeEncodeError, OverflowError):
        pass
    return _readable(body)


def _readable(part: Any) -> Any:
    if isinstance(part, str):
        return part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")
    if isinstance(part, Mapping):
        return {_readable(key): _readable(value) for key, value in part.items()}
    return [*map(_readable, part)] if isinstance(part, list) else part


def read(body: object) -> IncomingPayload:
    """Return the payload, checked. Raises `Malformed`."""
    if not isinstance(body, Mapping):
        raise Malformed("it is no object")
    kind = _kind(body)
    try:
        match kind:
            case "block_actions":
                return _of_interaction(kind, msgspec.convert(body, _Click))
            case "view_submission":
                return _of_interaction(kind, msgspec.convert(body, _Submission))
            case "message_action":
                shortcut = msgspec.convert(body, _Shortcut)
                return replace(_of_interaction(kind, shortcut), callback=shortcut.callback_id)
            case "command":
                command = msgspec.convert(body, _Command)
                return _delivery(
                    kind, app=command.api_app_id, teams=[command.team_id], enterprises=[command.enterprise_id]
                )
            case "event_callback":
                return _of_event(kind, msgspec.convert(body, _Event), body["event"])
            case _:
                return _of_anything(kind, body)
    except msgspec.ValidationError as error:
        raise Malformed(f"{kind}: {error}") from None


def _kind(body: Mapping[str, Any]) -> str:
    """Return the kind of a payload; a command does not name one."""
    kind = body.get("type")
    if isinstance(kind, str) and kind:
        return kind[:80]
    if isinstance(body.get("command"), str):
        return COMMAND
    if "ssl_check" in body:
        return "ssl_check"
    raise Malformed("it does not say of what kind it is")


def _of_interaction(kind: str, interaction: _Interaction) -> IncomingPayload:
    return _delivery(
        kind,
        app=interaction.api_app_id,
        teams=[interaction.team.id if interaction.team else None],
        enterprises=[interaction.enterprise.id if interaction.enterprise else None],
    )


def _of_event(kind: str, event: _Event, inner: Mapping[str, Any]) -> IncomingPayload:
    """Return an event. In a shared conversation it may name the other workspace; its authorizations name ours."""
    msgspec.convert(inner, _EVENTS.get(event.event.type, _Inner))
    named = event.authorizations or []
    payload = _delivery(
        kind,
        app=event.api_app_id,
        teams=[event.team_id, *(authorization.team_id for authorization in named)],
        enterprises=[event.enterprise_id, *(authorization.enterprise_id for authorization in named)],
    )
    return replace(payload, event=event.event.type)


def _of_anything(kind: str, body: Mapping[str, Any]) -> IncomingPayload:
    """Return a payload of a kind without a handler, with the workspace that it names."""
    team, enterprise = body.get("team"), body.get("enterprise")
    return _delivery(
        kind,
        app=body.get("api_app_id"),
        teams=[body.get("team_id"), team.get("id") if isinstance(team, Mapping) else None],
        enterprises=[body.get("enterprise_id"), enterprise.get("id") if isinstance(enterprise, Mapping) else None],
    )


def _delivery(kind: str, *, app: object, teams: list[Any], enterprises: list[Any]) -> IncomingPayload:
    return IncomingPayload(
        kind=kind,
        app=app if isinstance(app, str) else "",
        teams=frozenset(team for team in teams if isinstance(team, str) and team),
        enterprises=frozenset(enterprise for enterprise in enterprises if isinstance(enterprise, str) and enterprise),
    )
