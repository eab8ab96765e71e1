"""An ask as the Agent Approval Protocol shows it: the call as it was sent, its state and its decision. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.aap import protocol_ids, submissions
from engine import timestamps
from engine.domain.asks import AskStatus, AskView, OutcomeStatus
from engine.json_values import Value

_STATUS: Final = {
    AskStatus.PENDING: "pending",
    AskStatus.APPROVED: "approved",
    AskStatus.REJECTED: "denied",
    AskStatus.EXPIRED: "expired",
    AskStatus.CANCELLED: "cancelled",
    # The protocol has no word for a gate that could not ask: the call is refused, and the note says why.
    AskStatus.FAILED: "denied",
}
_PERMITS: Final = ("approved", "not_asked", "not_reviewed")
"""The verdicts that let the call run."""
_FAILED: Final = "The workflow failed before people decided. Its owner was told."


def status(view: AskView) -> str:
    """Return the state of an ask, in the words of the protocol. What was granted stays approved, whatever follows."""
    if view.valid_until is not None and view.decision is not None and view.decision.verdict in _PERMITS:
        return "approved"
    return _STATUS[view.status]


def request(view: AskView) -> dict[str, Value]:
    """Return the resource of an ask. What was sent is given back exactly as it came."""
    sent: Mapping[str, Value] = view.echo or {}
    resource: dict[str, Value] = {
        "id": protocol_ids.to_uuid(view.id),
        **sent,
        "status": status(view),
        "created_at": timestamps.exact(view.created_at),
        "deadline_at": timestamps.exact(_deadline(view, sent)),
    }
    if resource["status"] != "pending":
        resource["decision"] = _decision(view)
    if view.consumed_at is not None:
        resource["consumption"] = _consumption(view, view.consumed_at)
    return resource


def _deadline(view: AskView, sent: Mapping[str, Value]) -> datetime:
    """Return the time until which people can decide. It never changes: a gate with a shorter time expires earlier."""
    timeout = submissions.duration(str(sent["timeout"]))
    assert timeout is not None
    return view.created_at + timeout


def _decision(view: AskView) -> dict[str, Value]:
    shown = status(view)
    decided_at = (view.decision.at if view.decision else None) or view.created_at
    decision: dict[str, Value] = {"status": shown, "decided_at": timestamps.exact(decided_at)}
    if note := _note(view):
        decision["note"] = note
    if shown == "approved":
        assert view.valid_until is not None
        decision["expires_at"] = timestamps.exact(view.valid_until)
    return decision


def _note(view: AskView) -> str | None:
    reason = view.decision.reason if view.decision else None
    return reason or (_FAILED if view.status is AskStatus.FAILED else None)


def _consumption(view: AskView, consumed_at: datetime) -> dict[str, Value]:
    consumption: dict[str, Value] = {"consumed_at": timestamps.exact(consumed_at)}
    outcome = view.outcome
    # The protocol has no word for an unknown outcome.
    if outcome is not None and outcome.at is not None and outcome.status is not OutcomeStatus.UNKNOWN:
        shown: dict[str, Value] = {"status": str(outcome.status), "reported_at": timestamps.exact(outcome.at)}
        consumption["outcome"] = {**shown, **({"note": outcome.note} if outcome.note else {})}
    return consumption
