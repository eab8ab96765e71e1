"""The words of recommended changes of gates, which people are asked for from the insights. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.presentation.insight_sentences import recommended
from engine.insights import Insights
from engine.recommendations import recommend

ASK: Final = "Ask for this change"
OPENED: Final = "People are asked for this change. Nothing changes before one of them approves."
WAITS: Final = "People were asked for this change before. It waits for their answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedChange:
    """A change that can be asked for. `number`: its place in the list. `run`: where it is asked for already."""

    number: int
    sentence: str
    workflow: str
    workflow_id: str
    step: str
    kind: str
    run: str | None


def offers(insights: Insights) -> tuple[OfferedChange, ...]:
    """Return the changes that are recommended, the strongest evidence first."""
    found = recommend(insights)
    return tuple(
        OfferedChange(
            number=number,
            sentence=sentence,
            workflow=one.gate.name,
            workflow_id=one.gate.workflow,
            step=one.gate.step,
            kind=one.kind.value,
            run=insights.changes.waiting.get(one.key),
        )
        for number, (one, sentence) in enumerate(zip(found, recommended(found), strict=True), start=1)
    )
