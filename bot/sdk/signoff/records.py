"""What the server says about an ask, read strictly: a value that is missing or of another type is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

STATUSES: Final = frozenset({"pending", "approved", "rejected", "expired", "cancelled", "failed"})


class Unreadable(ValueError):
    """The text is not the record of an ask."""


@dataclass(frozen=True)
class Edit:
    """A value that the approver changed."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Decision:
    """How an ask was decided."""

    verdict: str
    """approved, rejected, expired, cancelled, not_asked or not_reviewed"""
    by: str | None
    """The name of the person."""
    at: datetime | None
    reason: str | None
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Outcome:
    """What was reported after the approval was used."""

    status: str
    note: str | None
    at: datetime | None


@dataclass(frozen=True)
class Ask:
    """An ask as the server shows it."""

    id: str
    status: str
    """pending, approved, rejected, expired, cancelled or failed"""
    title: str
    arguments: Mapping[str, Any]
    digest: str | None
    """The fingerprint of the arguments."""
    rev: int
    decision: Decision | None
    valid_until: datetime | None
    consumed_at: datetime | None
    outcome: Outcome | None
    url: str | None
    """The page of the ask, for people."""
    waiting_for: tuple[str, ...]
    """The names of the people who can decide."""
    use: str | None = None
    """answer, or once: an approval that is used before the effect"""
    tool: str | None = None
    created_at: datetime | None = None
    review_url: str | None = None
    """The page where people decide, while they can."""

    @classmethod
    def read(cls, record: object) -> Ask:
        """Return the ask in a parsed answer. Raise `Unreadable` if it is something else."""
        fields = _mapping(record, "the answer")
        status = _text(fields, "status")
        if status not in STATUSES:
            raise Unreadable(f"the status {status[:40]!r} is not known")
        request = fields.get("request")
        waiting = _mapping(request, "request").get("waiting_for") or () if request is not None else ()
        return cls(
            id=_text(fields, "id"),
            status=status,
            title=_text(fields, "title"),
            arguments=_mapping(fields.get("arguments"), "arguments"),
            digest=_optional(fields, "digest"),
            rev=_integer(fields, "rev"),
            decision=_decision(fields.get("decision")),
            valid_until=_moment(fields, "valid_until"),
            consumed_at=_moment(fields, "consumed_at"),
            outcome=_outcome(fields.get("outcome")),
            url=_optional(fields, "url"),
            waiting_for=tuple(str(name) for name in waiting),
            use=_optional(fields, "use"),
            tool=_optional(fields, "tool"),
            created_at=_moment(fields, "created_at"),
            review_url=_optional(_mapping(request, "request"), "url") if request is not None else None,
        )


def _decision(record: object) -> Decision | None:
    if record is None:
        return None
    fields = _mapping(record, "decision")
    by = fields.get("by")
    edits = [_mapping(edit, "an edit") for edit in fields.get("edits") or ()]
    return Decision(
        verdict=_text(fields, "verdict"),
        by=_text(_mapping(by, "decision.by"), "name") if by is not None else None,
        at=_moment(fields, "at"),
        reason=_optional(fields, "reason"),
        edits=tuple(Edit(_text(edit, "path"), edit.get("before"), edit.get("after")) for edit in edits),
    )


def _outcome(record: object) -> Outcome | None:
    if record is None:
        return None
    fields = _mapping(record, "outcome")
    return Outcome(status=_text(fields, "status"), note=_optional(fields, "note"), at=_moment(fields, "at"))


def _mapping(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is not a JSON object")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Unreadable(f"{name} is not a text")
    return value


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _integer(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(f"{name} is not a whole number")
    return value


def _moment(fields: Mapping[str, Any], name: str) -> datetime | None:
    text = _optional(fields, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{name} is not a time") from None
    if moment.tzinfo is None:
        raise Unreadable(f"{name} is a time without a zone")
    return moment
