"""Handlers of the page that undoes an approval: GET asks whether to, POST does it. Opening the page undoes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters, refusals, undo
from bot.web import sign_in_start, user_agents
from bot.web.context import RequestContext
from bot.web.reader_visit import ReaderVisit, reader_visit
from bot.web.review_handlers import ReviewHandlers
from bot.web.service import AccessRefused, ReviewVisit
from bot.web.status_pages import Notice
from engine.access import may_see_request
from engine.domain import Address, ApprovalUndone, Assurance, NeedsCode, NeedsSignIn, Origin, Person, Refusal, Undo
from engine.read_models import RequestView

_STALE: Final = "Nothing was undone yet. Press the button again."


def _about(request: str) -> str:
    return f"undo:{request}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoVisit:
    """A visit to the page. `remembered`: by a browser in which the person signed in, and not only with a link."""

    request: RequestView
    person: Person
    address: str
    remembered: bool
    takes_part: bool
    token: str | None = field(default=None, repr=False)
    browser: str | None = field(default=None, repr=False)

    @classmethod
    def of_approver(cls, seen: ReviewVisit) -> UndoVisit:
        return cls(
            request=seen.request,
            person=seen.person,
            address=seen.address,
            remembered=seen.remembered,
            takes_part=True,
            token=seen.token,
            browser=seen.browser,
        )

    @classmethod
    def of_reader(cls, request: RequestView, seen: ReaderVisit) -> UndoVisit:
        person, address, browser = seen.reader.person, seen.address, seen.secret
        return cls(request=request, person=person, address=address, remembered=True, takes_part=False, browser=browser)

    def command(self, form: str) -> Undo:
        """Return the command. `form`: the single-use key of the form."""
        return Undo(
            request=self.request.id,
            actor=Address("email", self.address),
            origin=Origin(surface="web", place={"form": form}),
            assurance=Assurance.LINK,
            link=self.token,
            browser=self.browser,
        )


class UndoPages:
    """The handlers of the page. A person who has only a link signs in first, and then presses the button again."""

    def __init__(self, context: RequestContext, reviews: ReviewHandlers) -> None:
        self._context, self._reviews = context, reviews

    async def show(self, request: Request) -> Response:
        """Ask whether to undo the approval. Nothing is written."""
        visit = await self._visit(request)
        if visit is None:
            return await self._reviews.show(request)
        if not undo.may_undo(visit.request, visit.person):
            return self._back(visit)
        return self._page(request, visit)

    async def undo(self, request: Request, form: FormData) -> Response:
        """Undo the approval."""
        visit = await self._visit(request)
        if visit is None:
            return await self._reviews.show(request)
        salt = self._context.salt(request, form, _about(visit.request.id))
        if salt is None:
            return self._page(request, visit, _STALE, status=422)
        result = await self._context.service.engine.undo(visit.command(salt))
        return (
            self._back(visit)
            if isinstance(result, ApprovalUndone)
            else await self._refused(request, visit, result, salt)
        )

    async def _refused(self, request: Request, visit: UndoVisit, refusal: Refusal, salt: str) -> Response:
        begun: Response | Refusal = refusal
        if isinstance(refusal, NeedsCode):
            begun = await sign_in_start.with_code(
                self._context, request, visit.request.id, address=visit.address, salt=salt
            )
        elif isinstance(refusal, NeedsSignIn):
            begun = await sign_in_start.with_account(self._context, request, visit.request.id, salt=salt)
        if not isinstance(begun, Refusal):
            return begun
        return self._page(request, visit, refusals.phrase(begun), status=409 if begun is refusal else 429)

    async def _visit(self, request: Request) -> UndoVisit | None:
        """Return the visit of a person who decided, or of the owner, or None for any other visitor."""
        seen = await self._reviews.visit(request)
        if not isinstance(seen, AccessRefused):
            return UndoVisit.of_approver(seen)
        reader = await reader_visit(self._context, request)
        view = await self._context.service.engine.request(request.path_params["request"])
        if reader is None or view is None or not may_see_request(reader.reader, view):
            return None
        return UndoVisit.of_reader(view, reader)

    def _back(self, visit: UndoVisit) -> Response:
        """Return the redirect to the page that shows how the request is now."""
        at, request = self._context.at, visit.request.id
        return self._context.to(at.review(request) if visit.takes_part else at.request(request))

    def _page(self, request: Request, visit: UndoVisit, notice: Notice = "", status: int = 200) -> Response:
        return self._context.form(
            "undo",
            request,
            _about(visit.request.id),
            status=status,
            visit=visit,
            shown_address=user_agents.shown_address(visit.address, is_known=visit.remembered),
            title=characters.line(visit.request.title),
            held=undo.held(visit.request),
            question=undo.CONFIRM,
            label=undo.BUTTON,
            notice_text=notice,
        )
