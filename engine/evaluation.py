"""What people made of drafts, by the prompt and the model that wrote them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct, field

from engine import json_values
from engine.json_values import Value
from engine.replay import Correction
from engine.workflowfile import Step

_ASKED_BY: Final = ("prompt", "system", "model", "output", "temperature", "files")
"""The parameters of an `ai` step that make another prompt if they change."""


class PromptVersion(Struct, frozen=True):
    """A prompt as the file writes it, and the model that answered. `digest`: of what the step asks."""

    step: str
    digest: str
    model: str


def prompt_digest(step: Step) -> str:
    """Return the beginning of the SHA-256 of what an `ai` step asks, before data is filled in."""
    params = step.params.value
    asked: dict[str, Value] = {}
    if isinstance(params, dict):
        asked.update((name, params[name]) for name in _ASKED_BY if name in params)
    return json_values.digest(asked)[:8]


class JudgedDraft(Struct, frozen=True, kw_only=True):
    """A draft that people decided about. `correction`: what they did other than to approve it as it was.

    `fields`: of an approved draft, how much of each field that they could change was changed, from 0 to 1. `cost`: of
    the calls that made it, in US dollars; None if it is not known.
    """

    prompt: PromptVersion
    workflow_version: int
    decided_at: datetime
    correction: Correction | None
    fields: Mapping[str, float]
    calls: int
    cost: Decimal | None


class FieldEdits(Struct):
    """How a field of approved drafts was changed. `distance`: the sum over those that were."""

    drafts: int = 0
    changed: int = 0
    distance: float = 0.0

    @property
    def mean_distance(self) -> float:
        """How much of the field was changed, on average over those that were."""
        return self.distance / self.changed if self.changed else 0.0

    def add(self, distance: float) -> None:
        """Count a draft."""
        self.drafts += 1
        self.changed += distance > 0
        self.distance += distance


class PromptReport(Struct, kw_only=True):
    """What became of the drafts of one prompt and model."""

    prompt: PromptVersion
    versions: set[int] = field(default_factory=set)
    drafts: int = 0
    corrections: Counter[Correction] = field(default_factory=Counter)
    fields: dict[str, FieldEdits] = field(default_factory=dict)
    calls: int = 0
    cost: Decimal = Decimal(0)
    unknown_costs: int = 0
    since: datetime | None = None
    until: datetime | None = None

    @property
    def unchanged(self) -> int:
        """How many drafts were approved as they were."""
        return self.drafts - self.corrections.total()

    @property
    def approved(self) -> int:
        """How many drafts were approved, with or without changes."""
        return self.unchanged + self.corrections[Correction.EDITED]

    def add(self, draft: JudgedDraft) -> None:
        """Count a draft. Drafts come in the order of their decisions."""
        self.drafts += 1
        self.versions.add(draft.workflow_version)
        self.since, self.until = self.since or draft.decided_at, draft.decided_at
        if draft.correction is not None:
            self.corrections[draft.correction] += 1
        for name, distance in draft.fields.items():
            self.fields.setdefault(name, FieldEdits()).add(distance)
        self.calls += draft.calls
        self.cost += draft.cost or 0
        self.unknown_costs += draft.cost is None


def reports(drafts: Iterable[JudgedDraft]) -> list[PromptReport]:
    """Return a report for each prompt and model, the one that was used last first."""
    found: dict[PromptVersion, PromptReport] = {}
    for draft in drafts:
        report = found.pop(draft.prompt, None) or PromptReport(prompt=draft.prompt)
        report.add(draft)
        found[draft.prompt] = report
    return [*reversed(found.values())]
