"""Handlers of questions: the buttons that ask and answer, and their forms."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from bot.presentation import refusals
from bot.presentation.characters import line
from bot.slack import ids, question_modals, replies, request_modals, view_state
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef, QuestionRef, Ref
from bot.slack.payloads import Actor, Click, Submission
from bot.slack.sentences import Sentence
from bot.slack.service import ANOTHER_VERSION
from bot.slack.text_objects import View
from engine.domain import (
    Address,
    AnswerQuestion,
    AskQuestion,
    Assurance,
    CannotAnswer,
    CannotAsk,
    NotFound,
    QuestionAnswered,
    QuestionAsked,
    Refusal,
)
from engine.domain.accounts import SLACK
from engine.requests import questions

_ANY_TEXT: Final = "–"
"""Stands for a text that is not typed yet, to see whether the form may open."""
_UNDER: Final = {"yourself": ids.PERSON_BLOCK, "unreachable": ids.PERSON_BLOCK}
"""The input below which the reason for a refused question stands; otherwise it is that of the text."""
_FORM: Final = frozenset({"empty", "too_long", *_UNDER})


class QuestionHandlers:
    """Opening a form acknowledges first; a submitted one is committed before it is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    # -- opening the forms --

    async def ask(self, ack: Any, body: Any) -> None:
        """Open the form for a question."""
        click = Click.of(body)
        await ack()
        ref = ids.decode_ref(click.value)
        self._open(click, None if ref is None else self._ask_form(click, ref))

    async def _ask_form(self, click: Click, ref: Ref) -> View:
        request = await self._context.service.engine.request(ref.request)
        if request is None:
            return _refused(NotFound(what="request", name=ref.request))
        person = await self._context.service.person(click.by)
        command = _question(click.by, ref.request, _ANY_TEXT, delivery=ref.delivery)
        approver = questions.check_asker(request.model, command, person, self._context.service.clock.now())
        if isinstance(approver, Refusal):
            return _refused(approver)
        return question_modals.ask(request, person, metadata=click.opening(ref))

    async def answer(self, ack: Any, body: Any) -> None:
        """Open the form for an answer."""
        click = Click.of(body)
        await ack()
        ref = ids.decode_question(click.value)
        self._open(click, None if ref is None else self._answer_form(click, ref))

    async def _answer_form(self, click: Click, ref: QuestionRef) -> View:
        request = await self._context.service.engine.request(ref.request)
        if request is None:
            return _refused(NotFound(what="request", name=ref.request))
        person = await self._context.service.person(click.by)
        command = _answer(click.by, ref, _ANY_TEXT)
        question = questions.answer(request.model, command, person, self._context.service.clock.now())
        if isinstance(question, Refusal):
            return _refused(question)
        origin = ModalRef(
            channel=click.by.channel or None,
            message_ts=click.message_ts,
            response_url=click.response_url,
            question=ref,
        )
        return question_modals.answer(request, question, metadata=origin)

    def _open(self, click: Click, making: Coroutine[Any, Any, View] | None) -> None:
        work = (
            self._context.replies.answer(click, ANOTHER_VERSION)
            if making is None
            else self._context.replies.open_when_ready(click, making, metadata=ModalRef())
        )
        self._context.after(click.by, click.response_url, work)

    # -- submitted forms --

    async def asked(self, ack: Any, body: Any) -> None:
        """Ask the question."""
        sent = Submission.of(body)
        ref = sent.view.ref.ref if sent.view.ref is not None else None
        if ref is None:
            await _say(ack, ANOTHER_VERSION)
            return
        text, account = (view_state.read_text(sent.view.values, block) for block in (ids.TEXT_BLOCK, ids.PERSON_BLOCK))
        answer = await self._context.service.engine.ask_question(
            _question(sent.by, ref.request, text, account=account, delivery=ref.delivery)
        )
        if isinstance(answer, CannotAsk) and answer.why in _FORM:
            await ack(**replies.errors({_UNDER.get(answer.why, ids.TEXT_BLOCK): refusals.sentence(answer)}))
        elif isinstance(answer, QuestionAsked):
            await ack(**replies.CLEAR)
            self._confirm(sent, answer)
        else:
            await _say(ack, refusals.phrase(answer))

    def _confirm(self, sent: Submission, answer: QuestionAsked) -> None:
        """Say where the person acted that the question was asked; all copies show it as well."""
        url = sent.view.ref.response_url if sent.view.ref is not None else None
        told = f"{line(answer.to)} has been asked. You'll get a message with the answer."
        work = self._context.replies.tell(sent.by, told, response_url=url)
        self._context.after(sent.by, url, work, recorded=True)

    async def answered(self, ack: Any, body: Any) -> None:
        """Answer the question."""
        sent = Submission.of(body)
        ref = sent.view.ref.question if sent.view.ref is not None else None
        if ref is None:
            await _say(ack, ANOTHER_VERSION)
            return
        text = view_state.read_text(sent.view.values, ids.TEXT_BLOCK)
        answer = await self._context.service.engine.answer_question(_answer(sent.by, ref, text))
        if isinstance(answer, CannotAnswer):
            await ack(**replies.errors({ids.TEXT_BLOCK: refusals.sentence(answer)}))
        elif isinstance(answer, QuestionAnswered):
            # Their message shows that they answered.
            await ack(**replies.CLEAR)
        else:
            await _say(ack, refusals.phrase(answer))


def _question(by: Actor, request: str, text: str, *, account: str = "", delivery: str | None) -> AskQuestion:
    return AskQuestion(
        request=request,
        text=text,
        to=Address(SLACK.name, account) if account else None,
        actor=by.address,
        origin=by.origin(delivery=delivery),
        assurance=Assurance.SLACK,
    )


def _answer(by: Actor, ref: QuestionRef, text: str) -> AnswerQuestion:
    return AnswerQuestion(
        request=ref.request,
        question=ref.question,
        text=text,
        actor=by.address,
        origin=by.origin(delivery=ref.delivery),
        assurance=Assurance.SLACK,
    )


def _refused(refusal: Refusal) -> View:
    return request_modals.sentence(refusals.phrase(refusal))


async def _say(ack: Any, text: Sentence) -> None:
    await ack(**replies.update(request_modals.sentence(text)))
