"""The cards that tell the owner of a workflow, or an approver, about trouble. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from bot.presentation import (
    advice,
    answers,
    asks,
    autonomy,
    changes,
    expiry,
    outcome_card,
    oversight,
    people,
    questions,
    request_outcome,
    states,
)
from bot.presentation.characters import line
from engine import durations
from engine.domain import (
    Card,
    CardFact,
    CardField,
    CardOutcome,
    DeliveryKind,
    Phrase,
    RequestState,
    RunStatus,
    StepStatus,
    Tone,
)
from engine.read_models import DeliveryContent, RequestView, RunView, StepAnswer, StepView
from engine.requests import OWNER_INSTEAD
from engine.requests.deadlines import UNDELIVERED_AFTER
from engine.workflowfile.step_kinds import ASK


def alert_card(copy: DeliveryContent) -> Card:
    """Return the alert about a run; about the end of a run it says all that the outcome card says."""
    run, topic = copy.run, copy.topic or ""
    ends = run.status.ended and topic == run.status.value
    request = None if ends else copy.request
    approved = request if topic in TO_APPROVERS else None
    voids = request if topic == VOIDED else None
    follows = copy.request if approved or voids or (ends and outcome_card.was_asked(copy)) else None
    title, what = _alert(topic, copy)
    question, failed = _open_question(copy), _failed_step(copy)
    asked = question or failed
    outcome = _outcome(copy)
    opens = voids or (request if topic in PASSED_ON and outcome is None and not _is_barred(copy) else None)
    return Card(
        kind=DeliveryKind.ALERT,
        # The outcome says that it is decided, so the question is enough.
        title=line(voids.title) if voids and outcome else title,
        tone=states.RUN_TONES[run.status] if ends else _tone(copy),
        lead=() if outcome else ((what,), *_deadline(topic, request)),
        values=_changed_for(copy, voids) if voids else outcome_card.changed_values(copy.request) if ends else (),
        notes=(
            *(_approved_notes(run, approved) if approved else outcome_card.run_notes(run)),
            *(_decision_notes(copy.request) if ends else ()),
            *(_late_report(copy.request) if ends else ()),
            *(() if ends or copy.request else _inputs_note(run)),
            *(_people_notes(request) if request and not approved else ()),
        ),
        outcome=outcome,
        requester=people.starter(run.requester),
        details=tuple(outcome_card.run_details(run)),
        run=run.id,
        request=follows.id if follows else request.id if request else None,
        topic=copy.topic,
        about=questions.as_asked(follows) if follows else None,
        content_version=opens.model.content_version if opens else None,
        digest=opens.model.digest if opens else None,
        because=_because(copy),
        retry=advice.confirmation_of_retry(run) if failed else None,
        step=asked.step if asked else None,
        visit=asked.visit if asked else None,
        attempt=question.attempt if question else None,
        answers=tuple(answers.offered(question.uses if question else "")),
    )


def _changed_for(copy: DeliveryContent, request: RequestView) -> tuple[CardField, ...]:
    """Return what is different from the content that the reader approved, before it was changed."""
    version = request.approved_before.get(copy.person.id)
    return outcome_card.changed_values(request) if version is None else changes.since(request, version)


def _because(copy: DeliveryContent) -> str:
    """Return why the reader gets the alert, or an empty text for a person who owned the workflow before."""
    if copy.topic in TO_APPROVERS or copy.topic == VOIDED:
        return "you approved this request"
    if copy.person.id == copy.run.owner.id:
        return "you own this workflow"
    return "you started this run" if copy.person.id == copy.run.requester.id else ""


def _open_question(copy: DeliveryContent) -> StepView | None:
    """Return the step of unknown outcome that the reader may answer for: only the owner of the workflow may."""
    step = _unknown_step(copy.run)
    return step if step is not None and step.ended_at is None and copy.person.id == copy.run.owner.id else None


def _failed_step(copy: DeliveryContent) -> StepView | None:
    """Return the step at which the run failed, if the reader of the alert about it may try the run again."""
    run, may = copy.run, (copy.run.owner.id, copy.run.requester.id)
    offers = copy.topic == RunStatus.FAILED and copy.person.id in may and advice.can_be_tried_again(run)
    return run.steps[-1] if offers else None


def _unknown_step(run: RunView) -> StepView | None:
    """Return the step whose outcome is unknown; the newest one, if there were several."""
    return next((step for step in reversed(run.steps) if step.status is StepStatus.OUTCOME_UNKNOWN), None)


def _decision_notes(request: RequestView | None) -> Iterator[CardFact]:
    """Yield the end of the last request of a run, and the reason of the person who decided."""
    if request is not None and request.model.state is RequestState.EXPIRED and request.model.closed_at is not None:
        # The title says that it expired, and the sentence below it what that led to.
        yield CardFact(label="When", text=(request.model.closed_at,))
    elif request is not None and request.model.state is not RequestState.PENDING:
        yield CardFact(label=line(request.title), text=(*request_outcome.ended(request), "."))
        yield from outcome_card.reason_notes(request)


def _late_report(request: RequestView | None) -> Iterator[CardFact]:
    """Yield what a program reported after the run had ended."""
    reported = asks.late_report(request)
    if reported:
        yield CardFact(label="Reported later", text=(*reported, "."))


def _inputs_note(run: RunView) -> Iterator[CardFact]:
    """Yield the inputs that tell the run from others, if no request does."""
    inputs = questions.of_run(run, None)
    if inputs:
        yield CardFact(label="Started with", text=(inputs,))


def _approved_notes(run: RunView, request: RequestView) -> Iterator[CardFact]:
    """Yield what went wrong, the approval, and the result of the step, each fact once."""
    status, error = (request.effect.status, request.effect.error) if request.effect else (None, None)
    if not (error and run.error and error in run.error and status is StepStatus.FAILED):
        yield from outcome_card.run_notes(run)
    yield CardFact(label="Decision", text=(*request_outcome.ended(request), "."))
    became = request_outcome.card_outcome(request).became
    # The sentence above the notes says already that it is not clear, or that it worked later.
    worked_later = request.effect is not None and request.effect.worked_at is not None
    if became and status is not StepStatus.OUTCOME_UNKNOWN and not worked_later:
        yield CardFact(label="What happened", text=became)


def _people_notes(request: RequestView) -> Iterator[CardFact]:
    """Yield which approvers were not reached, and which can no longer decide."""
    if request.unposted:
        yield CardFact(label="Not posted", text=(people.not_posted(request.unposted),))
    if request.unreached:
        yield CardFact(label="Not reached", text=(people.not_reached(request),))
    excluded = people.excluded(request)
    if excluded:
        yield CardFact(label="Can no longer decide", text=(excluded,))


def _outcome(copy: DeliveryContent) -> CardOutcome | None:
    """Return why an alert asks nothing any more: it was answered, or the request that it is about is closed."""
    run, request = copy.run, copy.request
    if copy.topic == RunStatus.NEEDS_ATTENTION:
        answer = advice.last_answer(run)
        if answer is not None and _answers(copy, answer[1]):
            return _answered(answer)
        if run.status.ended:
            return CardOutcome(line=(f"No answer is needed: the run {states.RUN_CLAUSES[run.status]}",))
        return None
    if copy.topic == RunStatus.FAILED and run.status is not RunStatus.FAILED:
        return CardOutcome(line=("It was tried again",))
    if copy.topic == "approved_unknown" and request is not None and request.effect is not None:
        reported = asks.late_report(request)
        if reported:
            return CardOutcome(line=reported)
        known = request.effect.status is not StepStatus.OUTCOME_UNKNOWN
        return _answered(advice.last_answer(run)) if known else None
    if copy.topic == FAILED and request is not None:
        worked_at = request.effect.worked_at if request.effect is not None else None
        return CardOutcome(line=("It worked on another try, ", worked_at)) if worked_at is not None else None
    if request is None or copy.topic not in _ABOUT_REQUESTS:
        return None
    return request_outcome.card_outcome(request) if request.model.closed_at is not None else _voted_anew(copy, request)


def _voted_anew(copy: DeliveryContent, request: RequestView) -> CardOutcome | None:
    """Return that the reader has approved the new version as well, if the alert is about one."""
    vote = request.model.tally.vote_of(copy.person.id) if copy.topic == VOIDED else None
    return None if vote is None else CardOutcome(line=("You approved the new version, ", vote.at))


def _tone(copy: DeliveryContent) -> Tone:
    """Return the tone of an alert about trouble: that of its request or answer once it asks nothing any more."""
    if _outcome(copy) is None:
        return Tone.ATTENTION
    about_request = copy.request is not None and copy.topic in _ABOUT_REQUESTS
    closed = about_request and copy.request is not None and copy.request.model.closed_at is not None
    return states.REQUEST_TONES[copy.request.model.state] if closed and copy.request else Tone.DONE


def _answered(answered: tuple[StepView, StepAnswer] | None) -> CardOutcome:
    if answered is None:
        return CardOutcome(line=("It is now clear whether this happened",))
    answer = answered[1]
    text = f"{line(answer.person.label)} answered “{answers.LABELS[answer.answer]}”, "
    return CardOutcome(line=(text, answer.at))


def _answers(copy: DeliveryContent, answer: StepAnswer) -> bool:
    """Return whether the last answer is to the question of this copy, and not to an earlier one."""
    later = copy.created_at is not None and answer.at > copy.created_at
    return later or copy.run.status is not RunStatus.NEEDS_ATTENTION


FAILED: Final = "approved_failed"
"""The topic of the alert to an approver that the step failed."""
TO_APPROVERS: Final = frozenset({FAILED, "approved_unknown"})
"""Alerts to the approver of a step."""
PASSED_ON: Final = frozenset({"short", "excluded", "absent"})
"""Alerts to the owner of a workflow who can pass a request on to another person."""
VOIDED: Final = "voided"
"""The topic of the alert to a person whose approval does not count any more."""
_ABOUT_REQUESTS: Final = frozenset(
    {"unseen", "unreachable", "broken", "undelivered", "excluded", "short", "absent", VOIDED, "unposted"}
)


def _alert(topic: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title of an alert and its advice: what happened, and what the reader can do."""
    if topic in TO_APPROVERS:
        return _to_approver(topic, copy)
    if topic.startswith((autonomy.TIGHTENED, autonomy.LAPSED)):
        label = copy.run.step_label(autonomy.step_of(topic))
        return autonomy.reviewed_again(topic, copy.run.workflow_title, label)
    if topic.startswith(autonomy.FLAGGED):
        label = copy.run.step_label(topic.removeprefix(autonomy.FLAGGED))
        return autonomy.flagged(copy.run.workflow_title, label)
    if topic in _ABOUT_REQUESTS:
        return _about_request(topic, copy)
    return _about_run(topic, copy)


def _to_approver(topic: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of an alert to the approver of a step."""
    owner = line(copy.run.owner.label)
    if topic == FAILED:
        is_ask = copy.request is not None and copy.request.model.ask is not None
        then = "The program that asked knows it." if is_ask else f"{owner} decides what happens next."
        return f"You approved “{_question(copy)}”, and it failed", f"You don't need to do anything. {then}"
    return f"You approved “{_question(copy)}”. Did it happen?", (
        f"Signoff got no clear answer. You don't need to do anything: {owner} has been asked to find out."
    )


def _about_request(topic: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of an alert about the approvers of a request."""
    asks, request = _question(copy), copy.request
    if topic in _ABOUT_PEOPLE:
        return _ABOUT_PEOPLE[topic](asks, copy)
    reasons = "The reasons are below. " if request is not None and request.unreached else ""
    match topic:
        case "unseen":
            return f"No approver has received “{asks}” yet", (
                f"Nothing was delivered for {durations.in_words(UNDELIVERED_AFTER)}. "
                f"{reasons}Please ask an approver yourself."
            )
        case "unreachable":
            return f"No approver can be reached for “{asks}”", f"{reasons}Please ask an approver yourself."
        case "broken":
            return f"Emails about “{asks}” cannot be sent", (
                "The mail server does not accept emails from Signoff. "
                "The operator of this server can find the cause with the command signoff doctor."
            )
        case "unposted":
            return f"“{asks}” could not be posted in its channel", (
                f"{'The reason is below. ' if request and request.unposted else ''}Each approver was asked directly."
            )
        case "undelivered":
            return f"Some approvers of “{asks}” cannot be reached", f"{reasons}The others can still decide."
    if request is not None and any(row.rule == OWNER_INSTEAD and row.may_decide for row in request.approvers):
        return _excluded(asks, request), "You are asked in their place, in a message of its own."
    if request is not None and people.approvers(request):
        return _excluded(asks, request), "The other approvers can still decide."
    return _excluded(asks, request), (
        f"No approver is left. Pass it on to another person. {advice.before_asking_anew(copy.run)}"
    )


def _is_barred(copy: DeliveryContent) -> bool:
    """Return whether the reader neither decides the request nor chooses who does."""
    return copy.request is not None and copy.person.id in copy.request.model.separation.barred


def _short(asks: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of the alert that more approvals are needed than people can give."""
    if _is_barred(copy):
        return f"No one can decide “{asks}”", oversight.NO_ONE_LEFT
    todo = "Pass it on to another person, or cancel the run."
    if copy.request is None:
        return f"Too few people can approve “{asks}”", todo
    tally = copy.request.model.tally
    left, has = len(tally.waiting), f"It has {len(tally.votes)} of {tally.needed} approvals"
    if left:
        can = "one person" if left == 1 else f"{left} people"
        return f"Too few people can approve “{asks}”", f"{has}, and only {can} can approve it now. {todo}"
    if tally.votes:
        return f"No one else can approve “{asks}”", f"{has}. {todo}"
    return f"No one can approve “{asks}”", f"None of the people who were asked may approve it. {todo}"


def _absent(asks: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of the alert that all who can decide are away, with the name of an only one."""
    names = people.approvers(copy.request) if copy.request is not None else []
    who = f"{names[0]}, who can decide “{asks}”," if len(names) == 1 else f"Everyone who can decide “{asks}”"
    return f"{who} is away", "No one decides in their place. Pass it on to another person, or wait until they are back."


def _deadline(topic: str, request: RequestView | None) -> Iterator[Phrase]:
    """Yield until when a request waits that its owner can pass on."""
    due = expiry.of_deadlines(request.model.deadlines) if request is not None and topic in PASSED_ON else ()
    if due:
        first, *rest = due
        yield f"It {str(first)[:1].lower()}{str(first)[1:]}", *rest, "."


def _voided(asks: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of the alert that an approval does not count any more."""
    request, version = copy.request, 0
    if request is not None:
        version = request.approved_before.get(copy.person.id, version)
    made = changes.later(request, version) if request is not None else ()
    names = dict.fromkeys(line(change.person.label) for change in made if change.person.id != copy.person.id)
    who = people.joined([*names], "and") if names else "Another approver"
    return f"{who} changed what you approved: {asks}", (
        "Your approval does not count for the new version. Look at what changed, then decide again."
    )


_ABOUT_PEOPLE: Final[Mapping[str, Callable[[str, DeliveryContent], tuple[str, str]]]] = {
    "short": _short,
    "absent": _absent,
    VOIDED: _voided,
}
"""The functions that return the title and the advice of an alert about the people of a request."""


def _excluded(asks: str, request: RequestView | None) -> str:
    """Return the title of the alert that an approver can no longer decide, with their name if it is only one."""
    names = [line(approver.person.label) for approver in request.approvers if approver.excluded] if request else []
    return f"{names[0] if len(names) == 1 else 'Some approvers'} can no longer decide “{asks}”"


def _about_run(topic: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of an alert about a run."""
    run, step = copy.run, _unknown_step(copy.run)
    match topic:
        case "needs_attention":
            return _unknown_outcome(copy)
        case "stuck":
            return f"“{line(run.workflow_title)}” is stuck", (
                "Signoff cannot continue the run and keeps trying. "
                "The operator of this server can find the cause in its log."
            )
        case "callback_gone" | "callback_undelivered":
            return _about_callbacks(topic, copy)
        case "cancelled":
            name = f"“{line(step.label)}”" if step else "the last step"
            return outcome_card.title(run, copy.request, RunStatus.CANCELLED), (
                f"It was cancelled while {name} was running. "
                "Find out whether that happened before you start the workflow again."
            )
        case "expired":
            return outcome_card.title(run, copy.request, RunStatus.EXPIRED), advice.after_expiry(run)
        case "failed":
            return outcome_card.title(run, copy.request, RunStatus.FAILED), advice.after_failure(run)
        case _:
            # Of a newer version, whose processes replace this one: it must not say that the run failed.
            return f"There is news about “{line(run.workflow_title)}”", "Open the run to see what happened."


def _about_callbacks(topic: str, copy: DeliveryContent) -> tuple[str, str]:
    """Return the title and the advice of an alert that a program is not told what became of its asks."""
    asks, program = _question(copy), line(copy.run.requester.label)
    if topic == "callback_gone":
        return f"{program} wants no callbacks any more", (
            f"It said so in its answer about “{asks}”. Its asks go on, and it can still look them up. "
            "If that is a mistake, an admin can switch its endpoint on again: signoff callbacks list"
        )
    return f"{program} did not hear about “{asks}”", (
        "Its callbacks did not arrive for days, and they are given up one by one. It can still look its asks up. "
        "An admin finds the cause with signoff callbacks list, and you can send each again on the page of its run."
    )


_NOT_TOLD: Final = "The program that asked used the approval, and it is not clear whether what it did worked."


def _unknown_outcome(copy: DeliveryContent) -> tuple[str, str]:
    """Return the question about the call of unknown outcome, or the last that was answered, and who answers it."""
    run, answered = copy.run, advice.last_answer(copy.run)
    step = _unknown_step(run) or (answered[0] if answered else None)
    title = answers.question(asks.step_label(run, step)) if step else f"“{line(run.workflow_title)}” needs attention"
    is_ask = step is not None and step.uses == ASK
    called = _NOT_TOLD if is_ask else "Signoff called this step and got no clear answer."
    if copy.person.id == run.owner.id:
        return title, f"{called} Find out, then answer below."
    return title, f"{called} {line(run.owner.label)} has to find out."


def _question(copy: DeliveryContent) -> str:
    """Return the question of the request that an alert is about."""
    return line(copy.request.title if copy.request is not None else copy.run.workflow_title)
