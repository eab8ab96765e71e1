"""The channel-neutral content of a copy, and what finds the copy again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from engine.domain.statuses import DeliveryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CardField:
    """One field as shown. `before`: what stood there, where a person changed it."""

    path: str
    label: str
    type: str
    text: str
    editable: bool = False
    before: str | None = None
    account: str | None = None
    """Of a person whose name is the text: where they can be shown as more than a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAction:
    verdict: Literal["approve", "edit", "reject"]
    label: str
    confirm: str | None = None
    primary: bool = False
    """What the request is there for: to approve, or to fill in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The channel-neutral content of one copy: a channel only arranges it.

    `state` is the sentence on top once the request is closed; `actions` is empty exactly then.
    """

    kind: DeliveryKind
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    fields: tuple[CardField, ...] = ()
    state: str | None = None
    actions: tuple[CardAction, ...] = ()
    expires_at: datetime | None = None
    expires_after: timedelta | None = None
    """Instead of `expires_at` in copies that are made before anybody was shown one: the clock has not started."""
    request: str | None = None
    run: str | None = None
    topic: str | None = None
    """What an alert is about."""
    about: str | None = None
    """The title of the request that an alert follows, for channels with threads: whoever gets it approved that."""
    step: str | None = None
    visit: int | None = None
    attempt: int | None = None
    """With `step`: the visit, and the call in it, whose outcome an alert asks about."""
    content_version: int | None = None
    digest: str | None = None
    token: str | None = field(default=None, repr=False)
    """What the link to review carries, made afresh for this very copy; only for channels that carry links."""
    code: str | None = field(default=None, repr=False)
    """What a copy of the kind `code` tells its reader."""
    again: bool = False
    """Nobody knows whether an earlier post of this very copy arrived."""
    until: datetime | None = None
    """With `code` or `token`: how long it can be used."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What lets a channel edit or find the copy it showed (ids only)."""

    data: Mapping[str, str]
