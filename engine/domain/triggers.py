"""Words of triggers: what starts runs by itself, and what happens when that cannot go as it should."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class TriggerKind(StrEnum):
    """What a trigger listens to."""

    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    MESSAGE = "message"
    REACTION = "reaction"
    EMAIL = "email"


class Missed(StrEnum):
    """What happens to times of a schedule at which no server ran."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class Overlap(StrEnum):
    """What happens when the run before has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


AUTOMATIC: frozenset[str] = frozenset({TriggerKind.SCHEDULE.value, TriggerKind.WEBHOOK.value})
"""The triggers whose runs no person starts. Their requester has an address of this kind, whose value is the name of the
workflow. The runs of all other triggers are started by the person who did what the trigger listens to."""


class Offer(Struct, frozen=True, kw_only=True):
    """A trigger of the current version of a workflow, by which a person starts a run.

    `id`: of the trigger. `position`: its place in the file. `identity`: what it listens to, as text.
    """

    id: str
    workflow: str
    title: str
    position: int
    identity: str
