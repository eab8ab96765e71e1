"""Handlers of the page on which a person who decided rates what they were asked: GET shows the form, POST saves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters, ratings, refusals
from bot.web import form_data, review_handlers, user_agents
from bot.web.context import RequestContext
from bot.web.review_handlers import ReviewHandlers
from bot.web.service import AccessRefused, ReviewVisit
from engine.domain import Address, Assurance, CannotRate, GiveRating, Origin, Rated

RATING: Final = "rating"
COMMENT: Final = "comment"
"""Names of the fields."""
_STALE: Final = (
    "Nothing was saved yet. This page was open for a long time, or your browser keeps no cookies. "
    "What you typed is still here. Press the button again."
)


@dataclass(frozen=True, slots=True)
class TypedRating:
    """A form as it was typed."""

    rating: str = ""
    comment: str = ""

    @property
    def number(self) -> int:
        """The rating that was chosen; 0 without one."""
        return int(self.rating) if self.rating in {str(number) for number in ratings.LABELS} else 0


class RatingPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext, reviews: ReviewHandlers) -> None:
        self._context, self._reviews = context, reviews

    async def show(self, request: Request) -> Response:
        """Show the form, filled with the earlier rating of the visitor."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        earlier = ratings.of_reader(visit.request, visit.person)
        typed = TypedRating(str(earlier.rating), earlier.comment or "") if earlier is not None else TypedRating()
        return self._form(request, visit, typed)

    async def rate(self, request: Request, form: FormData) -> Response:
        """Save the submitted rating."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        typed = TypedRating(form_data.text(form, RATING), form_data.text(form, COMMENT).replace("\r\n", "\n"))
        salt = self._context.salt(request, form, _about(visit.request.id))
        if salt is None:
            return self._form(request, visit, typed, _STALE)
        command = GiveRating(
            request=visit.request.id,
            rating=typed.number,
            comment=typed.comment,
            actor=Address("email", visit.address),
            origin=Origin(surface="web", place={"form": salt}),
            assurance=Assurance.LINK,
            link=visit.token,
            browser=visit.browser,
        )
        result = await self._context.service.engine.rate(command)
        if isinstance(result, Rated):
            return self._context.to(self._context.at.review(visit.request.id))
        if isinstance(result, CannotRate) and result.why in ("rating", "too_long"):
            wrong = RATING if result.why == "rating" else COMMENT
            return self._form(request, visit, typed, errors=((wrong, refusals.sentence(result)),))
        return self._form(request, visit, typed, refusals.sentence(result))

    async def _visit(self, request: Request) -> ReviewVisit | Response:
        """Return the visit of a person who may rate the request, or the page of the request, which says how it is."""
        visit = await self._reviews.visit(request)
        if isinstance(visit, AccessRefused) or not review_handlers.may_rate(visit):
            return await self._reviews.show(request)
        return visit

    def _form(
        self,
        request: Request,
        visit: ReviewVisit,
        typed: TypedRating,
        notice: str = "",
        errors: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        """Return the form. `errors`: a sentence for each field that is wrong, by name."""
        return self._context.form(
            "rate",
            request,
            _about(visit.request.id),
            status=422 if notice or errors else 200,
            visit=visit,
            shown_address=user_agents.shown_address(visit.address, is_known=visit.remembered),
            title=characters.line(visit.request.title),
            request_id=visit.request.id,
            question=ratings.QUESTION,
            hint=ratings.HINT,
            labels=[(str(number), label) for number, label in ratings.LABELS.items()],
            typed=typed,
            notice_text=notice,
            errors=errors,
        )


def _about(request: str) -> str:
    return f"rate:{request}"
