"""The contents of messages that are about no request: to the owner of a workflow, and to a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from engine.domain import Person
from engine.domain.asks import AskView
from engine.domain.callbacks import CallbackEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerNotice:
    """A trigger that could not start a run. `failure`: why, or None if it has started one since, or is gone."""

    delivery: str
    person: Person
    kind: str
    name: str
    title: str
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerNotice:
    """A workflow whose owner left. `left_at`: None if it has another owner since."""

    delivery: str
    person: Person
    name: str
    title: str
    owner: str
    left_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTarget:
    """Where a callback goes. `protocol`: the form of the call, with its `details`. `secrets`: sealed, one signs each.

    `is_wanted`: False once the endpoint was removed.
    """

    endpoint: str
    key: str
    url: str
    protocol: str
    details: str | None
    secrets: tuple[str, ...] = field(repr=False)
    is_wanted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackNotice:
    """What a program is told of its ask. `person`: names the program in the record. `at`: when it happened."""

    delivery: str
    person: Person
    target: CallbackTarget
    event: CallbackEvent
    at: datetime
    ask: AskView
