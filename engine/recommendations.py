"""What insights recommend about gates, each with its evidence: by sequential tests whose two errors are named. Pure.

The evidence is all that was counted since a moment that it does not choose (`engine.store.insight_evidence`). So the
errors are at most those named, however often people look, and whatever weeks they look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.insights import NO_EVIDENCE, ChangeKey, GateEvidence, GateInsight, GateKey, Insights
from engine.oversight.sampling_plan import SamplingPlan
from engine.oversight.sprt import RateAnswer, SequentialTest

CORRECTIONS: Final = SequentialTest(low=0.01, high=0.03, alpha=0.05, beta=0.05)
"""Whether people correct at most 1 in 100, or at least 3 in 100."""
REMINDED: Final = SequentialTest(low=0.5, high=2 / 3, alpha=0.05, beta=0.05)
"""Of the decisions near a reminder, which share comes after it: one half if it does nothing, two thirds if it doubles
their number."""
PLAN: Final = SamplingPlan(clean=100, share=Decimal("0.1"), later=Decimal("0.1"))
"""The sampling plan that is recommended."""


class RecommendationKind(StrEnum):
    """What is recommended about a gate."""

    SAMPLE = "sample"
    """It is approved unchanged nearly always: a sampling plan would review a share."""
    DROP_REMINDER = "drop_reminder"
    """Its reminders bring no more decisions."""


class Recommendation(Struct, frozen=True, kw_only=True):
    """A recommendation about a gate. `hits` of `cases`: its evidence. `error`: how often it is wrong at most."""

    kind: RecommendationKind
    gate: GateKey
    label: str
    hits: int
    cases: int
    error: float
    against: float
    """The rate that the evidence speaks against."""

    @property
    def key(self) -> ChangeKey:
        return self.gate.workflow, self.gate.step, self.kind.value


def recommend(insights: Insights) -> tuple[Recommendation, ...]:
    """Return what is recommended, the strongest evidence first, without what people refused lately."""
    every = (*_samples(insights), *_reminders(insights))
    found = [one for one in every if not insights.changes.is_declined(one.key)]
    return tuple(sorted(found, key=lambda recommended: (-recommended.cases, recommended.gate.name)))


def _samples(insights: Insights) -> Iterator[Recommendation]:
    for gate, found in _tested(insights):
        # Counts of before an approval waited for its hold: what was undone was decided once and corrected once more.
        cases = max(found.decided, found.corrected)
        if _may_sample(gate) and CORRECTIONS.answer(found.corrected, cases) is RateAnswer.LOW:
            yield Recommendation(
                kind=RecommendationKind.SAMPLE,
                gate=gate.gate,
                label=gate.label,
                hits=cases - found.corrected,
                cases=cases,
                error=CORRECTIONS.beta,
                against=CORRECTIONS.high,
            )


def _may_sample(gate: GateInsight) -> bool:
    return gate.is_current and not gate.is_form and not gate.has_plan and gate.can_sample


def _reminders(insights: Insights) -> Iterator[Recommendation]:
    for gate, found in _tested(insights):
        cases = found.before + found.after
        if gate.is_current and gate.reminds and REMINDED.answer(found.after, cases) is RateAnswer.LOW:
            yield Recommendation(
                kind=RecommendationKind.DROP_REMINDER,
                gate=gate.gate,
                label=gate.label,
                hits=found.after,
                cases=cases,
                error=REMINDED.beta,
                against=REMINDED.high,
            )


def _tested(insights: Insights) -> Iterator[tuple[GateInsight, GateEvidence]]:
    for gate in insights.gates:
        yield gate, insights.evidence.get((gate.gate.workflow, gate.gate.step), NO_EVIDENCE)
