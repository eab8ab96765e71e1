"""Handlers of the forms that ask a question about a request, and answer it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import refusals
from bot.presentation.characters import line
from bot.web import form_data, question_forms, review_handlers, sign_in_start, status_pages
from bot.web.context import RequestContext
from bot.web.question_forms import ANSWER, TEXT, TO, TypedQuestion
from bot.web.review_handlers import ReviewHandlers
from bot.web.service import AccessRefused, ReviewVisit
from engine import fields
from engine.domain import (
    Address,
    AnswerQuestion,
    AskQuestion,
    Assurance,
    CannotAnswer,
    CannotAsk,
    NeedsCode,
    NeedsSignIn,
    Origin,
    QuestionAnswered,
    QuestionAsked,
    Refusal,
    TooManyCodes,
)
from engine.errors import InvalidValue
from engine.fields import Field, FieldType

_STALE: Final = (
    "Nothing was sent yet. This page was open for a long time, or your browser keeps no cookies. "
    "What you typed is still here. Press the button again."
)
_EMAIL: Final = Field(type=FieldType.EMAIL)
_UNDER_TO: Final = frozenset({"yourself", "unreachable"})
_UNDER_TEXT: Final = frozenset({"empty", "too_long"})


class QuestionFormHandlers:
    """The handlers. A person who has only a link gives a code first, and then sends the form once more."""

    def __init__(self, context: RequestContext, reviewing: ReviewHandlers) -> None:
        self._context, self._reviewing = context, reviewing

    async def ask(self, request: Request, form: FormData) -> Response:
        """Ask a question."""
        typed = TypedQuestion(text=form_data.text(form, TEXT), to=form_data.text(form, TO).strip())
        opened = await self._opened(request, form, typed)
        if isinstance(opened, Response):
            return opened
        visit, salt = opened
        try:
            to = Address("email", str(fields.validate(_EMAIL, typed.to))) if typed.to else None
        except InvalidValue as error:
            wrong = replace(typed, errors=((TO, f"The address {error}."),))
            return await self._reviewing.with_question(request, visit, wrong, status=422)
        asked = await self._context.service.engine.ask_question(
            AskQuestion(
                request=visit.request.id,
                text=typed.text,
                to=to,
                actor=Address("email", visit.address),
                origin=Origin(surface="web", place={"form": salt}),
                assurance=Assurance.LINK,
                link=visit.token,
                browser=visit.browser,
            )
        )
        if isinstance(asked, QuestionAsked):
            notice = f"{line(asked.to)} has been asked. You will get an answer by email or in Slack."
            return await self._sent(request, notice)
        return await self._refused(request, visit, typed, asked, salt)

    async def answer(self, request: Request, form: FormData) -> Response:
        """Answer a question."""
        typed = TypedQuestion(answer=form_data.text(form, ANSWER))
        opened = await self._opened(request, form, typed)
        if isinstance(opened, Response):
            return opened
        visit, salt = opened
        answered = await self._context.service.engine.answer_question(
            AnswerQuestion(
                request=visit.request.id,
                question=form_data.text(form, "asked") or None,
                text=typed.answer,
                actor=Address("email", visit.address),
                origin=Origin(surface="web", place={"form": salt}),
                assurance=Assurance.LINK,
                link=visit.token,
                browser=visit.browser,
            )
        )
        if isinstance(answered, QuestionAnswered):
            return await self._sent(request, f"Your answer was sent. {line(answered.asked_by)} will read it.")
        return await self._refused(request, visit, typed, answered, salt)

    async def _visit(self, request: Request) -> ReviewVisit | Response:
        visit = await self._reviewing.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        return visit

    async def _opened(
        self, request: Request, form: FormData, typed: TypedQuestion
    ) -> tuple[ReviewVisit, str] | Response:
        """Return the visit and the single-use key of a form, or the page for a form that cannot be sent."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        salt = self._context.salt(request, form, review_handlers.about(visit.request.id))
        if salt is None:
            return await self._reviewing.with_question(request, visit, typed, _STALE, status=422)
        return visit, salt

    async def _sent(self, request: Request, notice: str) -> Response:
        """Return the page as it is now, with what was done."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        return await self._reviewing.with_question(request, visit, TypedQuestion(), notice, status=200)

    async def _refused(
        self, request: Request, visit: ReviewVisit, typed: TypedQuestion, refusal: Refusal, salt: str
    ) -> Response:
        match refusal:
            case NeedsCode():
                return await self._code(request, visit, typed, salt)
            case NeedsSignIn():
                return await self._sign_in(request, visit, typed, salt)
            case CannotAsk() if refusal.why in _UNDER_TO | _UNDER_TEXT:
                under = TO if refusal.why in _UNDER_TO else TEXT
                wrong = replace(typed, errors=((under, refusals.sentence(refusal)),))
                return await self._reviewing.with_question(request, visit, wrong, status=422)
            case CannotAnswer():
                wrong = replace(typed, errors=((ANSWER, refusals.sentence(refusal)),))
                return await self._reviewing.with_question(request, visit, wrong, status=422)
        latest = await self._visit(request)
        if isinstance(latest, Response):
            return latest
        return await self._reviewing.with_question(request, latest, typed, refusals.phrase(refusal), status=409)

    async def _code(self, request: Request, visit: ReviewVisit, typed: TypedQuestion, salt: str) -> Response:
        """Send a code to sign in with, which leads back to the form as it was typed."""
        draft = question_forms.draft(visit, typed)
        sent = await sign_in_start.with_code(
            self._context, request, visit.request.id, address=visit.address, salt=salt, draft=draft
        )
        if isinstance(sent, TooManyCodes):
            return await self._reviewing.with_question(request, visit, typed, refusals.sentence(sent), status=429)
        return sent

    async def _sign_in(self, request: Request, visit: ReviewVisit, typed: TypedQuestion, salt: str) -> Response:
        """Let the person sign in with their account, which leads back to the form as it was typed."""
        draft = question_forms.draft(visit, typed)
        begun = await sign_in_start.with_account(self._context, request, visit.request.id, salt=salt, draft=draft)
        if isinstance(begun, Refusal):
            return await self._reviewing.with_question(request, visit, typed, refusals.phrase(begun), status=429)
        return begun
