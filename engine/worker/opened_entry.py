"""The entry of the audit log about a request that opens: what it asks, which people, and why."""

from __future__ import annotations

from collections.abc import Sequence

from engine import requests
from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.json_values import Value
from engine.requests import Circle, Opening
from engine.store.run_rows import LoadedRun
from engine.worker import plan_draws


def opened_entry(
    run: LoadedRun,
    request_id: str,
    opening: Opening,
    circle: Circle,
    notes: Sequence[str],
    models: Sequence[tuple[str, str]],
) -> Entry:
    content: dict[str, Value] = {
        "title": opening.title,
        "workflow": opening.subject.workflow,
        "workflow_version": run.version,
        "workflow_hash": opening.subject.hash,
        "at": opening.subject.at,
        "visit": opening.subject.visit,
        "content": opening.content.as_value(),
        "digest": opening.digest,
        "approvers": [
            {"person": approver.person.id, "name": approver.person.label, "rule": approver.rule}
            for approver in circle.approvers
        ],
    }
    if circle.policy.counts_votes:
        content["policy"] = circle.policy.kind
        content["needed"] = circle.policy.needed
    if circle.left_out is not None:
        left_out = circle.left_out
        content["left_out"] = [{"person": left_out.person.id, "name": left_out.person.label, "rule": left_out.rule}]
    if models:
        content["models"] = [list[Value](pair) for pair in models]
    if opening.because:
        content["because"] = opening.because
    if opening.risk is not None:
        content["risk"] = requests.risk_value(opening.risk.assessment)
    if opening.drawn is not None:
        content["autonomy"] = plan_draws.drawn_facts(opening.drawn)
    if opening.reason:
        content["reason"] = opening.reason
    if notes:
        content["notes"] = list[Value](notes)
    return entry(
        EntryKind.REQUEST_OPENED,
        run=run.state.id,
        request=request_id,
        step=opening.subject.step,
        content=content,
    )
