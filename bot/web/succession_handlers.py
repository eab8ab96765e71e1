"""Handlers of the page that passes a request on to another person. It needs a browser in which the person signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters, refusals
from bot.web import form_data, sign_in_start, status_pages
from bot.web.context import RequestContext
from bot.web.service import AccessRefused
from bot.web.status_pages import Notice, PageLink, StatusPage
from engine import fields, requests
from engine.access import may_pass_on
from engine.domain import (
    Address,
    Assurance,
    CannotTakeOver,
    Origin,
    Reassign,
    Reassigned,
    Refusal,
    RememberedBrowser,
)
from engine.errors import InvalidValue
from engine.fields import Field, FieldType
from engine.read_models import RequestView
from engine.requests.succession import MISSING

_EMAIL: Final = Field(type=FieldType.EMAIL)
_MISSING_OPTION: Final = "missing"
_STALE: Final = "Nothing was done yet. Press the button again."


def _about(request: str) -> str:
    return f"pass-on:{request}"


@dataclass(frozen=True, slots=True)
class TypedSuccession:
    """A form as it was typed."""

    to: str = ""
    reason: str = ""
    place: str = ""

    @classmethod
    def of(cls, form: FormData) -> TypedSuccession:
        to, place = form_data.text(form, "to").strip(), form_data.text(form, "place")
        return cls(to, form_data.text(form, "reason").replace("\r\n", "\n"), place)

    @property
    def whose(self) -> str | None:
        """The place that was chosen, as the command has it."""
        return MISSING if self.place == _MISSING_OPTION else self.place or None


@dataclass(frozen=True, slots=True)
class SuccessionVisit:
    """A visit by a person who may pass the request on. `places`: the ids and names of those whose place it can be."""

    request: RequestView
    browser: RememberedBrowser
    places: list[tuple[str, str]]

    @property
    def has_to_sign_in(self) -> bool:
        """Whether the gate wants the person's account, and this browser is not signed in with it."""
        return self.request.model.needs_account and self.browser.signed_in_until is None


class SuccessionPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the form."""
        visit = await self._visit(request)
        return visit if isinstance(visit, Response) else self._form(request, visit)

    async def pass_on(self, request: Request, form: FormData) -> Response:
        """Pass the request on with the submitted form."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        typed = TypedSuccession.of(form)
        salt = self._context.salt(request, form, _about(visit.request.id))
        if salt is None:
            return self._form(request, visit, typed, _STALE)
        if visit.has_to_sign_in:
            return await self._sign_in(request, visit, salt)
        try:
            email = str(fields.validate(_EMAIL, typed.to)).lower()
        except InvalidValue as error:
            return self._form(request, visit, typed, errors=(("to", f"The address {error}."),))
        command = Reassign(
            request=visit.request.id,
            to=Address("email", email),
            reason=typed.reason,
            actor=Address("email", visit.browser.address),
            origin=Origin(surface="web", place={"form": salt}),
            assurance=Assurance.CODE,
            place=typed.whose,
            browser=self._context.browser(request),
        )
        answer = await self._context.service.engine.reassign(command)
        if not isinstance(answer, Refusal):
            return self._done(visit, answer)
        # The reason is checked last.
        wrong = "to" if isinstance(answer, CannotTakeOver) else "" if typed.reason.strip() else "reason"
        if wrong:
            return self._form(request, visit, typed, errors=((wrong, refusals.sentence(answer)),))
        return self._form(request, visit, typed, refusals.phrase(answer))

    async def _sign_in(self, request: Request, visit: SuccessionVisit, salt: str) -> Response:
        """Begin a sign-in with an account, which leads back to the request."""
        begun = await sign_in_start.with_account(self._context, request, visit.request.id, salt=salt)
        return self._form(request, visit, notice=refusals.phrase(begun)) if isinstance(begun, Refusal) else begun

    async def _visit(self, request: Request) -> SuccessionVisit | Response:
        """Return the visit, or the page that refuses it."""
        secret = self._context.browser(request)
        browser = await self._context.service.identity.browser(secret) if secret else None
        if browser is None:
            return self._context.status_page(_sign_in(self._context.at.inbox))
        loaded = await self._context.service.engine.request_in_run(request.path_params["request"])
        if loaded is None or not may_pass_on(browser.person, loaded[0]):
            return self._context.status_page(status_pages.barred(AccessRefused.NOT_AN_APPROVER, self._context.at))
        view, run, _ = loaded
        places = requests.places_of(view.model, browser.person.id, owner=run.owner.id)
        closed = requests.check_open(view.model, browser.person, self._context.clock.now())
        if closed is not None or not places:
            sentence: Notice = refusals.phrase(closed) if closed is not None else _NO_PLACE
            return self._context.status_page(_no_more(sentence, self._context.at.inbox))
        return SuccessionVisit(view, browser, places)

    def _form(
        self,
        request: Request,
        visit: SuccessionVisit,
        typed: TypedSuccession | None = None,
        notice: Notice = "",
        errors: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        """Return the form. `errors`: a sentence for each field that is wrong, by name."""
        return self._context.form(
            "pass-on",
            request,
            _about(visit.request.id),
            status=422 if notice or errors else 200,
            address=visit.browser.address,
            request_id=visit.request.id,
            title=characters.line(visit.request.title),
            places=[(person, characters.line(name)) for person, name in visit.places],
            typed=typed or TypedSuccession(),
            notice_text=notice,
            errors=errors,
            has_to_sign_in=visit.has_to_sign_in,
        )

    def _done(self, visit: SuccessionVisit, answer: Reassigned) -> Response:
        own = answer.place is not None and answer.place.id == visit.browser.person.id
        name = characters.line(answer.to.label)
        title = f"{name} decides in your place" if own else f"{name} decides now"
        ways = (PageLink("See your requests", self._context.at.inbox),)
        lines = (characters.line(visit.request.title), f"{name} gets a message now.")
        return self._context.status_page(StatusPage(status=200, title=title, lines=lines, ways=ways))


_NO_PLACE: Final = "You have no decision left to make here, so there is nothing to pass on."


def _no_more(sentence: Notice, inbox: str) -> StatusPage:
    """Return the page for a request that cannot be passed on any more."""
    ways = (PageLink("See your requests", inbox),)
    return StatusPage(status=409, title="This cannot be passed on", lines=(sentence,), ways=ways)


def _sign_in(inbox: str) -> StatusPage:
    """Return the page for a person who has not signed in."""
    line = "Sign in with your email address. Then open this page again."
    return StatusPage(status=403, title="Sign in to pass this on", lines=(line,), ways=(PageLink("Sign in", inbox),))
