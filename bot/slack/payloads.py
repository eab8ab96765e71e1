"""Payloads of Slack as typed values: every handler begins by making one. Pure.

Deliveries are signed, so they come from Slack; but they hold what people typed and what older versions of us sent.
https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.slack import ids
from bot.slack.ids import HomeRef, ModalRef, Ref
from engine.domain import Address, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person who acted, and where."""

    team: str
    user: str
    channel: str = ""

    @property
    def address(self) -> Address:
        return Address("slack", self.user)

    def origin(self, **more: str | None) -> Origin:
        """Return the origin for the audit log: ids only."""
        details = {"team": self.team, "user": self.user, "channel": self.channel, **more}
        return Origin(surface="slack", place={name: value for name, value in details.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenView:
    """The modal or Home tab in which a person acted. `ref`: its private metadata, or None if it cannot be read.

    `below`: the modal that it was opened on top of. `labels`: of its inputs, by block id.
    """

    id: str
    kind: Literal["modal", "home"]
    hash: str
    callback: str
    ref: ModalRef | None
    values: Mapping[str, Any]
    below: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    home: HomeRef | None = None
    """What the Home tab shows, or what it showed when this modal was opened from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A click on a button. `message_ts`: its message, None in views; `private`: only this person sees the message."""

    by: Actor
    action: str
    value: str
    trigger: str
    message_ts: str | None
    private: bool
    response_url: str | None
    view: SeenView | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Click:
        container = _part(body, "container")
        action = next(iter(body.get("actions") or [{}]))
        return cls(
            by=_actor(body),
            action=_text(action, "action_id"),
            value=_text(action, "value"),
            trigger=_text(body, "trigger_id"),
            message_ts=_text(container, "message_ts") or None,
            private=container.get("is_ephemeral") is True,
            response_url=_text(body, "response_url") or None,
            view=_view(body),
        )

    @property
    def modal(self) -> SeenView | None:
        """The modal that the button is in."""
        return self.view if self.view is not None and self.view.kind == "modal" else None

    @property
    def home(self) -> HomeRef | None:
        """What the Home tab shows that was clicked; None if it was not the Home tab."""
        return self.view.home if self.view is not None and self.view.kind == "home" else None

    def opening(self, ref: Ref) -> ModalRef:
        """Return the metadata for a modal that this click opens; it keeps the place that was clicked first."""
        earlier = self.modal.ref if self.modal is not None else None
        if earlier is not None:
            return ModalRef(
                ref=ref,
                channel=earlier.channel,
                message_ts=earlier.message_ts,
                response_url=earlier.response_url,
                home=earlier.home,
            )
        if self.message_ts is None or self.private:
            return ModalRef(ref=ref, home=self.home)
        return ModalRef(
            ref=ref, channel=self.by.channel or None, message_ts=self.message_ts, response_url=self.response_url
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A modal that was submitted."""

    by: Actor
    view: SeenView

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Submission:
        view = _view(body)
        assert view is not None, "Slack sends the view with each submission"
        channel = view.ref.channel if view.ref is not None else None
        by = _actor(body)
        return cls(by=Actor(team=by.team, user=by.user, channel=channel or ""), view=view)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageShortcut:
    """An entry of the menu of a message that was chosen. `channel_name`: empty if Slack does not tell it."""

    by: Actor
    trigger: str
    response_url: str | None
    ts: str
    channel_name: str
    message: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> MessageShortcut:
        name = _text(_part(body, "channel"), "name")
        return cls(
            by=_actor(body),
            trigger=_text(body, "trigger_id"),
            response_url=_text(body, "response_url") or None,
            ts=_text(body, "message_ts"),
            channel_name="" if name in ("directmessage", "privategroup") else name,
            message=_part(body, "message"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedReaction:
    """An emoji that a person added to a message. `ts`: of the message, empty if it is none."""

    by: Actor
    emoji: str
    ts: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> AddedReaction:
        event = _part(body, "event")
        item = _part(event, "item")
        return cls(
            by=Actor(team=_text(body, "team_id"), user=_text(event, "user"), channel=_text(item, "channel")),
            # The skin tone follows the name.
            emoji=_text(event, "reaction").partition("::")[0],
            ts=_text(item, "ts") if item.get("type") == "message" else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedCommand:
    """A slash command: the first word of its text, and what follows."""

    by: Actor
    command: str
    word: str
    rest: str
    trigger: str
    response_url: str | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> TypedCommand:
        word, rest = first_word(_text(body, "text"))
        return cls(
            by=Actor(
                team=_text(body, "team_id"),
                user=_text(body, "user_id"),
                channel=_text(body, "channel_id"),
            ),
            command=_text(body, "command") or "/signoff",
            word=word.lower(),
            rest=rest,
            trigger=_text(body, "trigger_id"),
            response_url=_text(body, "response_url") or None,
        )


def first_word(typed: str) -> tuple[str, str]:
    """Return the first word, and what follows after any white space."""
    word, *rest = typed.split(maxsplit=1) or [""]
    return word, "".join(rest).rstrip()


def actor_of(body: Mapping[str, Any]) -> Actor:
    """Return the person behind a payload of any kind, or None."""
    if isinstance(body.get("user_id"), str):
        return TypedCommand.of(body).by
    return _actor(body)


def _actor(body: Mapping[str, Any]) -> Actor:
    user, team = _part(body, "user"), body.get("team")
    # In a workspace of Enterprise Grid `team` is null for apps of the whole organisation.
    team_id = _text(team, "id") if isinstance(team, Mapping) else _text(user, "team_id")
    container = _part(body, "container")
    channel = _text(_part(body, "channel"), "id") or _text(container, "channel_id")
    return Actor(team=team_id, user=_text(user, "id"), channel=channel)


def _view(body: Mapping[str, Any]) -> SeenView | None:
    view = body.get("view")
    if not isinstance(view, Mapping):
        return None
    is_home, metadata = view.get("type") == "home", view.get("private_metadata")
    ref = None if is_home else ids.decode_modal(metadata)
    return SeenView(
        id=_text(view, "id"),
        kind="home" if is_home else "modal",
        hash=_text(view, "hash"),
        callback=_text(view, "callback_id"),
        ref=ref,
        values=_part(_part(view, "state"), "values"),
        below=_text(view, "previous_view_id"),
        labels=_labels(view.get("blocks")),
        # A tab of an older version shows the first page.
        home=(ids.decode_home(metadata) or HomeRef()) if is_home else ref.home if ref is not None else None,
    )


def _labels(blocks: object) -> dict[str, str]:
    """Return the labels of the inputs, by block id."""
    inputs = [block for block in blocks if isinstance(block, Mapping)] if isinstance(blocks, list) else []
    return {_text(block, "block_id"): _text(_part(block, "label"), "text") for block in inputs if "label" in block}


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = whole.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(whole: Mapping[str, Any], name: str) -> str:
    value = whole.get(name)
    return value if isinstance(value, str) else ""
