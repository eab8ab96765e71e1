"""The card of a copy, pure: the texts that every channel shows. Channels only arrange it.

What comes from data is shown as it is, with invisible and direction-changing characters made visible, so that a
text cannot look like another than the one that is approved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.presentation import advice
from bot.presentation.characters import line as line
from bot.presentation.characters import stands_apart
from bot.presentation.characters import visible as visible
from engine import durations, fields, json_values, runs
from engine.domain import (
    Card,
    CardAction,
    CardField,
    DeliveryKind,
    OnExpiry,
    RequestState,
    Resume,
    ResumeAnswer,
    ReviewPoint,
    RunStatus,
    StepStatus,
    Verdict,
    accounts,
)
from engine.fields import Field, FieldType
from engine.json_values import Path, Value
from engine.read_models import CodeDelivery, DecisionView, DeliveryContent, RequestView, RunView, StepAnswer, StepView

_NAMED: Final = 5
"""People who are named one by one in a list of those who were not reached."""
_FLAT_DEPTH: Final = 3
"""Levels of nested data that are shown field by field; deeper data is shown as JSON."""


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def after_shown(delta: timedelta) -> str:
    """When a request expires whose clock has not started."""
    return f"{durations.in_words(delta)} after somebody was first shown it"


def card(copy: DeliveryContent | CodeDelivery) -> Card:
    """The card of a copy, from the current state."""
    if isinstance(copy, CodeDelivery):
        return code_card(copy)
    if copy.kind is DeliveryKind.ALERT:
        return alert_card(copy)
    if copy.kind is DeliveryKind.OUTCOME:
        return outcome_card(copy)
    assert copy.request is not None
    return request_card(copy.request)


# -- requests -----------------------------------------------------------------------------------------------


def request_card(request: RequestView) -> Card:
    """What people see of a request: with actions while it is pending, with its outcome afterwards."""
    asked = request.asked
    pending = asked.state is RequestState.PENDING
    return Card(
        kind=DeliveryKind.REQUEST,
        title=line(request.title),
        facts=tuple(_facts(request)),
        fields=tuple(content_fields(request)),
        state=None if pending else outcome(request),
        actions=_actions(request) if pending else (),
        expires_at=asked.deadlines.expires_at if pending else None,
        expires_after=asked.deadlines.expires_after if pending and asked.deadlines.expires_at is None else None,
        request=request.id,
        run=request.run,
        content_version=asked.content_version,
        digest=asked.digest,
    )


def _facts(request: RequestView) -> Iterator[tuple[str, str]]:
    yield "Workflow", line(request.workflow_title)
    yield "Started by", f"{line(request.requester.label)}, {moment(request.started_at)}"
    yield "Asks about", _subject(request)
    yield from _reason(request)
    if request.reason:
        yield "Why", visible(request.reason)
    for label, text in request.show:
        yield line(label), visible(text)
    yield from _effect(request)
    for note in request.notes:
        yield "Note", visible(note)
    pending = request.asked.state is RequestState.PENDING
    if pending and request.unreached:
        yield "Not reached", _unreached(request)
    if pending and request.asked.deadlines.expires_at is None and request.asked.deadlines.expires_after is not None:
        yield "Expires", after_shown(request.asked.deadlines.expires_after)
    yield (
        "Waits for" if pending else "Asked",
        ", ".join(_approvers(request)) or "No approver is left",
    )


def _effect(request: RequestView) -> Iterator[tuple[str, str]]:
    """What went wrong with the step after it was approved."""
    status, error = request.effect or (None, None)
    if status is StepStatus.OUTCOME_UNKNOWN:
        yield "What became of it", "The step was called, and its outcome is unknown. The owner was asked to find out."
    elif status is StepStatus.FAILED and error and error.startswith(runs.STOPPED):
        # That it failed is not known.
        yield "What became of it", visible(error)
    elif status is StepStatus.FAILED:
        why = f"The step failed: {error}" if error else "The step failed."
        yield "What became of it", visible(why)


def _approvers(request: RequestView) -> list[str]:
    """Who was asked; while the request waits, without those who can no longer decide."""
    asked = request.asked
    approvers = asked.eligible if asked.state is RequestState.PENDING else asked.approvers
    return [line(one.person.label) for one in approvers]


def _excluded(request: RequestView) -> str:
    """Who of those that were asked can no longer decide, and why."""
    return "; ".join(f"{line(one.person.label)} ({line(one.excluded)})" for one in request.approvers if one.excluded)


def _unreached(request: RequestView) -> str:
    """Who has no copy, with the reason; of many only how many more."""
    told = [f"{line(person.label)} ({line(why.rstrip('.'))})" for person, why in request.unreached[:_NAMED]]
    more = len(request.unreached) - _NAMED
    return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])])


def _subject(request: RequestView) -> str:
    subject = request.asked.subject
    if subject.is_form:
        return f"what step {subject.step} needs to know"
    what = "is about to do" if request.at is ReviewPoint.BEFORE else "produced"
    return f"what step {subject.step} ({subject.uses}) {what}"


def _actions(request: RequestView) -> tuple[CardAction, ...]:
    confirm = line(request.confirm) if request.confirm else None
    reject = CardAction(verdict="reject", label=line(request.reject_label))
    if request.asked.subject.is_form:
        return CardAction(verdict="edit", label="Fill in", primary=True), reject
    edit = (CardAction(verdict="edit", label="Edit"),) if request.asked.editable else ()
    return (
        CardAction(verdict="approve", label=line(request.approve_label), confirm=confirm, primary=True),
        *edit,
        reject,
    )


def outcome(request: RequestView) -> str:
    """The sentence that a closed request carries: one line, in which a longer reason is only begun."""
    said, reason = _outcome(request), request.decision.reason if request.decision else None
    return f"{said} Reason: {_begun(visible(reason))}" if reason else said


def _begun(reason: str) -> str:
    """The reason in one line; of several lines the first, for the card has all of them as a fact."""
    first, _, more = reason.strip().partition("\n")
    return f"{line(first)} …" if more else line(first)


def _outcome(request: RequestView) -> str:
    asked = request.asked
    if request.decision is not None:
        return _decided(request.decision, "Filled in" if _filled_in(request) else asked.state.capitalize())
    at = moment(asked.closed_at) if asked.closed_at else "–"
    if asked.state is RequestState.CANCELLED:
        who = f" by {line(asked.closed_by.label)}" if asked.closed_by else ""
        return f"Withdrawn at {at}: the run was cancelled{who}."
    if asked.state is RequestState.REJECTED:
        return f"Nobody decided in time: rejected by the clock at {at}."
    goes_on = asked.deadlines.on_expiry is OnExpiry.CONTINUE
    end = "the run went on without an approval" if goes_on else "the run was stopped"
    return f"Expired at {at} without a decision; {end}."


def _filled_in(request: RequestView) -> bool:
    return request.asked.subject.is_form and request.asked.state is RequestState.APPROVED


def _decided(decision: DecisionView, what: str) -> str:
    edited = " with edits" if decision.edits and what == "Approved" else ""
    person = line(decision.person.label)
    return f"{what}{edited} by {person} at {moment(decision.decided_at)}."


def _reason(request: RequestView) -> Iterator[tuple[str, str]]:
    """The whole reason of a decision, if it does not stand in the sentence: its lines could pass for ours."""
    reason = visible(request.decision.reason or "") if request.decision else ""
    if stands_apart(reason):
        yield "Reason", reason


# -- fields -------------------------------------------------------------------------------------------------


def content_fields(request: RequestView) -> Iterator[CardField]:
    """The content as it was decided, field by field; an edited field shows what stood there before."""
    asked = request.asked
    edits = request.decision.edits if request.decision else ()
    editable = {one.path for one in asked.editable}
    declared = {one.path: one.field for one in (*asked.declared, *asked.editable)}
    shown: Value = asked.content.shown()
    decided = json_values.replace_all(shown, {edit.path: edit.after for edit in edits})
    edited = {edit.path[:length] for edit in edits for length in range(len(edit.path) + 1)}
    # Taken apart as it was asked: an edit may have changed the shape.
    for path, before in _flat(shown, _Places(declared)):
        value = json_values.look(decided, path)
        field = declared[path] if path in declared else fields.infer(value)
        # What is filled into a form replaces nothing.
        replaced = not asked.subject.is_form and path in edited
        yield CardField(
            path=json_values.show_path(path),
            label=line(field.label or json_values.show_path(path)),
            type=field.type.value,
            text=show_in(request, field, value),
            editable=path in editable,
            before=show_in(request, field, before) if replaced else None,
            account=_account(request, field, value),
        )


def show_in(request: RequestView, field: Field, value: Value) -> str:
    """A value of a request as people read it.

    A person stands by name, and by the email address that tells them from a namesake.
    """
    account = accounts.parse_account(value) if field.type is FieldType.PERSON and isinstance(value, str) else None
    if account is None or account.value != value:
        return show(field, value)
    person = request.people.get(account.value)
    if person is None:
        return accounts.person_label(account.kind, account.value)
    return line(f"{person.label} ({person.email})" if person.email else person.label)


def _account(request: RequestView, field: Field, value: Value) -> str | None:
    known = field.type is FieldType.PERSON and isinstance(value, str) and value in request.people
    return str(value) if known else None


def show(field: Field, value: Value) -> str:
    """A value of this field as people read it."""
    kind = FieldType.JSON if isinstance(value, dict | list) and field.type is FieldType.TEXT else field.type
    return visible(fields.show(kind, value))


class _Places:
    """Places that are shown as one, however deep they lie and whatever is in them; and the places around them."""

    def __init__(self, whole: Collection[Path]) -> None:
        self.whole = frozenset(whole)
        self.around = frozenset(path[:length] for path in whole for length in range(len(path)))


def _flat(value: Value, places: _Places, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """The places that are shown one by one."""
    if path and (path in places.whole or not _apart(value, places, path)):
        yield path, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _flat(item, places, (*path, key))


def _apart(value: Value, places: _Places, path: Path) -> bool:
    """Whether a place is shown part by part: where something inside is declared, and small mappings."""
    if path in places.around:
        return True
    small = isinstance(value, dict) and bool(value) and len(path) < _FLAT_DEPTH
    return small and fields.infer(value).type is not FieldType.MONEY


# -- codes --------------------------------------------------------------------------------------------------


def code_card(copy: CodeDelivery) -> Card:
    """What comes with a code, which the relay puts in: all that it confirms, and nothing else is done with it."""
    decision, request = copy.decision, copy.request
    asked_in = (("Asked for in", line(copy.label)),) if copy.label else ()
    if copy.answer is not None and copy.run is not None:
        return _answer_code_card(copy, copy.run, copy.answer, asked_in)
    if decision is None or request is None:
        return Card(kind=DeliveryKind.CODE, title="Your code to sign in", facts=asked_in, until=copy.until)
    verb = {Verdict.APPROVE: "approve", Verdict.REJECT: "reject"}[decision.verdict]
    reason = (("Reason", visible(decision.reason)),) if decision.reason else ()
    return Card(
        kind=DeliveryKind.CODE,
        title=f"Your code to {verb}{' with changes' if decision.edits else ''}",
        facts=(("For", line(request.title)), ("Reference", copy.reference), *reason, *asked_in),
        fields=tuple(changes(request, decision.edits)),
        request=request.id,
        until=copy.until,
    )


def _answer_code_card(copy: CodeDelivery, run: RunView, answer: Resume, asked_in: tuple[tuple[str, str], ...]) -> Card:
    """What comes with a code that confirms what became of a step: the answer in words, and the values given with it."""
    return Card(
        kind=DeliveryKind.CODE,
        title=f"Your code to answer “{ANSWERS[answer.answer]}”",
        facts=(
            ("For", f"{line(run.workflow_title)}, step {line(answer.step or '')}"),
            ("Reference", copy.reference),
            ("Answer", ANSWERS[answer.answer]),
            *asked_in,
        ),
        fields=tuple(
            CardField(path=label, label=line(label), type="text", text=visible(text)) for label, text in copy.said
        ),
        run=run.id,
        until=copy.until,
    )


def changes(request: RequestView, edits: Mapping[str, Value]) -> Iterator[CardField]:
    """Yield each change that is about to be made, with its label, what stands there, and what is to stand there."""
    for one in request.asked.editable:
        path = json_values.show_path(one.path)
        if path in edits:
            yield CardField(
                path=path,
                label=line(one.field.label or path),
                type=one.field.type.value,
                text=show_in(request, one.field, edits[path]),
                before=show_in(request, one.field, json_values.look(request.asked.content.value, one.path)),
            )


ANSWERS: Final = {
    ResumeAnswer.DONE: "It happened: go on",
    ResumeAnswer.REPEAT: "It did not happen: call it again",
    ResumeAnswer.STOP: "Stop the run",
}
"""What a person may say of a call whose outcome is unknown, in the words of the page and of the code's email."""

# -- alerts -------------------------------------------------------------------------------------------------


def alert_card(copy: DeliveryContent) -> Card:
    """What the owner of a workflow is told; of the end of a run all that whoever started it hears."""
    run = copy.run
    ends = run.status.ended and copy.topic == run.status.value
    request = None if ends else copy.request
    decided, changed = _answered(copy.request) if ends else ((), ())
    topic = copy.topic or ""
    title, what = _to_approver(topic, run) if topic in TO_APPROVERS else _alert(topic, run, request)
    approved = ((line(request.title), outcome(request)),) if request and copy.topic in TO_APPROVERS else ()
    became = tuple(_effect(request)) if request and copy.topic in TO_APPROVERS else ()
    silent = [("Not reached", _unreached(request))] if request is not None and request.unreached else []
    gone = [("Can no longer decide", _excluded(request))] if request is not None and _excluded(request) else []
    open_steps = (one for one in run.steps if one.status is StepStatus.OUTCOME_UNKNOWN and one.ended_at is None)
    # Whoever started the run may read of it, and cannot answer.
    asks = next(open_steps, None) if copy.person.id == run.owner.id else None
    over = _over(copy)
    return Card(
        kind=DeliveryKind.ALERT,
        title=title,
        facts=(
            *_run_facts(run),
            *approved,
            *became,
            *decided,
            *silent,
            *gone,
            *(() if over else (("What to do", what),)),
        ),
        fields=changed,
        state=over,
        run=run.id,
        request=request.id if request else None,
        topic=copy.topic,
        about=line(request.title) if request and copy.topic in TO_APPROVERS else None,
        step=asks.step if asks else None,
        visit=asks.visit if asks else None,
        attempt=asks.attempt if asks else None,
    )


def _over(copy: DeliveryContent) -> str | None:
    """Why an alert asks nothing any more: it was answered, or the request that it is about is closed."""
    run, request = copy.run, copy.request
    if copy.topic == RunStatus.NEEDS_ATTENTION:
        answered = advice.last_answer(run)
        if answered is not None and _answers(copy, answered[1]):
            return _answered_by(answered)
        return f"There is nothing to answer any more: the run is {run.status}." if run.status.ended else None
    if copy.topic == "approved_unknown" and request is not None and request.effect is not None:
        known = request.effect[0] is not StepStatus.OUTCOME_UNKNOWN
        return _answered_by(advice.last_answer(run)) if known else None
    about_request = copy.topic in _ABOUT_REQUESTS and request is not None
    return outcome(request) if about_request and request and request.asked.closed_at is not None else None


def _answered_by(answered: tuple[StepView, StepAnswer] | None) -> str:
    if answered is None:
        return "The outcome is known by now."
    answer = answered[1]
    return f"Answered by {line(answer.person.label)} at {moment(answer.at)}: {answer.answer.value}."


def _answers(copy: DeliveryContent, answer: StepAnswer) -> bool:
    """Whether the last answer is to the question of this copy, and not to an earlier one."""
    later = copy.created_at is not None and answer.at > copy.created_at
    return later or copy.run.status is not RunStatus.NEEDS_ATTENTION


TO_APPROVERS: Final = frozenset({"approved_failed", "approved_unknown"})
"""Alerts to whoever approved a step."""
_ABOUT_REQUESTS: Final = frozenset({"unseen", "unreachable", "broken", "undelivered", "excluded"})


def outcome_card(copy: DeliveryContent) -> Card:
    """What whoever started a run hears at its end."""
    run = copy.run
    decided, changed = _answered(copy.request)
    return Card(
        kind=DeliveryKind.OUTCOME,
        title=f"{line(run.workflow_title)}: {_ENDS.get(run.status, run.status.value)}",
        facts=(*_run_facts(run), *decided),
        fields=changed,
        run=run.id,
    )


def _answered(request: RequestView | None) -> tuple[tuple[tuple[str, str], ...], tuple[CardField, ...]]:
    """What became of a request that is closed: who decided or that nobody did, and the fields that were changed."""
    if request is None or request.asked.state is RequestState.PENDING:
        return (), ()
    changed = tuple(one for one in content_fields(request) if one.before is not None)
    return ((line(request.title), outcome(request)), *_reason(request)), changed


def _run_facts(run: RunView) -> Iterator[tuple[str, str]]:
    yield "Workflow", line(run.workflow_title)
    yield "Run", run.id
    yield "Started by", f"{line(run.requester.label)}, {moment(run.started_at)}"
    if run.error:
        yield "Error", visible(run.error)


_ENDS: Final = {
    RunStatus.SUCCEEDED: "done",
    RunStatus.REJECTED: "rejected",
    RunStatus.EXPIRED: "nobody decided in time",
    RunStatus.CANCELLED: "cancelled",
}


def _to_approver(topic: str, run: RunView) -> tuple[str, str]:
    """What whoever approved a step is told of it."""
    name = line(run.workflow_title)
    if topic == "approved_failed":
        return f"{name}: what you approved failed", (
            "You need not do anything. The owner of the workflow decides what happens next."
        )
    return f"{name}: the outcome of what you approved is unknown", (
        "You need not do anything. The owner of the workflow was asked to find out whether it happened."
    )


def _alert(topic: str, run: RunView, request: RequestView | None) -> tuple[str, str]:
    name = line(run.workflow_title)
    asks = line(request.title) if request else "A request"
    match topic:
        case "needs_attention":
            return f"{name}: did the step happen?", (
                "The outcome of a step is unknown. Find out whether it happened, then answer: done, repeat or stop."
            )
        case "stuck":
            return f"{name} cannot go on", "The server tries again every minute; its operator has to mend the cause."
        case "cancelled":
            return f"{name} was cancelled in the middle of a step", (
                "Find out whether the step happened before you start the workflow again."
            )
        case "unseen":
            return f"{name}: nobody has seen “{asks}” yet", (
                "No copy reached anybody for 15 minutes. Tell an approver, or see why the copies failed."
            )
        case "unreachable":
            return f"{name}: nobody can be reached for “{asks}”", "Tell an approver, or mend how they are reached."
        case "broken":
            return f"{name}: nobody can be asked by mail for “{asks}”", (
                "The mail server does not take what this server sends; its operator sees why with `signoff doctor`."
            )
        case "undelivered":
            return f"{name}: not everybody can be reached for “{asks}”", "The others were asked and can decide."
        case "excluded":
            left = request is not None and bool(_approvers(request))
            return f"{name}: an approver of “{asks}” can no longer decide", (
                "The other approvers can still decide."
                if left
                else f"No approver is left. {advice.before_asking_anew(run)}"
            )
        case "expired":
            return f"{name}: nobody decided in time", advice.after_expiry(run)
        case _:
            return f"{name} failed", advice.after_failure(run)
