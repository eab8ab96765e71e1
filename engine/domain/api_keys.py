"""API keys: the credentials of programs. A program can ask people and start runs, and it can never decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as hidden
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, Literal

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address
from engine.domain.results import Refusal

PER_MINUTE: Final = 600
"""Number of calls a minute that a key may make if its creator says nothing else."""
MOST_PER_MINUTE: Final = 1_000_000
LONGEST_NAME: Final = 80
"""Maximum length of the name of a key, in characters."""
OVERLAP: Final = timedelta(days=1)
"""How long the text before still works after a rotation, if nothing else is said."""
LONGEST_OVERLAP: Final = timedelta(days=30)
LONGEST_LIFETIME: Final = timedelta(days=3_660)


class ApiAction(StrEnum):
    """What a key may be allowed to do. There is none for deciding."""

    ASK = "ask"
    """Ask people, by any of its workflows."""
    START = "start"
    """Start runs of its workflows."""
    READ = "read"
    """Read the runs, requests and decisions of its workflows. What it asked or started itself, a key always reads."""
    PROVISION = "provision"
    """Set up instances of the Agent Approval Protocol."""


class ApiPrincipal(Struct, frozen=True, kw_only=True):
    """The program that calls, as the table of keys knows it. `address` is what the record calls it by.

    `workflows`: the names of its workflows, with `*` and `?`; None: all. `acts_for`: the email address of the person
    in whose name it may act.
    """

    id: str
    name: str
    address: Address
    actions: frozenset[ApiAction]
    workflows: tuple[str, ...] | None = None
    acts_for: str | None = None
    per_minute: int = PER_MINUTE


def may(principal: ApiPrincipal, action: ApiAction, workflow: str | None = None) -> bool:
    """Return whether a key may do this with a workflow: the one place where its limits are checked.

    Without a workflow: whether it may do it at all, with some workflow or where none is concerned.
    """
    if action not in principal.actions:
        return False
    return workflow is None or principal.workflows is None or is_covered(principal.workflows, workflow)


def is_covered(patterns: Sequence[str], workflow: str) -> bool:
    """Return whether one of the patterns fits the name of a workflow."""
    return any(fnmatchcase(workflow, pattern) for pattern in patterns)


# -- commands -----------------------------------------------------------------------------------------------


class CreateApiKey(Struct, frozen=True, kw_only=True):
    """Create a key. `lifetime`: how long it works; None: until it is revoked. The rest: as in `ApiPrincipal`."""

    name: str
    actor: Address
    origin: Origin
    actions: tuple[ApiAction, ...] = (ApiAction.ASK,)
    workflows: tuple[str, ...] | None = None
    acts_for: str | None = None
    per_minute: int = PER_MINUTE
    lifetime: timedelta | None = None
    workspace: str = DEFAULT_WORKSPACE


class RotateApiKey(Struct, frozen=True, kw_only=True):
    """Give a key a new text. `key`: its id or name. `overlap`: how long the text before still works.

    `lifetime`: how long the new text works; None: as long as the one before.
    """

    key: str
    actor: Address
    origin: Origin
    overlap: timedelta = OVERLAP
    lifetime: timedelta | None = None
    workspace: str = DEFAULT_WORKSPACE


class RevokeApiKey(Struct, frozen=True, kw_only=True):
    """End a key for good. `key`: its id or name."""

    key: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


# -- results ------------------------------------------------------------------------------------------------


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """A key as operators see it, without anything from which its text could be made.

    `previous_until`: until when the text before the last rotation works. `used_at`: the last use, to the minute.
    `refused_at`: the last use that was refused and noted in the log. `pending_asks`: how many asks wait for people.
    """

    id: str
    name: str
    actions: tuple[ApiAction, ...]
    workflows: tuple[str, ...] | None
    acts_for: str | None
    per_minute: int
    created_by: str
    created_at: datetime
    rotated_by: str | None
    rotated_at: datetime | None
    previous_until: datetime | None
    expires_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None
    used_at: datetime | None
    refused_at: datetime | None
    pending_asks: int = 0

    def state(self, now: datetime) -> Literal["active", "expired", "revoked"]:
        """Return whether the key works now."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyMade:
    """The key has a new text, which is shown this one time. `unmatched`: patterns that fit no registered workflow."""

    view: ApiKeyView
    text: str = hidden(repr=False)
    unmatched: tuple[str, ...] = ()


class ApiKeyRevoked(Struct, frozen=True, kw_only=True):
    """The key works no more. `since`: when it was revoked, if it was before."""

    view: ApiKeyView
    already: bool = False


class InvalidApiKey(Refusal, frozen=True, kw_only=True):
    """The key cannot be created or rotated like this. `value`: what was given."""

    why: Literal["name", "name_taken", "action", "workflow", "acts_for", "per_minute", "lifetime", "overlap"]
    value: str = ""


class ApiKeyRotated(Refusal, frozen=True, kw_only=True):
    """The key was rotated just before, and two older texts cannot both go on working. `until`: how long that lasts."""

    name: str
    by: str
    at: datetime
    until: datetime


class ApiKeyEnded(Refusal, frozen=True, kw_only=True):
    """The key was revoked, so it cannot be rotated."""

    name: str
    at: datetime


class ApiKeyRefused(Refusal, frozen=True, kw_only=True):
    """The text of a key is not accepted. Only a caller who has the whole text learns that it expired or was revoked.

    `why`: a value of `engine.api_key_text.KeyProblem`, or what is wrong with a text that has the right form.
    """

    why: str
    at: datetime | None = None


class ApiKeyForbids(Refusal, frozen=True, kw_only=True):
    """The key may not do this. `workflow`: with this workflow, if it may with others."""

    name: str
    action: ApiAction
    workflow: str | None = None


class TooManyCalls(Refusal, frozen=True, kw_only=True):
    """The key, or with `per_minute` 0 the client with its wrong keys, has made too many calls. `wait`: how long."""

    wait: timedelta
    per_minute: int = 0
