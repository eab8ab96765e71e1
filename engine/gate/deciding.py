"""Deciding a request: the ruling on a command, or the refusal that its surface must answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, assert_never

from msgspec import Struct

from engine import data, fields, urls
from engine.data import Path, Value
from engine.definition.kinds import StepKind
from engine.errors import InvalidValue
from engine.gate.asked import REASON_LENGTH, Asked, Editable, clip, invalid_params
from engine.model import (
    AlreadyDecided,
    Approver,
    Assurance,
    Changed,
    Decide,
    Expired,
    InvalidEdits,
    NeedsCode,
    NotAnApprover,
    Params,
    Person,
    ReasonMissing,
    ReasonRequired,
    Refusal,
    RequestState,
    ReviewPoint,
    Verdict,
    Withdrawn,
)

MAX_EDITED: Final = 1_500_000
"""Characters of JSON that the content may have after edits."""


class Edit(Struct, frozen=True):
    """One field changed by a person."""

    path: Path
    label: str
    before: Value
    after: Value

    def as_value(self) -> dict[str, Value]:
        return {"path": list(self.path), "label": self.label, "before": self.before, "after": self.after}

    @classmethod
    def from_value(cls, stored: Any) -> Edit:
        """The reverse of `as_value`."""
        return cls(tuple(stored["path"]), stored["label"], stored["before"], stored["after"])


class Ruling(Struct, frozen=True, kw_only=True):
    """A valid decision, not yet written."""

    state: RequestState
    approver: Approver
    edits: tuple[Edit, ...] = ()
    approved: Params | None = None
    approved_digest: str | None = None
    reason: str | None = None


def decide(asked: Asked, command: Decide, *, kind: StepKind, person: Person | None, now: datetime) -> Ruling | Refusal:
    """The ruling of this command on this request, or the refusal that its surface must answer.

    Raises `Tampered` if the content is not what was shown.
    """
    approver = next((one for one in asked.approvers if person and one.person.id == person.id), None)
    if approver is None:
        account = command.actor.kind == "slack"
        who = person.label if person else None if account else str(command.actor)
        return NotAnApprover(who=who, approvers=tuple(one.person.label for one in asked.approvers))
    refusal = _closed(asked, approver.person, now) or _other_content(asked, command) or _no_reason(asked, command)
    if refusal is not None:
        return refusal
    reason = clip(str(data.clean(command.reason)).strip(), REASON_LENGTH) if command.reason else None
    unproven = _unproven(asked, command)
    if command.verdict is Verdict.REJECT:
        if unproven is not None:
            return unproven
        # Whatever else came with it: nothing is edited by a rejection.
        return Ruling(state=RequestState.REJECTED, approver=approver, reason=reason or None)
    # Edits get a digest of their own, so it must be seen here that what they change is what was shown.
    asked.subject.check(asked.content, asked.digest)
    edited = apply_edits(asked, command.edits, kind=kind)
    if isinstance(edited, Refusal):
        return edited
    if unproven is not None:
        return unproven
    edits, approved = edited
    return Ruling(
        state=RequestState.APPROVED,
        approver=approver,
        edits=edits,
        approved=approved,
        approved_digest=asked.subject.digest(approved) if edits else asked.digest,
        reason=reason or None,
    )


def _closed(asked: Asked, person: Person, now: datetime) -> Refusal | None:
    if asked.state is RequestState.PENDING:
        past_due = asked.expires_at is not None and asked.expires_at <= now
        return Expired(at=asked.expires_at) if past_due and asked.expires_at else None
    match asked.state:
        case RequestState.APPROVED | RequestState.REJECTED:
            assert asked.closed_at is not None
            by_you = asked.closed_by is not None and asked.closed_by.id == person.id
            return AlreadyDecided(state=asked.state, by=asked.closed_by, at=asked.closed_at, by_you=by_you)
        case RequestState.EXPIRED:
            assert asked.closed_at is not None
            return Expired(at=asked.closed_at)
        case RequestState.CANCELLED:
            assert asked.closed_at is not None
            return Withdrawn(at=asked.closed_at)
        case _:  # pragma: no cover
            assert_never(asked.state)


def _other_content(asked: Asked, command: Decide) -> Refusal | None:
    if (command.content_version, command.digest) == (asked.content_version, asked.digest):
        return None
    return Changed(content_version=asked.content_version)


def _no_reason(asked: Asked, command: Decide) -> Refusal | None:
    needed = asked.reason_required is ReasonRequired.ALWAYS or (
        asked.reason_required is ReasonRequired.REJECT and command.verdict is Verdict.REJECT
    )
    given = bool(command.reason and command.reason.strip())
    return ReasonMissing(verdict=command.verdict) if needed and not given else None


def _unproven(asked: Asked, command: Decide) -> Refusal | None:
    """The last of all refusals: whoever gets a code by mail has nothing left to mend."""
    if command.assurance is Assurance.LINK and asked.assurance is not Assurance.LINK:
        return NeedsCode(address=command.actor.value)
    return None


def apply_edits(
    asked: Asked, given: Mapping[str, Value], *, kind: StepKind
) -> tuple[tuple[Edit, ...], Params] | InvalidEdits:
    """The edits that change something, and the content with them. Every wrong one is named, none is applied then."""
    by_path = {data.show_path(one.path): one for one in asked.editable}
    errors: dict[str, str] = {}
    edits: list[Edit] = []
    for dotted, raw in given.items():
        editable = by_path.get(dotted)
        if editable is None:
            errors[dotted] = _not_editable(by_path)
            continue
        try:
            before = data.look(asked.content.value, editable.path)
            edits += _edit(editable, dotted, raw, before, is_address=_is_address(asked, editable, kind))
        except InvalidValue as error:
            errors[dotted] = str(error)
    errors.update(_overlaps(edits))
    if errors:
        return InvalidEdits(errors=errors)
    approved = _with_edits(asked.content, edits)
    if edits and len(data.dumps(approved.value)) > MAX_EDITED:
        errors = {data.show_path(one.path): f"all together may be at most {MAX_EDITED:,} characters." for one in edits}
    elif asked.subject.is_form:
        errors = {data.show_path(one.path): "is required" for one in missing(asked, approved)}
    elif edits and asked.subject.at is ReviewPoint.BEFORE:
        errors = invalid_params(kind, approved)
    return InvalidEdits(errors=errors) if errors else (tuple(edits), approved)


def _is_address(asked: Asked, editable: Editable, kind: StepKind) -> bool:
    """Whether a web address is edited that the step is about to call."""
    return asked.subject.at is ReviewPoint.BEFORE and editable.path[0] in kind.address_params


def _edit(editable: Editable, dotted: str, raw: Value, before: Value, *, is_address: bool) -> list[Edit]:
    """Nothing, if the value came back as it was: also one that the field would not take, or would write otherwise."""
    if data.canonical(data.clean(raw)) == data.canonical(before):
        return []
    after = fields.validate(editable.field, raw)
    if is_address and isinstance(after, str):
        after = urls.checked(after)
    if data.canonical(after) == data.canonical(before):
        return []
    return [Edit(editable.path, editable.field.label or dotted, before, after)]


def missing(asked: Asked, filled: Params) -> list[Editable]:
    """The fields of a form that must be filled in, and are not."""
    empty = [one for one in asked.editable if data.look(filled.value, one.path) in (None, [])]
    return [one for one in empty if one.field.required]


def _with_edits(content: Params, edits: list[Edit]) -> Params:
    whole: Value = content.value
    for edit in edits:
        whole = data.replace(whole, edit.path, edit.after)
    assert isinstance(whole, dict)
    return Params(whole, content.secrets)


def _not_editable(by_path: Mapping[str, Editable]) -> str:
    if not by_path:
        return "nothing of this request can be edited."
    return f"this field cannot be edited; these can: {', '.join(by_path)}."


def _overlaps(edits: list[Edit]) -> dict[str, str]:
    """Two edits of which one lies inside the other: the order would decide, so neither is taken."""
    return {
        data.show_path(
            one.path
        ): f"this lies inside {data.show_path(other.path)}, which was edited too; edit one of them."
        for one in edits
        for other in edits
        if one is not other and one.path[: len(other.path)] == other.path
    }
