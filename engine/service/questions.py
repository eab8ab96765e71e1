"""The commands that ask a question before a decision, and answer it. The rules are pure; the writes are conditional."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from msgspec import structs

from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    AnswerQuestion,
    AskQuestion,
    Assurance,
    CannotAsk,
    DeliveryKind,
    NoLongerApprover,
    NotFound,
    Person,
    QuestionAnswered,
    QuestionAsked,
    Refusal,
)
from engine.errors import Conflict
from engine.json_values import Value
from engine.references import Reference
from engine.requests import Question, Request, questions
from engine.service import assurance, decide, eligibility, seeded_requests
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import deliveries, delivery_queries, people, question_rows, run_rows
from engine.store.deliveries import NewDelivery
from engine.store.port import Tx

Command = TypeVar("Command", AskQuestion, AnswerQuestion)


@dataclass(frozen=True, slots=True)
class _Proven(Generic[Command]):
    """A command with its request, and what proves who sent it."""

    command: Command
    request: Request
    recipients: Recipients
    proof: Proof


def ask(context: CommandContext, tx: Tx, command: AskQuestion, resolved: Resolved) -> QuestionAsked | Refusal:
    """Ask the requester, or the person who is named: the unit of `Engine.ask_question`."""
    proven = _prove(context, tx, command, resolved, _approvers)
    if isinstance(proven, Refusal):
        return proven
    request, recipients = proven.request, proven.recipients
    approver = questions.check_asker(request, proven.command, proven.proof.person, tx.now)
    if isinstance(approver, Refusal):
        return approver
    checked = eligibility.check(recipients, request, approver, proven.command.actor)
    if checked.excluded is not None:
        eligibility.exclude(context.advancer, tx, request, approver, checked.excluded)
        return NoLongerApprover(why=checked.excluded)
    if seeded_requests.is_seeded(tx, request):
        return seeded_requests.asked_about(context, tx, request, approver.person, resolved)
    to, is_known = _asked_person(tx, recipients, request, proven.command)
    if not is_known or not context.advancer.directory.reach(to):
        return CannotAsk(why="unreachable", to=to.label)
    asked = questions.ask(request, approver, to, command.text, question=tx.new_id(), now=tx.now)
    if isinstance(asked, Refusal):
        return asked
    if asked not in request.questions:
        _save_question(context, tx, proven, asked)
    return QuestionAsked(request=request.id, run=request.subject.run, question=asked.id, to=asked.asked_to.label)


def answer(context: CommandContext, tx: Tx, command: AnswerQuestion, resolved: Resolved) -> QuestionAnswered | Refusal:
    """Answer a question: the unit of `Engine.answer_question`."""
    proven = _prove(context, tx, command, resolved, _asked_people)
    if isinstance(proven, Refusal):
        return proven
    request = proven.request
    answered = questions.answer(request, proven.command, proven.proof.person, tx.now)
    if isinstance(answered, Refusal):
        return answered
    _save_answer(context, tx, proven, answered)
    asked_by = answered.asked_by.label
    return QuestionAnswered(request=request.id, run=request.subject.run, question=answered.id, asked_by=asked_by)


def _prove(
    context: CommandContext,
    tx: Tx,
    command: Command,
    resolved: Resolved,
    candidates: Callable[[Request], list[Person]],
) -> _Proven[Command] | Refusal:
    """Load the request of the command, and find out which of the candidates sent it."""
    loaded = decide.load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, _ = loaded
    recipients = Recipients(tx, context.advancer.directory, resolved)
    if command.actor.kind == "email" and assurance.vouched(command):
        recipients.actor(request.workspace, command.actor)
    proof = assurance.prove(tx, request, command, persons=candidates(request))
    if isinstance(proof, Refusal):
        return proof
    if context.is_trial:
        proof = structs.replace(proof, assurance=Assurance.SSO)
    proven = replace(command, actor=proof.actor(command.actor), assurance=proof.assurance)
    return _Proven(proven, request, recipients, proof)


def _approvers(request: Request) -> list[Person]:
    return [approver.person for approver in request.approvers]


def _asked_people(request: Request) -> list[Person]:
    return [asked.asked_to for asked in request.questions]


def _asked_person(tx: Tx, recipients: Recipients, request: Request, command: AskQuestion) -> tuple[Person, bool]:
    """Return the person who is asked, the named one or else the requester, and whether they can be asked now."""
    if command.to is None:
        assert request.requester is not None
        requester = people.load_people_cached(tx, [request.requester])[request.requester]
        if not requester.is_human:
            owner = run_rows.load_owner(tx.connection, request.subject.run).owner
            requester = people.load_people_cached(tx, [owner])[owner]
        return requester, True
    reference = Reference(command.to.kind, command.to.value, str(command.to))
    answers = recipients.answers([reference]).values()
    # The account may be deactivated, or that of an app.
    is_gone = any(answer.standing for answer in answers)
    return recipients.actor(request.workspace, command.to), not is_gone


def _save_question(context: CommandContext, tx: Tx, proven: _Proven[AskQuestion], asked: Question) -> None:
    request = proven.request
    if not question_rows.try_ask(tx, request, asked, questions.after_asking(request, tx.now)):
        raise Conflict(f"request {request.id} changed meanwhile")
    _tell(context, tx, request, asked.asked_to, topic=questions.question_topic(asked.id))
    deliveries.mark_outdated(tx, request.subject.run, request.id)
    to: dict[str, Value] = {"person": asked.asked_to.id, "name": asked.asked_to.label}
    content: dict[str, Value] = {"question": asked.id, "to": to, "text": asked.text}
    _record(tx, proven, EntryKind.REQUEST_QUESTION_ASKED, asked.asked_by, content)


def _save_answer(context: CommandContext, tx: Tx, proven: _Proven[AnswerQuestion], answered: Question) -> None:
    request = proven.request
    deadlines = questions.after_answering(request, answered, tx.now, request.zones)
    if not question_rows.try_answer(tx, request, answered, deadlines):
        raise Conflict(f"request {request.id} changed meanwhile")
    deliveries.mark_outdated(tx, request.subject.run, request.id)
    _tell(context, tx, request, answered.asked_by, topic=questions.answer_topic(answered.id))
    _tell_all(tx, request, answered)
    content: dict[str, Value] = {"question": answered.id, "answer": answered.answer}
    _record(tx, proven, EntryKind.REQUEST_QUESTION_ANSWERED, answered.answered_by, content)


def _record(tx: Tx, proven: _Proven[Command], kind: EntryKind, actor: Person | None, content: dict[str, Value]) -> None:
    """Write into the log what was asked or answered, and how it was proved who did it."""
    request, command, proof = proven.request, proven.command, proven.proof
    record = entry(
        kind,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=actor,
        content=content,
        assurance=command.assurance,
        acted_as=proof.acted_as or str(command.actor),
        surface=command.origin.surface,
    )
    tx.audit(request.workspace, record)


def _tell_all(tx: Tx, request: Request, answered: Question) -> None:
    """Tell the answer below the copy that all approvers share, if there is one: they discuss the request there."""
    if request.ways.post_to is None:
        return
    run = request.subject.run
    route = delivery_queries.load_shared_route(tx.connection, run, request.id)
    if route is not None:
        copy = NewDelivery(
            kind=DeliveryKind.ALERT,
            run=run,
            person=answered.asked_by,
            route=route,
            request=request.id,
            topic=questions.shared_answer_topic(answered.id),
        )
        deliveries.insert_deliveries(tx, request.workspace, [copy])


def _tell(context: CommandContext, tx: Tx, request: Request, person: Person, *, topic: str) -> None:
    alert = routing.alert(context.advancer.directory, request.subject.run, person, topic=topic, request=request.id)
    deliveries.insert_deliveries(tx, request.workspace, [alert])
