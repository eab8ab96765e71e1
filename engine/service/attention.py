"""How long a person looks at what they decide: measured with each decision, and told to themselves.

To others only together with at least four more people, and never to a person about another.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.domain import Decide, Verdict
from engine.json_values import Value
from engine.oversight import attention
from engine.oversight.attention import TimedDecision
from engine.requests import Request, Ruling
from engine.store import attention as attention_rows
from engine.store.port import Tx

_PRECISION: Final = Decimal("0.1")
"""Of the seconds in the record."""


def measure(tx: Tx, request: Request, command: Decide, ruling: Ruling) -> TimedDecision:
    """Return how long the person of a decision looked at the request."""
    person = ruling.approver.person.id
    before = attention_rows.load_before(tx, request.subject.run, request.id, person)
    clocks = request.deadlines
    seconds = attention.seconds(
        tx.now,
        viewed_at=before.viewed_at,
        asked_at=before.told_at or clocks.first_shown_at or clocks.opened_at,
        previous_at=before.previous_at,
    )
    is_approval, is_changed = command.verdict is Verdict.APPROVE, bool(ruling.edits)
    return TimedDecision(
        person=person,
        # A page with several requests was read as a whole.
        seconds=None if command.together else seconds,
        is_exact=before.viewed_at is not None and not command.together,
        is_approval=is_approval,
        is_changed=is_changed,
        in_a_row=attention.in_a_row(before.in_a_row, is_approval=is_approval, is_changed=is_changed),
    )


def facts(look: TimedDecision) -> dict[str, Value]:
    """Return what the record of a decision says of it. `attention_known`: the person's first view is known."""
    seconds = None if look.seconds is None else Decimal(look.seconds).quantize(_PRECISION)
    return {"attention_seconds": seconds, "attention_known": look.is_exact}


def save(tx: Tx, request: Request, ruling: Ruling, look: TimedDecision, decision: str) -> None:
    """Write the row of a decision. What fills in a form, or says what to do about a failure, approves nothing."""
    subject = request.subject
    if ruling.counts and not subject.is_form and not subject.is_failure:
        attention_rows.save(tx, look, decision=decision, workspace=request.workspace, workflow=subject.workflow)
