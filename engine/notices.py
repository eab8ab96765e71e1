"""The content of a message to the owner of a workflow about a trigger that started no run."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerNotice:
    """A trigger that could not start a run. `failure`: why, or None if it has started one since, or is gone."""

    delivery: str
    person: Person
    kind: str
    name: str
    title: str
    failure: str | None
