"""The shape of each kind of payload, checked before a handler sees it, and the app and workspace it is for. Pure.

Only what the handlers rely on is asked for, because Slack adds fields at any time.
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
RATE_LIMITED: Final = "app_rate_limited"
PROBES: Final = frozenset({"url_verification", "ssl_check"})
"""Payloads that only test the connection. They are for no workspace."""

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]


class Malformed(ValueError):
    """A payload of the wrong shape. The text names the place in it, and quotes no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPayload:
    """`event`: the kind of an event. `teams` and `enterprises`: the installations that it is for, as far as it says."""

    kind: str
    event: str = ""
    app: str = ""
    teams: frozenset[str] = frozenset()
    enterprises: frozenset[str] = frozenset()

    @property
    def named(self) -> str:
        return self.event or self.kind


# -- shapes -------------------------------------------------------------------------------------------------


class _Named(Struct):
    id: SlackId


class _Action(Struct):
    action_id: _Name


class _State(Struct):
    values: dict[str, dict[str, dict[str, Any]]] = {}


class _ViewPayload(Struct, kw_only=True):
    id: SlackId
    type: _Name
    callback_id: str
    hash: str | None = None
    private_metadata: str | None = None
    previous_view_id: str | None = None
    state: _State | None = None


class _Interaction(Struct, kw_only=True):
    user: _Named
    api_app_id: str | None = None
    team: _Named | None = None
    enterprise: _Named | None = None
    trigger_id: str | None = None
    response_url: str | None = None
    channel: _Named | None = None
    container: dict[str, Any] | None = None


class _Click(_Interaction, kw_only=True):
    actions: Annotated[list[_Action], Meta(min_length=1)]
    view: _ViewPayload | None = None


class _Submission(_Interaction, kw_only=True):
    view: _ViewPayload


class _Command(Struct):
    command: _Name
    user_id: SlackId
    team_id: SlackId
    channel_id: SlackId
    api_app_id: str | None = None
    enterprise_id: str | None = None
    text: str = ""
    trigger_id: str | None = None
    response_url: str | None = None


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


# -- reading ------------------------------------------------------------------------------------------------


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
            case "command":
                command = msgspec.convert(body, _Command)
                return _delivery(
                    kind, app=command.api_app_id, teams=[command.team_id], enterprises=[command.enterprise_id]
                )
            case "event_callback":
                return _of_event(kind, msgspec.convert(body, _Event))
            case _:
                return _of_anything(kind, body)
    except msgspec.ValidationError as error:
        raise Malformed(f"{kind}: {error}") from None
    except UnicodeEncodeError:
        # JSON can spell half of a character, and msgspec cannot quote it in its own error.
        raise Malformed(f"{kind}: a text holds half of a character") from None


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


def _of_event(kind: str, event: _Event) -> IncomingPayload:
    """Return an event. In a shared conversation it may name the other workspace; its authorizations name ours."""
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
