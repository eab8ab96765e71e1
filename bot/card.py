"""The card of a copy, pure: the texts that every channel shows. Channels only arrange it.

What comes from data is shown as it is, with invisible and direction-changing characters made visible, so that a
text cannot look like another than the one that is approved.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

from engine import data, fields
from engine.data import Path, Value
from engine.fields import Field, FieldType
from engine.gate import Editable
from engine.model import (
    Card,
    CardAction,
    CardField,
    DeliveryKind,
    OnExpiry,
    RequestState,
    ReviewPoint,
)
from engine.views import Copy, DecisionView, RequestView, RunView

_FLAT_DEPTH: Final = 3
"""Levels of nested data that are shown field by field; deeper data is shown as JSON."""
_VISIBLE_CONTROLS: Final = frozenset("\n\t")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text with every invisible, control or direction-changing character written as its code point."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character in _VISIBLE_CONTROLS or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"⟦U+{ord(character):04X}⟧"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def card(copy: Copy) -> Card:
    """The card of a copy, from the current state."""
    if copy.kind is DeliveryKind.ALERT:
        return alert_card(copy)
    assert copy.request is not None
    return request_card(copy.request)


# -- requests -----------------------------------------------------------------------------------------------


def request_card(request: RequestView) -> Card:
    """What people see of a request: with actions while it is pending, with its outcome afterwards."""
    asked = request.asked
    pending = asked.state is RequestState.PENDING
    return Card(
        kind=DeliveryKind.REQUEST,
        title=visible(request.title),
        facts=tuple(_facts(request)),
        fields=tuple(content_fields(request)),
        state=None if pending else outcome(request),
        actions=_actions(request) if pending else (),
        expires_at=asked.expires_at if pending else None,
        request=request.id,
        run=request.run,
        content_version=asked.content_version,
        digest=asked.digest,
    )


def _facts(request: RequestView) -> Iterator[tuple[str, str]]:
    yield "Workflow", visible(request.workflow_title)
    yield "Started by", f"{visible(request.requester.label)}, {moment(request.started_at)}"
    if request.at is ReviewPoint.BEFORE:
        yield "Asks about", f"what step {request.asked.subject.step} ({request.asked.subject.uses}) is about to do"
    else:
        yield "Asks about", f"what step {request.asked.subject.step} ({request.asked.subject.uses}) produced"
    if request.reason:
        yield "Why", visible(request.reason)
    for label, text in request.show:
        yield visible(label), visible(text)
    for note in request.notes:
        yield "Note", visible(note)
    yield "Waits for" if request.decision is None else "Asked", ", ".join(
        visible(one.person.label) for one in request.approvers
    )


def _actions(request: RequestView) -> tuple[CardAction, ...]:
    confirm = visible(request.confirm) if request.confirm else None
    edit = (CardAction(verdict="edit", label="Edit"),) if request.asked.editable else ()
    return (
        CardAction(verdict="approve", label=request.approve_label, confirm=confirm),
        *edit,
        CardAction(verdict="reject", label=request.reject_label),
    )


def outcome(request: RequestView) -> str:
    """The sentence that a closed request carries."""
    asked = request.asked
    if request.decision is not None:
        return _decided(request.decision, asked.state)
    at = moment(asked.closed_at) if asked.closed_at else "–"
    if asked.state is RequestState.CANCELLED:
        who = f" by {visible(asked.closed_by.label)}" if asked.closed_by else ""
        return f"Withdrawn at {at}: the run was cancelled{who}."
    if asked.state is RequestState.REJECTED:
        return f"Nobody decided in time: rejected by the clock at {at}."
    goes_on = asked.on_expiry is OnExpiry.CONTINUE
    end = "the run went on without an approval" if goes_on else "the run was stopped"
    return f"Expired at {at} without a decision; {end}."


def _decided(decision: DecisionView, state: RequestState) -> str:
    edited = " with edits" if decision.edits else ""
    reason = f" Reason: {visible(decision.reason)}" if decision.reason else ""
    person = visible(decision.person.label)
    return f"{state.capitalize()}{edited} by {person} at {moment(decision.decided_at)}.{reason}"


# -- fields -------------------------------------------------------------------------------------------------


def content_fields(request: RequestView) -> Iterator[CardField]:
    """The content, field by field; an edited field shows what stood there before."""
    asked = request.asked
    edits = {edit.path: edit for edit in request.decision.edits} if request.decision else {}
    editable = {one.path: one for one in asked.editable}
    shown = asked.content.shown()
    for path, value in _flat(shown, editable):
        edit = edits.get(path)
        field = editable.get(path) or Editable(path, fields.infer(value))
        yield CardField(
            path=data.show_path(path),
            label=visible(field.field.label or data.show_path(path)),
            type=field.field.type.value,
            text=show(field.field, edit.after if edit else value),
            editable=path in editable,
            before=show(field.field, edit.before) if edit else None,
        )


def show(field: Field, value: Value) -> str:
    """A value of this field as people read it."""
    kind = FieldType.JSON if isinstance(value, dict | list) and field.type is FieldType.TEXT else field.type
    return visible(fields.show(kind, value))


def _flat(value: Value, editable: dict[Path, Editable], path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Leaves of nested mappings; an editable place is never taken apart, even if it is deep."""
    whole = path in editable or not isinstance(value, dict) or not value or len(path) >= _FLAT_DEPTH
    money = isinstance(value, dict) and fields.infer(value).type is FieldType.MONEY
    inside = [one for one in editable if len(one) > len(path) and one[: len(path)] == path]
    if isinstance(value, dict) and not path:
        for key, item in value.items():
            yield from _flat(item, editable, (key,))
    elif (whole or money) and not (inside and path not in editable):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, editable, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, editable, (*path, index))


# -- alerts -------------------------------------------------------------------------------------------------

Topic = Literal["failed", "needs_attention", "expired", "unseen", "unreachable"]


def alert_card(copy: Copy) -> Card:
    """What the owner of a workflow is told."""
    run, request = copy.run, copy.request
    title, what = _alert(copy.topic or "", run, request)
    facts = [("Workflow", visible(run.workflow_title)), ("Run", run.id)]
    facts.append(("Started by", f"{visible(run.requester.label)}, {moment(run.started_at)}"))
    if run.error:
        facts.append(("Error", visible(run.error)))
    return Card(
        kind=DeliveryKind.ALERT,
        title=title,
        facts=(*facts, ("What to do", what)),
        run=run.id,
        request=request.id if request else None,
    )


def _alert(topic: str, run: RunView, request: RequestView | None) -> tuple[str, str]:
    name = visible(run.workflow_title)
    asks = visible(request.title) if request else "A request"
    match topic:
        case "needs_attention":
            return f"{name}: did the step happen?", (
                "The outcome of a step is unknown. Find out, then answer done, repeat or stop."
            )
        case "unseen":
            return f"{name}: nobody has seen “{asks}” yet", (
                "No copy reached anybody for 15 minutes. Tell an approver, or see why the copies failed."
            )
        case "unreachable":
            return f"{name}: nobody can be reached for “{asks}”", "Tell an approver, or mend how they are reached."
        case "expired":
            return f"{name}: nobody decided in time", "The run was stopped. Start it again if it is still needed."
        case _:
            return f"{name} failed", "Mend the cause, then start a new run."
