"""The cards that tell the owner of a workflow, or an approver, about trouble. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.presentation import advice, answers, dates, expiry, outcome_card, people, request_card, request_outcome, states
from bot.presentation.characters import line
from engine.domain import Card, CardFact, CardOutcome, DeliveryKind, RunStatus, StepStatus, Tone
from engine.read_models import DeliveryContent, RequestView, RunView, StepAnswer, StepView


def alert_card(copy: DeliveryContent) -> Card:
    """Return the alert about a run; about the end of a run it says all that the outcome card says."""
    run, topic = copy.run, copy.topic or ""
    ends = run.status.ended and topic == run.status.value
    request = None if ends else copy.request
    approved = request if topic in TO_APPROVERS else None
    title, what = _to_approver(topic, run) if topic in TO_APPROVERS else _alert(topic, run, request)
    decided, changed = outcome_card.decision_facts(copy.request) if ends else ((), ())
    question = _open_question(copy)
    over = _closing_sentence(copy)
    return Card(
        kind=DeliveryKind.ALERT,
        title=title,
        tone=states.RUN_TONES[run.status] if ends else Tone.ATTENTION,
        lead=() if over else ((what,),),
        values=changed,
        notes=(
            *outcome_card.run_notes(run),
            *(_approved_notes(approved) if approved else ()),
            *outcome_card.decision_notes(copy.request if ends else None),
            *(_people_notes(request) if request else ()),
        ),
        outcome=_outcome(copy),
        requester=line(run.requester.label),
        details=tuple(outcome_card.run_details(run)),
        facts=(
            *outcome_card.run_facts(run),
            *(_approved_facts(approved) if approved else ()),
            *decided,
            *(_people_facts(request) if request else ()),
            *(() if over else (("What to do", what),)),
        ),
        fields=changed,
        state=over,
        run=run.id,
        request=request.id if request else None,
        topic=copy.topic,
        about=request_card.question(approved) if approved else None,
        step=question.step if question else None,
        visit=question.visit if question else None,
        attempt=question.attempt if question else None,
    )


def _open_question(copy: DeliveryContent) -> StepView | None:
    """Return the step of unknown outcome that the reader may answer for: only the owner of the workflow may."""
    if copy.person.id != copy.run.owner.id:
        return None
    steps = (step for step in copy.run.steps if step.status is StepStatus.OUTCOME_UNKNOWN and step.ended_at is None)
    return next(steps, None)


def _approved_notes(request: RequestView) -> Iterator[CardFact]:
    """Yield the approval and the result of the step."""
    yield CardFact(label=line(request.title), text=request_outcome.ended(request))
    became = request_outcome.effect(request)
    if became is not None:
        yield CardFact(label="What happened", text=(became,))


def _people_notes(request: RequestView) -> Iterator[CardFact]:
    """Yield which approvers were not reached, and which can no longer decide."""
    yield from (CardFact(label=label, text=(text,)) for label, text in _people_facts(request))


def _outcome(copy: DeliveryContent) -> CardOutcome | None:
    """Return why an alert asks nothing any more: it was answered, or the request that it is about is closed."""
    run, request = copy.run, copy.request
    if copy.topic == RunStatus.NEEDS_ATTENTION:
        answer = advice.last_answer(run)
        if answer is not None and _answers(copy, answer[1]):
            return _answered(answer)
        if run.status.ended:
            return CardOutcome(line=(f"No answer is needed any more: the run {states.RUN_CLAUSES[run.status]}",))
        return None
    if copy.topic == "approved_unknown" and request is not None and request.effect is not None:
        known = request.effect[0] is not StepStatus.OUTCOME_UNKNOWN
        return _answered(advice.last_answer(run)) if known else None
    if request is None or request.model.closed_at is None or copy.topic not in _ABOUT_REQUESTS:
        return None
    return request_outcome.card_outcome(request)


def _answered(answered: tuple[StepView, StepAnswer] | None) -> CardOutcome:
    if answered is None:
        return CardOutcome(line=("The outcome is known by now",))
    answer = answered[1]
    text = f"{line(answer.person.label)} answered “{answers.LABELS[answer.answer]}”, "
    return CardOutcome(line=(text, answer.at))


def _approved_facts(request: RequestView) -> Iterator[tuple[str, str]]:
    """Yield the approval and the result of the step."""
    yield line(request.title), request_outcome.outcome(request)
    yield from request_card.effect_facts(request)


def _people_facts(request: RequestView) -> Iterator[tuple[str, str]]:
    """Yield which approvers were not reached, and which can no longer decide."""
    if request.unreached:
        yield "Not reached", people.not_reached(request)
    excluded = people.excluded(request)
    if excluded:
        yield "Can no longer decide", excluded


def _closing_sentence(copy: DeliveryContent) -> str | None:
    """Return why an alert is over (it was answered, or its request is closed), or None if it is open."""
    run, request = copy.run, copy.request
    if copy.topic == RunStatus.NEEDS_ATTENTION:
        answered = advice.last_answer(run)
        if answered is not None and _answers(copy, answered[1]):
            return _answered_by(answered)
        ended = f"There is nothing to answer any more: the run {states.RUN_CLAUSES[run.status]}."
        return ended if run.status.ended else None
    if copy.topic == "approved_unknown" and request is not None and request.effect is not None:
        is_known = request.effect[0] is not StepStatus.OUTCOME_UNKNOWN
        return _answered_by(advice.last_answer(run)) if is_known else None
    if request is None or request.model.closed_at is None or copy.topic not in _ABOUT_REQUESTS:
        return None
    return request_outcome.outcome(request)


def _answered_by(answered: tuple[StepView, StepAnswer] | None) -> str:
    if answered is None:
        return "The outcome is known by now."
    answer = answered[1]
    return f"Answered by {line(answer.person.label)} at {dates.moment(answer.at)}: {answer.answer.value}."


def _answers(copy: DeliveryContent, answer: StepAnswer) -> bool:
    """Return whether the last answer is to the question of this copy, and not to an earlier one."""
    later = copy.created_at is not None and answer.at > copy.created_at
    return later or copy.run.status is not RunStatus.NEEDS_ATTENTION


TO_APPROVERS: Final = frozenset({"approved_failed", "approved_unknown"})
"""Alerts to the approver of a step."""
_ABOUT_REQUESTS: Final = frozenset({"unseen", "unreachable", "broken", "undelivered", "excluded"})


def _to_approver(topic: str, run: RunView) -> tuple[str, str]:
    """Return the title and the advice of an alert to the approver of a step."""
    name = line(run.workflow_title)
    if topic == "approved_failed":
        return f"{name}: what you approved failed", (
            "You need not do anything. The owner of the workflow decides what happens next."
        )
    return f"{name}: the outcome of what you approved is unknown", (
        "You need not do anything. The owner of the workflow was asked to find out whether it happened."
    )


def _question(run: RunView) -> str:
    """Return the question about the call of unknown outcome, or about the last one that was answered."""
    unknown = next((step for step in run.steps if step.status is StepStatus.OUTCOME_UNKNOWN), None)
    answered = advice.last_answer(run)
    step = unknown or (answered[0] if answered else None)
    return answers.question(step.label) if step else f"{line(run.workflow_title)}: did the step happen?"


def _alert(topic: str, run: RunView, request: RequestView | None) -> tuple[str, str]:
    name = line(run.workflow_title)
    asks = line(request.title) if request else "A request"
    match topic:
        case "needs_attention":
            return _question(run), (
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
            left = request is not None and bool(people.approvers(request))
            return f"{name}: an approver of “{asks}” can no longer decide", (
                "The other approvers can still decide."
                if left
                else f"No approver is left. {advice.before_asking_anew(run)}"
            )
        case "expired":
            return f"{name}: {expiry.WITHOUT_DECISION}", advice.after_expiry(run)
        case _:
            return f"{name} failed", advice.after_failure(run)
