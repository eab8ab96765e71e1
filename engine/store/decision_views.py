"""The decisions of a request as people see them: with their signatures, and what they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row

from engine import json_values
from engine.domain import Person, RequestState
from engine.identifiers import end_in_words
from engine.read_models import DecisionView, Signature
from engine.requests import Edit, Request, merged_edits
from engine.store import edit_columns


def closing(row: Row[Any], decisions: Sequence[Row[Any]]) -> Row[Any] | None:
    """Return the decision that closed a request, the last one. Approvals that others did not join close nothing.

    Of a request that was undone, it is the approval.

    Two approvals that were saved together have the same time.
    """
    verdict = RequestState.APPROVED.value if row.state == RequestState.UNDONE.value else row.state
    candidates = [given for given in decisions if given.verdict == verdict]
    return max(
        candidates, key=lambda given: (given.content_version, given.person == row.closed_by, given.id), default=None
    )


def decision_view(row: Row[Any], request: Request, persons: Mapping[str, Person]) -> DecisionView:
    """Return a decision as people see it, with all that was changed until then."""
    record = cast("dict[str, Any]", json_values.loads(row.record))
    return DecisionView(
        id=row.id,
        person=persons[row.person],
        verdict=record.get("verdict", row.verdict),
        reason=row.reason,
        edits=_all_edits(row, request),
        assurance=row.assurance,
        decided_at=row.decided_at,
        signature=_signature(record["signature"]) if "signature" in record else None,
    )


def signatures(request: Request, decisions: Sequence[Row[Any]]) -> tuple[Signature, ...]:
    """Return the signatures of those who decided on the newest content, the oldest first."""
    records = (json_values.loads(row.record) for row in decisions if row.content_version == request.content_version)
    signed = [cast("dict[str, Any]", record).get("signature") for record in records]
    return tuple(sorted((_signature(facts) for facts in signed if facts), key=lambda signature: signature.at))


def approved_before(request: Request, decisions: Sequence[Row[Any]], persons: Mapping[str, Person]) -> dict[str, int]:
    """Return the newest version of the content before the present one that a person approved, by person."""
    earlier = [
        (row.content_version, row.person)
        for row in decisions
        if row.content_version < request.content_version and row.verdict == RequestState.APPROVED.value
    ]
    # A person who turned out to be another one approved as that one.
    return {persons[person].id if person in persons else person: version for version, person in sorted(earlier)}


def _signature(facts: Mapping[str, str]) -> Signature:
    return Signature(name=facts["name"], at=datetime.fromisoformat(facts["at"]), meaning=facts["meaning"])


def _all_edits(row: Row[Any], request: Request) -> tuple[Edit, ...]:
    """Return what was changed in the content as it was asked: before the decision, and with it."""
    own = tuple(_edits(row.edits, request)) if row.edits else ()
    if not request.changes:
        return own
    return merged_edits(request.changes, own)


def _edits(text: str, request: Request) -> list[Edit]:
    labels = {editable.path: editable.label for editable in request.editable}
    return [
        Edit(
            path,
            labels.get(path) or end_in_words(json_values.show_path(path)),
            json_values.look(request.content.value, path),
            after,
        )
        for path, after in edit_columns.read(text).items()
    ]
