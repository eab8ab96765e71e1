"""Handlers of the forms of an inbox that decide: one request from its row, or several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import batch_results, questions, refusals
from bot.web import batch_view, form_data, inbox_state, inbox_view, service
from bot.web.batch_view import PickedRequest
from bot.web.context import RequestContext
from bot.web.inbox_pages import ABOUT, STALE, InboxPages
from bot.web.inbox_state import ROWS
from bot.web.review_notes import ReviewNote
from engine.access import may_see_request
from engine.domain import (
    AloneReason,
    AlreadyDecided,
    AlreadyVoted,
    Decide,
    Decided,
    NeedsCode,
    NeedsSignIn,
    ReasonMissing,
    ReasonRequired,
    Refusal,
    RememberedBrowser,
    RequestState,
    Verdict,
)
from engine.off_loop import off_loop
from engine.read_models import RequestView

_VERDICTS: Final = {"approve": Verdict.APPROVE, "reject": Verdict.REJECT}
_PICK: Final = "Nothing was decided yet. Choose some requests first, then press the button again."
_CHOOSE: Final = "Nothing was decided yet. Press one of the buttons."
_NOT_HERE: Final = "Nothing was decided. This request is not in your inbox."
_TOO_MANY: Final = f"Nothing was decided yet. Choose at most {ROWS} requests at once."


class InboxDecisions:
    """The handlers."""

    def __init__(self, context: RequestContext, pages: InboxPages) -> None:
        self._context, self._pages = context, pages

    async def decide(self, request: Request, form: FormData) -> Response:
        """Decide one request, or show those that were chosen, or decide these."""
        browser = await self._pages.browser(request)
        if browser is None:
            return self._context.to(self._context.at.inbox)
        salt = self._context.salt(request, form, ABOUT)
        if salt is None:
            return await self._pages.show(request, browser, notice=STALE, status=422)
        for name, verdict in _VERDICTS.items():
            if one := form_data.text(form, name):
                command = self._command(request, form, browser, salt, one, verdict)
                return await self._decide_one(request, browser, command)
        return await self._decide_several(request, form, browser, salt)

    def _command(
        self, request: Request, form: FormData, browser: RememberedBrowser, salt: str, of: str, verdict: Verdict
    ) -> Decide:
        """Return the command that decides a request on the content that the form shows."""
        return service.decision_from_inbox(
            of,
            verdict,
            browser=browser,
            secret=self._context.browser(request) or "",
            seen=inbox_view.read_seen(form_data.text(form, f"seen-{of}")),
            reason=_reason(form),
            form=salt,
        )

    # -- one --

    async def _decide_one(self, request: Request, browser: RememberedBrowser, command: Decide) -> Response:
        view = await self._seen(browser, command.request)
        if view is None:
            return await self._pages.show(request, browser, notice=_NOT_HERE, status=404)
        note = _look_first(view, command.verdict)
        if note is not None:
            return self._to_review(view, note)
        answer = await self._settled(await self._context.service.engine.decide(command), command, view)
        if isinstance(answer, Decided):
            return self._to_receipt(request, view.id)
        note = _NOTES.get(type(answer))
        if note is not None:
            return self._to_review(view, note if command.verdict is Verdict.APPROVE else _REJECTION.get(note, note))
        return await self._refused(request, browser, view, answer)

    def _to_review(self, view: RequestView, note: ReviewNote) -> Response:
        """Return a redirect to the page of a request, which says why it was not decided from its row."""
        return self._context.to(f"{self._context.at.review(view.id)}?{urlencode({'note': note.value})}")

    def _to_receipt(self, request: Request, of: str) -> Response:
        """Return a redirect to the list, which says what was decided, and what comes next."""
        query = inbox_state.read(request.query_params).query
        receipt = urlencode({"receipt": of})
        return self._context.to(f"{self._context.at.inbox}?{query}{'&' if query else ''}{receipt}#receipt")

    async def _refused(
        self, request: Request, browser: RememberedBrowser, view: RequestView, refusal: Refusal
    ) -> Response:
        """Return the list with the reason why the request was not decided."""
        notice = (f"“{questions.of_request(view)}” was not decided. ", *refusals.phrase(refusal))
        return await self._pages.show(request, browser, notice=notice, status=409)

    async def _settled(self, answer: Decided | Refusal, command: Decide, view: RequestView) -> Decided | Refusal:
        """Return the answer. If this very form has decided before, the request was decided, and nothing is wrong."""
        if not isinstance(answer, AlreadyDecided | AlreadyVoted):
            return answer
        if not await self._context.service.was_decided_by(view, command.form or "", command.verdict):
            return answer
        return Decided(request=view.id, run=view.run, decision="", state=view.model.state)

    async def _seen(self, browser: RememberedBrowser, of: str) -> RequestView | None:
        """Return a request, or None if the person may not see it."""
        engine = self._context.service.engine
        view = await engine.request(of)
        return view if view is not None and may_see_request(engine.reader(browser.person), view) else None

    # -- several --

    async def _decide_several(
        self, request: Request, form: FormData, browser: RememberedBrowser, salt: str
    ) -> Response:
        picked = [*dict.fromkeys(value for value in form.getlist("pick") if isinstance(value, str))]
        together, sure = (_VERDICTS.get(form_data.text(form, name)) for name in ("together", "sure"))
        verdict = together or sure
        if verdict is None or not picked:
            notice = _CHOOSE if form_data.text(form, form_data.NOTHING) else _PICK
            return await self._pages.show(request, browser, notice=notice, status=422)
        if len(picked) > ROWS:
            return await self._pages.show(request, browser, notice=_TOO_MANY, status=422)
        views = [view for one in picked if (view := await self._seen(browser, one)) is not None]
        if sure is None:
            return await self._look_again(request, form, browser, views, verdict)
        if not _reason(form) and _needs_reason(views, verdict):
            return await self._look_again(request, form, browser, views, verdict, is_missing=True)
        return await self._decided(request, form, browser, views, verdict, salt)

    async def _look_again(
        self,
        request: Request,
        form: FormData,
        browser: RememberedBrowser,
        views: Sequence[RequestView],
        verdict: Verdict,
        *,
        is_missing: bool = False,
    ) -> Response:
        """Return the page that shows each of the requests, before they are decided."""
        reader, state = self._context.service.engine.reader(browser.person), inbox_state.read(request.query_params)
        needs_reason, now = _needs_reason(views, verdict), self._context.clock.now()

        def build_page() -> Response:
            shown = [batch_view.picked(view, reader, form_data.text(form, f"seen-{view.id}"), now) for view in views]
            return self._context.form(
                "batch",
                request,
                ABOUT,
                status=422 if is_missing else 200,
                address=browser.address,
                action=self._pages.decide_path(state),
                verdict=verdict.value,
                chosen=[one for one in shown if not one.why],
                left_out=[one for one in shown if one.why],
                heading=_question(verdict, [one for one in shown if not one.why]),
                needs_reason=needs_reason,
                has_reason=needs_reason or verdict is Verdict.REJECT,
                is_missing=is_missing,
                back=inbox_view.address(self._context.at, state),
            )

        return await off_loop(build_page)

    async def _decided(
        self,
        request: Request,
        form: FormData,
        browser: RememberedBrowser,
        views: Sequence[RequestView],
        verdict: Verdict,
        salt: str,
    ) -> Response:
        """Decide the requests, each by itself, and return the page with the result."""
        commands = [self._command(request, form, browser, salt, view.id, verdict) for view in views]
        answers = await self._context.service.engine.decide_together(commands)
        settled = [
            await self._settled(answer, command, view)
            for answer, command, view in zip(answers, commands, views, strict=True)
        ]
        state = inbox_state.read(request.query_params)
        result = await off_loop(lambda: batch_results.result(verdict, views, settled))
        return self._context.pages.page(
            "batch-result",
            address=browser.address,
            result=result,
            back=inbox_view.address(self._context.at, replace(state, after="")),
        )


_NOTES: Final[dict[type[Decided | Refusal], ReviewNote]] = {
    NeedsCode: ReviewNote.CODE,
    NeedsSignIn: ReviewNote.SIGN_IN,
    ReasonMissing: ReviewNote.REASON,
}
_REJECTION: Final = {ReviewNote.REASON: ReviewNote.REJECTION}


def _look_first(view: RequestView, verdict: Verdict) -> ReviewNote | None:
    """Return why a person has to see the whole request before they approve it, or None."""
    if verdict is Verdict.REJECT or view.model.state is not RequestState.PENDING:
        return None
    if view.confirm:
        return ReviewNote.QUESTION
    return ReviewNote.IRREVERSIBLE if view.model.alone is AloneReason.IRREVERSIBLE else None


def _reason(form: FormData) -> str:
    return form_data.text(form, "reason").replace("\r\n", "\n").strip()


def _needs_reason(views: Sequence[RequestView], verdict: Verdict) -> bool:
    needed = {ReasonRequired.ALWAYS, *([ReasonRequired.REJECT] if verdict is Verdict.REJECT else [])}
    return any(view.model.reason_required in needed for view in views)


def _question(verdict: Verdict, chosen: Sequence[PickedRequest]) -> str:
    word = "Approve" if verdict is Verdict.APPROVE else "Reject"
    if not chosen:
        return "None of these can be decided together"
    return f"{word} {'this request' if len(chosen) == 1 else f'these {len(chosen)} requests'}?"
