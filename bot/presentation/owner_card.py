"""The message to an admin about a workflow whose owner left. Pure."""

from __future__ import annotations

from bot.presentation.characters import line
from engine.domain import Card, CardFact, DeliveryKind, Tone
from engine.notices import OwnerNotice


def owner_card(copy: OwnerNotice) -> Card:
    """Return the card: what no one does any more, and what to do."""
    name, owner = line(copy.name), line(copy.owner)
    return Card(
        kind=DeliveryKind.NOTICE,
        title=f"“{line(copy.title)}” needs another owner",
        tone=Tone.ATTENTION,
        lead=(
            (f"The account of its owner, {owner}, was deactivated.",),
            ("Requests that only the owner can decide wait, and no one hears of failures.",),
        ),
        notes=(CardFact(label="What to do", text=(f"Give it another owner: signoff transfer {name} OWNER",)),),
        details=(CardFact(label="Workflow", text=(name,)),),
        because="you are an admin",
    )
