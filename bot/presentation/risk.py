"""The risk of a request in words: its level, and the parts that led to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.presentation.characters import line
from engine.domain import CardFact
from engine.oversight.risk import CONFIDENCE, IMPACT, REVERSIBLE, Assessment, RiskPart
from engine.read_models import RequestView

LABEL: Final = "Risk"
_NAMES: Final = {
    REVERSIBLE: "whether it can be undone",
    IMPACT: "the impact",
    CONFIDENCE: "the confidence",
}


def facts(request: RequestView) -> Iterator[CardFact]:
    """Yield the risk of a request, if its gate tells it."""
    if request.model.risk is not None:
        yield CardFact(label=LABEL, text=(sentence(request.model.risk.assessment),))


def sentence(assessment: Assessment) -> str:
    """Return the level, with why it is that one."""
    level = assessment.level.capitalize()
    unclear = "; ".join(f"{_NAMES[part.name]} ({line(part.unclear).removesuffix('.')})" for part in assessment.unclear)
    clear = ", ".join(_part(part) for part in assessment.parts if not part.unclear)
    claim = " The program says so itself." if assessment.is_claimed else ""
    if unclear:
        rest = f" The rest: {clear}." if clear else ""
        return f"{level}, because Signoff could not tell {unclear}.{rest}{claim}"
    return f"{level}: {clear}.{claim}" if clear else f"{level}.{claim}"


def _part(part: RiskPart) -> str:
    if part.name == REVERSIBLE:
        return "can be undone" if part.text == "true" else "cannot be undone"
    counts = f" ({part.counts})" if part.counts else ""
    return f"{part.name} {line(part.text)}{counts}"
