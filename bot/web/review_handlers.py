"""Handlers of the page of a request: the link that opens it, the page, and the form that decides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import changes, characters, expiry, people, questions, ratings, refusals, undo
from bot.web import (
    form_data,
    outcome,
    question_forms,
    review_files,
    review_view,
    stale_form,
    status_pages,
    uploads,
    user_agents,
)
from bot.web.context import SHORT, RequestContext
from bot.web.question_forms import UNTYPED, TypedQuestion
from bot.web.review_notes import SENTENCES, ReviewNote
from bot.web.review_view import TypedReview
from bot.web.service import AccessRefused, ReviewVisit
from bot.web.status_pages import Notice
from bot.web.submitted_review import REASON, VERDICT, SubmittedReview, is_as_sent, typed_in
from bot.web.uploads import TakenFiles
from engine.domain import (
    Address,
    AlreadyDecided,
    AlreadyVoted,
    AskCode,
    AskSignIn,
    Assurance,
    Cancelled,
    Changed,
    Expired,
    FormDraft,
    InvalidEdits,
    Link,
    LinkState,
    NeedsCode,
    NeedsSignIn,
    NoLink,
    NotAnApprover,
    ReasonMissing,
    Refusal,
    RequestState,
    Verdict,
)
from engine.off_loop import off_loop
from engine.read_models import RequestView

_STALE: Final = (
    "Nothing was decided yet. This page was open for a long time, or your browser keeps no cookies. "
    "What you typed is still here. Press the button again."
)
_CHOOSE: Final = "Nothing was decided yet. Press one of the buttons."
_VERDICTS: Final = {verdict.value: verdict for verdict in Verdict}


def about(request: str) -> str:
    """Return the subject to which the nonce of a review form is bound."""
    return f"review:{request}"


class ReviewHandlers:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def follow(self, request: Request) -> Response:
        """Follow the link in an email: the token moves from the address into a cookie. Nothing is written."""
        token = request.path_params["token"]
        link = await self._context.service.identity.link(token)
        attention_link = await self._context.service.identity.attention_link(token) if link is None else None
        opened = link or attention_link
        if opened is None:
            return self._context.status_page(status_pages.barred(AccessRefused.UNKNOWN_LINK, self._context.at))
        at = self._context.at
        path = at.review(opened.request) if isinstance(opened, Link) else at.attention(opened.run)
        answer = self._context.to(path)
        remaining = opened.until - self._context.clock.now()
        self._context.view(answer, path, token, lasts=max(remaining, SHORT))
        return answer

    async def show(self, request: Request) -> Response:
        """Show the page."""
        visit = await self.visit(request)
        if visit is AccessRefused.NOT_AN_APPROVER and await self._only_reads(request):
            return self._context.to(self._context.at.request(request.path_params["request"]))
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        if visit.request.model.state is not RequestState.PENDING:
            return await self.closed(visit)
        note = request.query_params.get("note", "")
        if note in SENTENCES and visit.decides:
            typed = typed_in(FormData(), asks_for="reject" if note == ReviewNote.REJECTION else "")
            return await self._open(request, visit, typed=typed, notice=SENTENCES[note], is_note=True)
        draft = await self._context.draft(request, visit.request.id)
        if draft is None or draft.digest != visit.request.model.digest:
            return await self._open(request, visit)
        if question_forms.is_draft(draft):
            return await self._open(request, visit, notice=_BACK, question=question_forms.of_draft(draft))
        return await self._open(request, visit, typed=_typed_before(draft), notice=_BACK)

    async def decide(self, request: Request, form: FormData) -> Response:
        """Decide with the submitted form."""
        visit = await self.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        salt = self._context.salt(request, form, about(visit.request.id))
        taken = await self._taken(visit, form, is_ours=salt is not None)
        form = taken.form
        verdict = _VERDICTS.get(form_data.text(form, "verdict"))
        if salt is None or verdict is None:
            back = form_data.text(form, "verdict") == "back"
            notice = _STALE if salt is None else "" if back else _CHOOSE
            return await self._again(request, visit, typed_in(form), notice, status=200 if back else 422)
        same = visit.request.model.digest == form_data.text(form, "digest")
        edits, wrong = (
            await off_loop(lambda: review_view.edits(visit.request, form_data.content_values(form)))
            if same
            else ({}, {})
        )
        wrong = wrong | review_files.under_paths(visit.request, taken.wrong, review_view.labels(visit.request))
        if taken.is_too_large and verdict is Verdict.APPROVE:
            return await self._again(request, visit, typed_in(form, wrong=wrong), status=413)
        sent = SubmittedReview(visit=visit, form=form, salt=salt, verdict=verdict, edits=edits, wrong=wrong)
        return await self._ask_back(request, sent) or await self._decided(request, sent)

    async def _taken(self, visit: ReviewVisit, form: FormData, *, is_ours: bool) -> TakenFiles:
        """Take the files of the form in, of a person who may fill it in and a form that we made for this browser."""
        names = review_files.inputs(visit.request) if is_ours and visit.decides else frozenset()
        return await uploads.take(form, names, self._context.service.engine.files, Address("email", visit.address))

    async def visit(self, request: Request) -> ReviewVisit | AccessRefused:
        """Return the visit that a request makes, or the page that refuses it."""
        return await self._context.service.visit(
            request.path_params["request"], token=self._context.token(request), browser=self._context.browser(request)
        )

    async def may_upload(self, request: Request) -> bool:
        """Return whether the visitor may send files with the form of the page."""
        return not isinstance(await self.visit(request), AccessRefused)

    async def _only_reads(self, request: Request) -> bool:
        """Return whether the person may see the request, and has no part in its decision."""
        return await self._context.service.reads(request.path_params["request"], self._context.browser(request))

    async def changes(self, request: Request, form: FormData) -> Response:
        """Return the changes in a form as differences, for the script that shows them while a person types."""
        visit = await self.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))

        def build_fragment() -> Response:
            shown = review_view.review(visit.request, visit.run, (), typed_in(form), visit.person)
            return self._context.pages.page("changes", values=[field for field in shown.values if field.change])

        return await off_loop(build_fragment)

    # -- deciding --

    async def _ask_back(self, request: Request, sent: SubmittedReview) -> Response | None:
        """Return the page to fix errors or to confirm, or None if the form can decide."""
        view = sent.visit.request
        if view.model.state is not RequestState.PENDING:
            return None
        if sent.verdict in (Verdict.SKIP, Verdict.REJECT):
            return await self._ask_reason(request, sent)
        if sent.wrong:
            return await self._again(request, sent.visit, typed_in(sent.form, wrong=sent.wrong))
        if sent.verdict is Verdict.REVISE:
            return await self._ask_reason(request, sent)
        if not view.confirm or form_data.text(sent.form, "confirmed") == view.model.digest:
            return None

        question = characters.visible(view.confirm)

        def build_page() -> Response:
            return self._context.form(
                "confirm",
                request,
                about(view.id),
                salt=sent.salt,
                visit=sent.visit,
                shown_address=user_agents.shown_address(sent.visit.address, is_known=sent.visit.remembered),
                question=question,
                title=characters.line(view.title),
                label=_label(view),
                changes=tuple(changes.proposed(view, sent.edits)),
                reason=sent.typed.reason,
                digest=view.model.digest,
                carried=[(n, v) for n, v in sent.form.multi_items() if n not in _OWN and isinstance(v, str)],
            )

        return await off_loop(build_page)

    async def _ask_reason(self, request: Request, sent: SubmittedReview) -> Response | None:
        """Return the page with the field for the reason, or None if it was there, or if the content has changed."""
        is_same = form_data.text(sent.form, "digest") == sent.visit.request.model.digest
        if REASON in sent.form or not is_same:
            return None
        return await self._again(request, sent.visit, typed_in(sent.form, asks_for=sent.verdict.value), status=200)

    async def _decided(self, request: Request, sent: SubmittedReview) -> Response:
        answer = await self._context.service.engine.decide(sent.command)
        if isinstance(answer, NeedsCode):
            return await self._code(request, sent)
        if isinstance(answer, NeedsSignIn):
            return await self._sign_in(request, sent)
        if isinstance(answer, Refusal):
            return await self._refused(request, sent, answer)
        return self._context.to(self._context.at.review(sent.visit.request.id))

    async def _code(self, request: Request, sent: SubmittedReview) -> Response:
        """Send a code: a person who has only the link confirms the decision with it."""
        command = AskCode(
            decide=sent.command,
            holder=self._context.holder(request),
            label=user_agents.browser(request.headers.get("user-agent", "")),
            draft=sent.draft,
        )
        answer = await self._context.service.identity.ask_code(command)
        if isinstance(answer, Refusal):
            return await self._refused(request, sent, answer)
        return self._context.to(self._context.at.code(answer.challenge))

    async def _sign_in(self, request: Request, sent: SubmittedReview) -> Response:
        """Keep the decision until the person signs in with their account."""
        command = AskSignIn(decide=sent.command, holder=self._context.holder(request), form=sent.salt, draft=sent.draft)
        answer = await self._context.service.identity.ask_sign_in(command)
        if isinstance(answer, Refusal):
            return await self._refused(request, sent, answer)
        return self._context.to(self._context.at.sign_in(answer))

    async def _refused(self, request: Request, sent: SubmittedReview, answer: Refusal) -> Response:
        """Return the page for a refusal, with the typed values."""
        match answer:
            case InvalidEdits():
                placed = outcome.placed(sent.visit.request, answer)
                typed = typed_in(sent.form, wrong=placed.under)
                return await self._again(request, sent.visit, typed, characters.visible(placed.elsewhere))
            case ReasonMissing():
                typed = typed_in(sent.form, reason_error=refusals.sentence(answer), asks_for=sent.verdict.value)
                return await self._again(request, sent.visit, typed)
            case AlreadyVoted() if await self._context.service.was_decided_by(
                sent.visit.request, sent.salt, sent.verdict
            ):
                return self._context.to(self._context.at.review(sent.visit.request.id))
            case AlreadyDecided() | Expired() | Cancelled() | Changed():
                return await self._too_late(request, sent, answer)
            case NotAnApprover():
                return self._context.status_page(status_pages.barred(AccessRefused.REASSIGNED, self._context.at))
            case NoLink():
                why = _LINKS.get(answer.state, AccessRefused.UNKNOWN_LINK)
                return self._context.status_page(status_pages.barred(why, self._context.at))
            case _:
                return await self._again(request, sent.visit, sent.typed, refusals.phrase(answer), status=409)

    async def _too_late(self, request: Request, sent: SubmittedReview, answer: Refusal) -> Response:
        visit = await self.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        mine = isinstance(answer, AlreadyDecided) and is_as_sent(visit.request, sent)
        if mine and await self._context.service.was_decided_by(visit.request, sent.salt, sent.verdict):
            return self._context.to(self._context.at.review(visit.request.id))
        had = await off_loop(lambda: outcome.typed_texts(sent.visit.request, sent.typed))
        if isinstance(answer, Changed):
            return await self._open(
                request,
                visit,
                notice=refusals.phrase(answer),
                seen=form_data.text(sent.form, "seen"),
                had=had,
                status=409,
            )
        status = 409 if isinstance(answer, AlreadyDecided) else 410
        notice = (*refusals.phrase(answer), " Your answer was not counted.")
        return await self.closed(visit, notice=notice, had=had, status=status)

    # -- pages --

    async def not_counted(self, request: Request, visit: ReviewVisit, *, notice: Notice) -> Response:
        """Return the page after a decision was refused that had waited to be confirmed, with what was typed to copy."""
        draft = await self._context.service.identity.draft(self._context.holder(request), visit.request.id)
        if draft is None or question_forms.is_draft(draft):
            had: tuple[tuple[str, str], ...] = ()
        else:
            typed = _typed_before(draft)
            had = await off_loop(lambda: outcome.typed_texts(visit.request, typed))
        if visit.request.model.state is not RequestState.PENDING:
            return await self.closed(visit, notice=notice, had=had, status=409)
        return await self._open(request, visit, notice=notice, had=had, status=409)

    async def with_question(
        self, request: Request, visit: ReviewVisit, question: TypedQuestion, notice: Notice = "", *, status: int
    ) -> Response:
        """Return the page with what was typed as a question or an answer; of a closed request, the text to copy."""
        if visit.request.model.state is not RequestState.PENDING:
            return await self.closed(visit, notice=notice, had=question.to_copy, status=status)
        return await self._open(request, visit, notice=notice, question=question, status=status)

    async def _again(
        self, request: Request, visit: ReviewVisit, typed: TypedReview, notice: Notice = "", *, status: int = 422
    ) -> Response:
        if visit.request.model.state is not RequestState.PENDING:
            had = await off_loop(lambda: outcome.typed_texts(visit.request, typed))
            return await self.closed(visit, notice=notice, had=had, status=409)
        return await self._open(request, visit, typed=typed, notice=notice, status=status)

    async def _open(
        self,
        request: Request,
        visit: ReviewVisit,
        *,
        typed: TypedReview | None = None,
        notice: Notice = "",
        seen: str = "",
        had: tuple[tuple[str, str], ...] = (),
        question: TypedQuestion = UNTYPED,
        is_note: bool = False,
        status: int = 200,
    ) -> Response:
        """Return the page of a waiting request; without buttons to a person who may only answer a question.

        `is_note`: the notice says what is missing, and not what was done.
        """
        await self._context.service.save_view(visit)
        has_voted = visit.request.model.tally.vote_of(visit.person.id) is not None
        next_one = await self._context.service.next_for(visit) if has_voted else None

        def build_page() -> Response:
            shown = review_view.review(visit.request, visit.run, visit.together, typed, visit.person)
            return self._context.form(
                "review" if visit.decides else "question",
                request,
                about(visit.request.id),
                status=status,
                visit=visit,
                shown_address=user_agents.shown_address(visit.address, is_known=visit.remembered),
                review=shown,
                deadline=expiry.of_card(shown.card),
                label=_label(visit.request),
                reject_label=characters.line(visit.request.reject_label),
                notice_text=notice,
                is_done=bool(notice) and status == 200 and not is_note,
                differences=stale_form.differences(seen, shown.content) if seen else (),
                had_typed=had,
                successor=people.successor(visit.request, visit.person),
                give_file=partial(self._context.at.review_file, visit.request.id),
                question=question_forms.forms(visit, question, may_ask=shown.card.may_ask),
                next=_next(next_one),
            )

        return await off_loop(build_page)

    async def closed(
        self, visit: ReviewVisit, *, notice: Notice = "", had: tuple[tuple[str, str], ...] = (), status: int = 200
    ) -> Response:
        """Return the page of a closed request: its outcome, and that of its run.

        To the holder of a link, which may have been forwarded by then, it shows no more than that.
        """

        next_one = await self._context.service.next_for(visit)

        def build_page() -> Response:
            shown = review_view.review(visit.request, visit.run, visit.together)
            # The holder of a link may be any person.
            reader = visit.person if visit.remembered else None
            return self._context.pages.page(
                "closed",
                status=status,
                visit=visit,
                shown_address=user_agents.shown_address(visit.address, is_known=visit.remembered),
                review=shown,
                mine=outcome.is_own(visit.request, reader),
                since=outcome.since(visit.request, reader),
                outcome=outcome.outcome(visit.request, reader),
                changes=[field for field in shown.content if field.before is not None],
                notice_text=notice,
                had_typed=had,
                give_file=partial(self._context.at.review_file, visit.request.id) if visit.remembered else None,
                rating=outcome.rating(visit.request, visit.person) if may_rate(visit) else None,
                may_undo=undo.may_undo(visit.request, visit.person),
                next=_next(next_one),
            )

        return await off_loop(build_page)


def _next(request: RequestView | None) -> tuple[str, str] | None:
    """Return the question and the id of the next request that needs the person, or None."""
    return None if request is None else (questions.of_request(request), request.id)


def may_rate(visit: ReviewVisit) -> bool:
    """Return whether the page offers to rate the request. A link alone may have been forwarded."""
    is_known = visit.remembered or visit.request.model.assurance is Assurance.LINK
    return is_known and ratings.may_rate(visit.request, visit.person)


def _typed_before(draft: FormDraft) -> TypedReview:
    pressed = "".join(draft.typed.get(VERDICT, ()))
    asks_for = pressed if pressed != Verdict.APPROVE else ""
    return TypedReview(raws=draft.typed, reason="".join(draft.typed.get(REASON, ())), asks_for=asks_for)


_BACK: Final = "Nothing was decided yet. Your text is still here."
_OWN: Final = frozenset({"verdict", "confirmed", "nonce"})
_LINKS: Final[Mapping[LinkState | None, AccessRefused]] = {
    LinkState.EXPIRED: AccessRefused.EXPIRED_LINK,
    LinkState.REVOKED: AccessRefused.REVOKED_LINK,
}


def _label(request: RequestView) -> str:
    """Return the label of the button."""
    return "Send" if request.model.subject.is_form else characters.line(request.approve_label)
