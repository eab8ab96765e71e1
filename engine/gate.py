"""The request's rules, pure: what opens, who may decide what, what an edit may change, when a clock strikes.

Nothing here reads a clock or a table. `open_request` makes an `Opening`; `decide` answers a command with a `Ruling` or
a refusal; `due` says what time has brought. The caller writes the answer with a conditional update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from pydantic import ValidationError

from engine import data, fields
from engine.data import Path, Value
from engine.definition import Gate, Step
from engine.definition.kinds import StepKind
from engine.errors import ExpressionError, InvalidValue, Tampered
from engine.expressions import Template
from engine.fields import Field
from engine.model import (
    AlreadyDecided,
    Approver,
    Changed,
    Decide,
    Expired,
    InvalidEdits,
    NotAnApprover,
    OnExpiry,
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

UNSEEN_AFTER: Final = timedelta(minutes=15)
"""A request that reached nobody for this long is told to the owner, and its clocks start all the same."""

TITLE_LENGTH: Final = 150
REASON_LENGTH: Final = 3000
NOTE_LENGTH: Final = 1000
MAX_NOTES: Final = 20
MAX_EDITED: Final = 1_500_000
"""Characters of JSON that the content may have after edits."""

Scope = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is asked about: with the content, all that the digest covers."""

    workflow: str
    hash: str
    run: str
    step: str
    visit: int
    uses: str
    at: ReviewPoint

    def digest(self, content: Params) -> str:
        """SHA-256 over subject and content: the same for what was shown, approved and passed to the step."""
        return data.digest(
            {
                "workflow": self.workflow,
                "hash": self.hash,
                "run": self.run,
                "step": self.step,
                "visit": self.visit,
                "uses": self.uses,
                "at": self.at.value,
                "content": content.as_value(),
            }
        )

    def check(self, content: Params, digest: str) -> None:
        """Raises `Tampered` if `content` is not what `digest` was taken of."""
        if self.digest(content) != digest:
            raise Tampered(f"What step {self.step} is about to run is not what was approved; nothing was run.")


@dataclass(frozen=True, slots=True)
class Editable:
    """A place in the content that a reviewer may change, and what it takes."""

    path: Path
    field: Field


@dataclass(frozen=True, slots=True)
class Reference:
    """Who is asked: `kind` is `owner`, `requester` or `email`. `rule`: how the gate put it."""

    kind: str
    value: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request about to be opened: everything evaluated, once."""

    subject: Subject
    title: str
    reason: str | None
    show: tuple[tuple[str, str], ...]
    confirm: str | None
    content: Params
    editable: tuple[Editable, ...]
    references: tuple[Reference, ...]
    digest: str
    approve_label: str
    reject_label: str
    reason_required: ReasonRequired
    expires_after: timedelta | None
    on_expiry: OnExpiry
    notes: tuple[str, ...]
    """What could not be evaluated, in sentences that the approver sees."""


# -- opening ------------------------------------------------------------------------------------------------


def wanted(gate: Gate, scope: Scope) -> bool | str:
    """Whether the gate opens. A text: it cannot be known, so it opens, and this is why."""
    if gate.when is None:
        return True
    try:
        return truth(gate.when, scope)
    except ExpressionError as error:
        return f"Whether this needs approval could not be found out: {error}"


def truth(when: Template, scope: Scope) -> bool:
    """The value of a condition. Raises `ExpressionError` unless it is true or false."""
    value = when.render(scope)
    if not isinstance(value, bool):
        raise ExpressionError(f"{when.source} gave {fields.show(fields.infer(value).type, value)!r}, not true or false")
    return value


def open_request(
    *, gate: Gate, step: Step, subject: Subject, content: Params, scope: Scope, why: bool | str
) -> Opening:
    """The request that `gate` asks. A text that cannot be rendered is replaced by a note, never by a closed gate."""
    notes = [why] if isinstance(why, str) else []

    def text(template: Template | None, what: str, length: int) -> str | None:
        if template is None:
            return None
        try:
            return clip(_text(template, scope), length)
        except ExpressionError as error:
            notes.append(f"The {what} of this request could not be written: {error}")
            return None

    # One line: a title from data must not add lines that look as if they were ours.
    title = " ".join((text(gate.title, "title", TITLE_LENGTH) or "").split()) or clip(step.label, TITLE_LENGTH)
    reason = text(gate.reason, "reason", REASON_LENGTH)
    show = tuple((item.label, text(item.value, item.label, REASON_LENGTH) or "–") for item in gate.show)
    confirm = text(gate.confirm, "confirmation", 300)
    references = tuple(_references(gate, scope, notes))
    return Opening(
        subject=subject,
        title=title,
        reason=reason,
        show=show,
        confirm=confirm,
        content=content,
        editable=tuple(_editable(gate, step, content, notes)),
        references=references,
        digest=subject.digest(content),
        approve_label=gate.approve_label,
        reject_label=gate.reject_label,
        reason_required=gate.reason_required,
        expires_after=gate.expires,
        on_expiry=gate.on_expiry,
        notes=tuple(_few(notes)),
    )


def _few(notes: list[str]) -> Iterator[str]:
    """Junk from data may bring any number of notes, of any length."""
    yield from (clip(note, NOTE_LENGTH) for note in notes[:MAX_NOTES])
    if len(notes) > MAX_NOTES:
        yield f"There are {len(notes) - MAX_NOTES:,} more notes like these."


def _text(template: Template, scope: Scope) -> str:
    value = template.render(scope)
    return value if isinstance(value, str) else fields.show(fields.infer(value).type, value)


def clip(text: str, length: int) -> str:
    """The text, cut to `length` characters with an ellipsis that says so."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _references(gate: Gate, scope: Scope, notes: list[str]) -> Iterator[Reference]:
    if not gate.approvers:
        yield Reference("owner", "owner", "owner")
    for template in gate.approvers:
        try:
            value = template.render(scope)
        except ExpressionError as error:
            notes.append(f"An approver could not be found out: {error}")
            continue
        for name in value if isinstance(value, list) else [value]:
            found = reference(name, rule=template.source)
            if found is None:
                notes.append(f"{template.source} names {data.dumps(name)}, which is nobody that can be asked.")
            else:
                yield found


_EMAIL: Final = Field(type=fields.FieldType.EMAIL)


def reference(name: Value, *, rule: str) -> Reference | None:
    """Who `name` means, or None if it is nobody that can be asked."""
    if not isinstance(name, str):
        return None
    if name in ("owner", "requester"):
        return Reference(name, name, rule)
    try:
        email = fields.validate(_EMAIL, name)
    except InvalidValue:
        return None
    return Reference("email", str(email), rule)


def _editable(gate: Gate, step: Step, content: Params, notes: list[str]) -> Iterator[Editable]:
    marked = gate.edit
    if marked is None:
        marked = step.kind.content(content.value) if gate.at is ReviewPoint.BEFORE else dict.fromkeys(content.value)
    for dotted, field in marked.items():
        try:
            # A name may itself have a dot in it: then it is that name that is meant.
            path = (dotted,) if dotted in content.value else data.read_path(dotted, content.value)
        except KeyError:
            notes.append(f"{dotted} was to be editable, but is not there this time.")
            continue
        if not _touches_secret(path, content):
            yield Editable(path, field or fields.infer(data.look(content.value, path)))


def _touches_secret(path: Path, content: Params) -> bool:
    return any(path[: len(held)] == held or held[: len(path)] == path for held in content.secrets)


# -- deciding -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it stands when somebody acts on it."""

    id: str
    workspace: str
    subject: Subject
    state: RequestState
    rev: int
    content_version: int
    content: Params
    editable: tuple[Editable, ...]
    digest: str
    approvers: tuple[Approver, ...]
    reason_required: ReasonRequired
    opened_at: datetime
    first_shown_at: datetime | None = None
    told_unseen: bool = False
    expires_after: timedelta | None = None
    expires_at: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    closed_at: datetime | None = None
    closed_by: Person | None = None


@dataclass(frozen=True, slots=True)
class Edit:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
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
        who = person.label if person else str(command.actor)
        return NotAnApprover(who=who, approvers=tuple(one.person.label for one in asked.approvers))
    refusal = _closed(asked, approver.person, now) or _other_content(asked, command) or _no_reason(asked, command)
    if refusal is not None:
        return refusal
    reason = clip(str(data.clean(command.reason)).strip(), REASON_LENGTH) if command.reason else None
    if command.verdict is Verdict.REJECT:
        # Whatever else came with it: nothing is edited by a rejection.
        return Ruling(state=RequestState.REJECTED, approver=approver, reason=reason or None)
    # Edits get a digest of their own, so it must be seen here that what they change is what was shown.
    asked.subject.check(asked.content, asked.digest)
    edited = apply_edits(asked, command.edits, kind=kind)
    if isinstance(edited, Refusal):
        return edited
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
        case RequestState.PENDING:
            past_due = asked.expires_at is not None and asked.expires_at <= now
            return Expired(at=asked.expires_at) if past_due and asked.expires_at else None
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
            edits += _edit(editable, dotted, raw, data.look(asked.content.value, editable.path))
        except InvalidValue as error:
            errors[dotted] = str(error)
    errors.update(_overlaps(edits))
    if errors:
        return InvalidEdits(errors=errors)
    approved = _with_edits(asked.content, edits)
    if edits and len(data.dumps(approved.value)) > MAX_EDITED:
        errors = {data.show_path(one.path): f"all together may be at most {MAX_EDITED:,} characters." for one in edits}
    elif edits and asked.subject.at is ReviewPoint.BEFORE:
        errors = invalid_params(kind, approved)
    return InvalidEdits(errors=errors) if errors else (tuple(edits), approved)


def _edit(editable: Editable, dotted: str, raw: Value, before: Value) -> list[Edit]:
    """Nothing, if the value came back as it was: also one that the field would not take, or would write otherwise."""
    if data.canonical(data.clean(raw)) == data.canonical(before):
        return []
    after = fields.validate(editable.field, raw)
    if data.canonical(after) == data.canonical(before):
        return []
    return [Edit(editable.path, editable.field.label or dotted, before, after)]


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


def invalid_params(kind: StepKind, params: Params) -> dict[str, str]:
    """What the step would not take, one sentence by dotted path; empty if it takes all."""
    try:
        kind.Params.model_validate(params.shown())
    except ValidationError as error:
        return {data.show_path(tuple(item["loc"])) or "with": item["msg"] + "." for item in error.errors()}
    return {}


# -- time ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nobody was shown the request for `UNSEEN_AFTER`: the owner is told. `expires_at`: the clock, if it starts now."""

    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The request is past due; `state` is what it becomes."""

    state: RequestState


def due(asked: Asked, now: datetime) -> Unseen | Lapsed | None:
    """What time has brought to this request."""
    if asked.state is not RequestState.PENDING:
        return None
    if asked.expires_at is not None and asked.expires_at <= now:
        rejects = asked.on_expiry is OnExpiry.REJECT
        return Lapsed(RequestState.REJECTED if rejects else RequestState.EXPIRED)
    if asked.first_shown_at is None and not asked.told_unseen and asked.opened_at + UNSEEN_AFTER <= now:
        # Going on without approval is only for people who were asked and kept silent.
        starts = asked.expires_after is not None and asked.on_expiry is not OnExpiry.CONTINUE
        return Unseen(now + asked.expires_after if starts and asked.expires_after else None)
    return None


def expiry(asked: Asked, *, shown_at: datetime) -> datetime | None:
    """When the request expires, now that it was first shown at `shown_at`."""
    if asked.expires_at is not None or asked.expires_after is None:
        return asked.expires_at
    return shown_at + asked.expires_after


def next_check(
    *, opened_at: datetime, first_shown_at: datetime | None, told_unseen: bool, expires_at: datetime | None
) -> datetime | None:
    """When `due` is worth asking next; None: never by itself."""
    unseen = None if first_shown_at or told_unseen else opened_at + UNSEEN_AFTER
    return min((at for at in (unseen, expires_at) if at is not None), default=None)
