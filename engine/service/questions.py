"""The commands that ask a question before a decision, and answer it. The rules are pure; the writes are conditional."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

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
from engine.references import Reference
from engine.requests import Question, Request, questions
from engine.service import assurance, decide, eligibility
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import deliveries, delivery_queries, people, question_rows
from engine.store.deliveries import NewDelivery
from engine.store.port import Tx

Command = TypeVar("Command", AskQuestion, AnswerQuestion)


def ask(context: CommandContext, tx: Tx, command: AskQuestion, resolved: Resolved) -> QuestionAsked | Refusal:
    """Ask the requester, or the person who is named: the unit of `Engine.ask`."""
    loaded = decide.load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, _ = loaded
    recipients = Recipients(tx, context.advancer.directory, resolved)
    proof = _prove(context, tx, recipients, request, command, [approver.person for approver in request.approvers])
    if isinstance(proof, Refusal):
        return proof
    command = _as_proven(command, proof)
    approver = questions.check_asker(request, command, proof.person, tx.now)
    if isinstance(approver, Refusal):
        return approver
    checked = eligibility.check(recipients, request, approver, command.actor)
    if checked.excluded is not None:
        eligibility.exclude(context.advancer, tx, request, approver, checked.excluded)
        return NoLongerApprover(why=checked.excluded)
    to, is_known = _asked_person(tx, recipients, request, command)
    if not is_known or not context.advancer.directory.reach(to):
        return CannotAsk(why="unreachable", to=to.label)
    asked = questions.ask(request, approver, to, command.text, question=tx.new_id(), now=tx.now)
    if isinstance(asked, Refusal):
        return asked
    if asked not in request.questions:
        _save_question(context, tx, request, asked, command, proof)
    return QuestionAsked(request=request.id, run=request.subject.run, question=asked.id, to=asked.asked_to.label)


def answer(context: CommandContext, tx: Tx, command: AnswerQuestion, resolved: Resolved) -> QuestionAnswered | Refusal:
    """Answer a question: the unit of `Engine.answer_question`."""
    loaded = decide.load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, _ = loaded
    recipients = Recipients(tx, context.advancer.directory, resolved)
    proof = _prove(context, tx, recipients, request, command, [asked.asked_to for asked in request.questions])
    if isinstance(proof, Refusal):
        return proof
    command = _as_proven(command, proof)
    answered = questions.answer(request, command, proof.person, tx.now)
    if isinstance(answered, Refusal):
        return answered
    _save_answer(context, tx, request, answered, command, proof)
    asked_by = answered.asked_by.label
    return QuestionAnswered(request=request.id, run=request.subject.run, question=answered.id, asked_by=asked_by)


def _prove(
    context: CommandContext,
    tx: Tx,
    recipients: Recipients,
    request: Request,
    command: AskQuestion | AnswerQuestion,
    persons: list[Person],
) -> Proof | Refusal:
    if command.actor.kind == "email" and assurance.vouched(command):
        recipients.actor(request.workspace, command.actor)
    proof = assurance.prove(tx, request, command, persons=persons)
    if isinstance(proof, Refusal) or not context.is_trial:
        return proof
    return structs.replace(proof, assurance=Assurance.SSO)


def _as_proven(command: Command, proof: Proof) -> Command:
    return replace(command, actor=proof.actor(command.actor), assurance=proof.assurance)


def _asked_person(tx: Tx, recipients: Recipients, request: Request, command: AskQuestion) -> tuple[Person, bool]:
    """Return the person who is asked, the named one or else the requester, and whether they can be asked now."""
    if command.to is None:
        assert request.requester is not None
        return people.load_people_cached(tx, [request.requester])[request.requester], True
    reference = Reference(command.to.kind, command.to.value, str(command.to))
    answers = recipients.answers([reference]).values()
    # The account may be deactivated, or that of an app.
    is_gone = any(answer.standing for answer in answers)
    return recipients.actor(request.workspace, command.to), not is_gone


def _save_question(
    context: CommandContext, tx: Tx, request: Request, asked: Question, command: AskQuestion, proof: Proof
) -> None:
    if not question_rows.try_ask(tx, request, asked, questions.after_asking(request, tx.now)):
        raise Conflict(f"request {request.id} changed meanwhile")
    _tell(context, tx, request, asked.asked_to, topic=questions.question_topic(asked.id))
    deliveries.mark_outdated(tx, request.subject.run, request.id)
    record = entry(
        EntryKind.REQUEST_QUESTION_ASKED,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=asked.asked_by,
        question=asked.id,
        to={"person": asked.asked_to.id, "name": asked.asked_to.label},
        text=asked.text,
        assurance=command.assurance,
        acted_as=proof.acted_as or str(command.actor),
        surface=command.origin.surface,
    )
    tx.audit(request.workspace, record)


def _save_answer(
    context: CommandContext, tx: Tx, request: Request, answered: Question, command: AnswerQuestion, proof: Proof
) -> None:
    deadlines = questions.after_answering(request, answered, tx.now, request.zones)
    if not question_rows.try_answer(tx, request, answered, deadlines):
        raise Conflict(f"request {request.id} changed meanwhile")
    deliveries.mark_outdated(tx, request.subject.run, request.id)
    _tell(context, tx, request, answered.asked_by, topic=questions.answer_topic(answered.id))
    _tell_all(tx, request, answered)
    record = entry(
        EntryKind.REQUEST_QUESTION_ANSWERED,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=answered.answered_by,
        question=answered.id,
        answer=answered.answer,
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
