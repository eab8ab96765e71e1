"""The message to the owner of a workflow about a trigger that started no run. Pure."""

from __future__ import annotations

from bot.presentation.characters import line
from engine.domain import Card, CardFact, DeliveryKind, Tone
from engine.notices import TriggerNotice


def trigger_card(copy: TriggerNotice) -> Card:
    """Return the card: why there was no run, and what to do."""
    kind, title = line(copy.kind), line(copy.title)
    return Card(
        kind=DeliveryKind.NOTICE,
        title=f"The {kind} of “{title}” could not start a run",
        tone=Tone.ATTENTION,
        lead=(
            (f"The workflow refuses the values that the {kind} gives it.",),
            (f"Correct `inputs` of the {kind} in the file, then register it again.",),
        ),
        notes=(CardFact(label="Why", text=(line(copy.failure or "It works again."),)),),
        details=(CardFact(label="Workflow", text=(line(copy.name),)),),
        because="you own this workflow",
    )
