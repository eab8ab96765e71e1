"""Callbacks: the endpoints of programs that are told what became of what they asked."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as hidden
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address
from engine.domain.results import Refusal

OVERLAP: Final = timedelta(days=1)
"""How long callbacks are signed with the secret before as well, after it was replaced, if nothing else is said."""
LONGEST_OVERLAP: Final = timedelta(days=30)
LONGEST_URL: Final = 2_000
"""Maximum length of the URL of an endpoint, in characters."""
SEALED_FOR: Final = "callback"
"""For what secrets are sealed with the key of the server."""
CHANNEL: Final = "callback"
"""The name of the channel of callbacks, whose addresses are the ids of endpoints."""


class CallbackEvent(StrEnum):
    """What a program is told."""

    DECIDED = "ask.decided"
    """It was approved or rejected, or no gate applied."""
    EXPIRED = "ask.expired"
    """There was no decision in time, or the approval was not used in time."""
    CANCELLED = "ask.cancelled"
    FAILED = "ask.failed"
    OUTCOME_UNKNOWN = "ask.outcome_unknown"
    """The approval was used, and it is not known what became of it. The owner is asked, unless the run has ended."""
    SETTLED = "ask.settled"
    """After that: the owner has answered, the run has ended, or the program has reported the outcome."""


class EndpointState(StrEnum):
    """Whether callbacks are sent to an endpoint."""

    ACTIVE = "active"
    OFF = "off"
    """Its receiver wants no callbacks any more."""
    REMOVED = "removed"


class AddCallback(Struct, frozen=True, kw_only=True):
    """Set an endpoint up for an API key. `key`: the id or name of the key. `secret`: the receiver's own, if it has one.

    `protocol`: the form of the calls. `details`: what that protocol keeps with the endpoint, as JSON.
    """

    key: str
    url: str
    actor: Address
    origin: Origin
    secret: str | None = None
    protocol: str = "signoff"
    details: str | None = None
    workspace: str = DEFAULT_WORKSPACE


class RotateCallback(Struct, frozen=True, kw_only=True):
    """Give an endpoint a new secret. `overlap`: how long callbacks carry a signature with the one before as well."""

    endpoint: str
    actor: Address
    origin: Origin
    overlap: timedelta = OVERLAP
    workspace: str = DEFAULT_WORKSPACE


class EnableCallback(Struct, frozen=True, kw_only=True):
    """Send callbacks to an endpoint again that is off."""

    endpoint: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class RemoveCallback(Struct, frozen=True, kw_only=True):
    """End an endpoint for good."""

    endpoint: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class CallbackEndpointView(Struct, frozen=True, kw_only=True):
    """An endpoint as operators see it, without its secrets. `key_name`: the name of the API key that it belongs to.

    `error`: why it is off, or why the last call failed. `failing_since`: since when no call got through. `failures`:
    how many calls in a row failed; of several at the same time, one counts.
    `previous_until`: until when callbacks are signed with the secret before as well.
    """

    id: str
    key: str
    key_name: str
    url: str
    state: EndpointState
    protocol: str
    created_by: str
    created_at: datetime
    details: str | None = None
    error: str | None = None
    failing_since: datetime | None = None
    failures: int = 0
    rotated_at: datetime | None = None
    previous_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSecretMade:
    """The endpoint has a new secret, which is shown this one time."""

    view: CallbackEndpointView
    secret: str = hidden(repr=False)


class CallbackChanged(Struct, frozen=True, kw_only=True):
    """The endpoint was switched on again, or removed. `already`: it was so before."""

    view: CallbackEndpointView
    already: bool = False


class InvalidCallback(Refusal, frozen=True, kw_only=True):
    """The endpoint cannot be set up or changed like this. `value`: what was given, or why it cannot be called."""

    why: Literal["url", "refused", "taken", "secret", "overlap", "removed", "key"]
    value: str = ""
