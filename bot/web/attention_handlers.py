"""Handlers of the page on which the owner of a run says what became of a step: GET shows it, POST answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters, refusals
from bot.web import attention_access, attention_view, form_data, status_pages, user_agents
from bot.web.attention_access import AttentionVisit
from bot.web.attention_view import TypedAnswer
from bot.web.context import RequestContext
from bot.web.service import AccessRefused
from bot.web.status_pages import Notice
from engine.domain import (
    Address,
    AnswerAttention,
    AskAnswerCode,
    Assurance,
    Done,
    FormDraft,
    InvalidInputs,
    LinkState,
    NeedsCode,
    NoLink,
    NotWaiting,
    Origin,
    Refusal,
    Resume,
    ResumeAnswer,
)
from engine.errors import ChannelError
from engine.fields import forms
from engine.json_values import Value
from engine.off_loop import off_loop
from engine.read_models import AttentionView

_STALE: Final = (
    "Nothing was answered yet. This page was open for a long time, or your browser keeps no cookies. "
    "What you typed is still here. Press the button again."
)
_BACK: Final = "Nothing was answered yet. Your text is still here."
_NOT_COUNTED: Final = "Your answer was not counted."
_OTHER_CALL: Final = (
    "Nothing was answered. The step was called again in the meantime. Read the question below, then answer."
)
_LATER: Final = "Nothing was answered. Signoff cannot look up the next approvers at the moment. Try again in a minute."
_LINKS: Final[Mapping[LinkState | None, AccessRefused]] = {
    LinkState.EXPIRED: AccessRefused.EXPIRED_LINK,
    LinkState.REVOKED: AccessRefused.REVOKED_LINK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedAnswer:
    """A submitted form. `salt`: its single-use key. `values`: by dotted path."""

    visit: AttentionVisit
    attention: AttentionView
    form: FormData
    salt: str
    answer: ResumeAnswer
    values: dict[str, Value]

    @property
    def draft(self) -> FormDraft:
        run = self.visit.run.id
        typed = {**form_data.content_values(self.form), attention_view.ANSWER: (self.answer.value,)}
        return FormDraft(about=run, run=run, digest=attention_view.written(self.attention), typed=typed)

    @property
    def command(self) -> AnswerAttention:
        step, visit, attempt = attention_access.call(self.attention)
        resume = Resume(
            run=self.visit.run.id,
            answer=self.answer,
            actor=Address("email", self.visit.address),
            origin=Origin(surface="web", place={"form": self.salt}),
            output=self.attention.expected.build_output(self.values),
            step=step,
            visit=visit,
            attempt=attempt,
            assurance=Assurance.LINK,
        )
        shown_values = attention_view.shown_values(self.attention, self.values)
        return AnswerAttention(
            resume=resume, link=self.visit.token, browser=self.visit.browser, form=self.salt, shown_values=shown_values
        )


def about(run: str) -> str:
    """Return the subject to which the nonce of the form is bound."""
    return f"attention:{run}"


def _typed(form: FormData, *, wrong: Mapping[str, str] | None = None, unanswered: bool = False) -> TypedAnswer:
    return TypedAnswer(raws=form_data.content_values(form), answer=_answer(form), wrong=wrong, unanswered=unanswered)


def _answer(form: FormData) -> ResumeAnswer | None:
    return _ANSWERS.get(form_data.text(form, attention_view.ANSWER))


_ANSWERS: Final = {answer.value: answer for answer in ResumeAnswer}


class AttentionHandlers:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the page. Nothing is written."""
        visit = await self.visit(request)
        if isinstance(visit, AccessRefused):
            return self._barred(visit)
        if visit.attention is None:
            return self.closed(visit)
        draft = await self._context.draft(request, visit.run.id)
        if draft is None or draft.digest != attention_view.written(visit.attention):
            return await self._open(request, visit, visit.attention)
        answer = _ANSWERS.get("".join(draft.typed.get(attention_view.ANSWER, ())))
        typed = TypedAnswer(raws=draft.typed, answer=answer)
        return await self._open(request, visit, visit.attention, typed=typed, notice=_BACK)

    async def answer(self, request: Request, form: FormData) -> Response:
        """Answer with the submitted form."""
        visit = await self.visit(request)
        if isinstance(visit, AccessRefused):
            return self._barred(visit)
        salt = self._context.salt(request, form, about(visit.run.id))
        attention = visit.attention
        if attention is None:
            return await self._too_late(request, visit, form, salt)
        if form_data.text(form, "call") != attention_view.written(attention):
            return await self._open(request, visit, attention, notice=_OTHER_CALL, status=409)
        if form_data.text(form, form_data.NOTHING):
            return await self._open(request, visit, attention, typed=_typed(form))
        answer = _answer(form)
        if salt is None or answer is None:
            typed = _typed(form, unanswered=answer is None)
            return await self._open(request, visit, attention, typed=typed, notice="" if salt else _STALE, status=422)
        done = answer is ResumeAnswer.DONE
        values, wrong = (
            await off_loop(lambda: attention_view.values(attention, form_data.content_values(form)))
            if done
            else ({}, {})
        )
        if wrong:
            return await self._open(request, visit, attention, typed=_typed(form, wrong=wrong), status=422)
        sent = SubmittedAnswer(visit=visit, attention=attention, form=form, salt=salt, answer=answer, values=values)
        return await self._answered(request, sent)

    async def visit(self, request: Request) -> AttentionVisit | AccessRefused:
        """Return the visit that a request makes, or the page that refuses it."""
        return await attention_access.visit(
            self._context.service,
            request.path_params["run"],
            token=self._context.token(request),
            browser=self._context.browser(request),
        )

    # -- answering --

    async def _answered(self, request: Request, sent: SubmittedAnswer) -> Response:
        try:
            answer = await self._context.service.engine.answer(sent.command)
        except ChannelError:
            return await self._open(
                request, sent.visit, sent.attention, typed=_typed(sent.form), notice=_LATER, status=503
            )
        if isinstance(answer, NeedsCode):
            return await self._code(request, sent)
        if isinstance(answer, Done):
            return self._context.to(self._context.at.attention(sent.visit.run.id))
        return await self._refused(request, sent, answer)

    async def _code(self, request: Request, sent: SubmittedAnswer) -> Response:
        """Send a code: a person who has only the link confirms the answer with it."""
        command = AskAnswerCode(
            answer=sent.command,
            holder=self._context.holder(request),
            label=user_agents.browser(request.headers.get("user-agent", "")),
            draft=sent.draft,
        )
        answer = await self._context.service.identity.ask_answer_code(command)
        if isinstance(answer, Refusal):
            return await self._refused(request, sent, answer)
        return self._context.to(self._context.at.code(answer.challenge))

    async def _refused(self, request: Request, sent: SubmittedAnswer, answer: Refusal) -> Response:
        match answer:
            case InvalidInputs():
                placed = forms.place(answer.errors, answer.labels, sent.attention.fields.__contains__)
                typed, notice = _typed(sent.form, wrong=placed.under), characters.visible(placed.elsewhere)
                return await self._open(request, sent.visit, sent.attention, typed=typed, notice=notice, status=422)
            case NotWaiting():
                visit = await self.visit(request)
                if isinstance(visit, AccessRefused):
                    return self._barred(visit)
                return await self._too_late(request, visit, sent.form, sent.salt)
            case NoLink():
                return self._barred(_LINKS.get(answer.state, AccessRefused.UNKNOWN_LINK))
            case _:
                return await self._open(
                    request,
                    sent.visit,
                    sent.attention,
                    typed=_typed(sent.form),
                    notice=refusals.phrase(answer),
                    status=409,
                )

    async def _too_late(self, request: Request, visit: AttentionVisit, form: FormData, salt: str | None) -> Response:
        """Return the page for an answer that comes too late; a second click on a button sees the first result."""
        if salt is not None and await attention_access.was_answered_by(self._context.service, visit.run.id, salt):
            return self._context.to(self._context.at.attention(visit.run.id))
        if visit.attention is not None:
            return await self._open(request, visit, visit.attention, notice=_OTHER_CALL, status=409)
        had = attention_view.typed_texts(form_data.content_values(form))
        return self.closed(visit, notice=_NOT_COUNTED, had=had, status=409)

    async def refused(self, run: str, answer: Refusal, *, browser: str) -> Response:
        """Return the page for an answer that was refused after its code; the browser is remembered by then."""
        visit = await attention_access.visit(self._context.service, run, token=None, browser=browser)
        if isinstance(visit, AccessRefused):
            return self._barred(visit)
        if isinstance(answer, NotWaiting) and visit.attention is None:
            return self.closed(visit, notice=(*refusals.phrase(answer), f" {_NOT_COUNTED}"), status=409)
        return self._context.status_page(status_pages.refused(refusals.phrase(answer), status=409, at=self._context.at))

    # -- pages --

    def _barred(self, why: AccessRefused) -> Response:
        return self._context.status_page(status_pages.barred_from_run(why, self._context.at))

    async def _open(
        self,
        request: Request,
        visit: AttentionVisit,
        attention: AttentionView,
        *,
        typed: TypedAnswer | None = None,
        notice: Notice = "",
        status: int = 200,
    ) -> Response:
        def build_page() -> Response:
            return self._context.form(
                "attention",
                request,
                about(visit.run.id),
                status=status,
                visit=visit,
                shown_address=user_agents.shown_address(visit.address, is_known=visit.remembered),
                question=attention_view.question(visit, attention, typed),
                name=attention_view.ANSWER,
                notice_text=notice,
            )

        return await off_loop(build_page)

    def closed(
        self, visit: AttentionVisit, *, notice: Notice = "", had: tuple[tuple[str, str], ...] = (), status: int = 200
    ) -> Response:
        """Return the page of an answered question: who answered what, and the state of the run."""
        return self._context.pages.page(
            "answered",
            status=status,
            visit=visit,
            shown_address=user_agents.shown_address(visit.address, is_known=visit.remembered),
            answered=attention_view.closed(visit),
            notice_text=notice,
            had_typed=had,
        )
