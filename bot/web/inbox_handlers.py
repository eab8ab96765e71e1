"""Handlers of the inbox: a person's waiting requests and remembered browsers, after signing in with a code."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import answers, characters, expiry, progress, question_notes, questions, refusals, summary
from bot.web import absence_form, client_limits, form_data, user_agents
from bot.web.absence_form import AbsenceForm
from bot.web.client_limits import ClientLimits
from bot.web.context import RequestContext
from bot.web.service import WaitingRequests
from bot.web.site_urls import SiteUrls
from engine import fields
from engine.domain import AskSignIn, Person, Phrase, RememberedBrowser, SignIn, TooManyCodes
from engine.errors import InvalidValue
from engine.fields import Field, FieldType
from engine.read_models import AttentionView, RequestView, RunView

_ABOUT: Final = "inbox"
_EMAIL: Final = Field(type=FieldType.EMAIL)
_STALE: Final = "Nothing was done yet. Press the button again."

log = logging.getLogger(__name__)


class InboxHandlers:
    """The handlers."""

    def __init__(self, context: RequestContext) -> None:
        self._context, self._logged = context, ClientLimits(most=1)

    async def lead(self, _: Request) -> Response:
        """Redirect from the bare public address, which people remember, to the inbox."""
        return self._context.to(self._context.at.inbox)

    async def show(self, request: Request) -> Response:
        """Show the inbox, or the form to sign in."""
        browser = await self._browser(request)
        return self._sign_in(request) if browser is None else await self._list(request, browser)

    async def act(self, request: Request, form: FormData) -> Response:
        """Sign in, sign out, or have a browser forgotten."""
        salt = self._context.salt(request, form, _ABOUT)
        browser = await self._browser(request)
        if form_data.text(form, "act") == "sign-in":
            return await self._ask(request, form, salt)
        if form_data.text(form, "act") == "sign-in-with-account":
            return await self._ask_account(request, salt)
        if salt is None or browser is None:
            return await self.show(request)
        act = form_data.text(form, "act")
        if act not in ("away", "back"):
            return await self._forget(request, form, browser)
        return await self._absence(request, form, browser, salt, is_back=act == "back")

    async def _absence(
        self, request: Request, form: FormData, browser: RememberedBrowser, salt: str, *, is_back: bool
    ) -> Response:
        """Save that the person is away or back."""
        engine, now = self._context.service.engine, self._context.clock.now()
        if is_back:
            await absence_form.ended(engine, browser, salt=salt)
            return self._context.to(self._context.at.inbox)
        wrong = await absence_form.submitted(engine, form, browser, now=now, salt=salt)
        return self._context.to(self._context.at.inbox) if wrong is None else await self._list(request, browser, wrong)

    async def _browser(self, request: Request) -> RememberedBrowser | None:
        secret = self._context.browser(request)
        return await self._context.service.identity.browser(secret) if secret else None

    async def _ask(self, request: Request, form: FormData, salt: str | None) -> Response:
        """Send a code. The answer does not reveal whether the address is known."""
        typed = form_data.text(form, "email").strip()
        try:
            email = str(fields.validate(_EMAIL, typed))
        except InvalidValue as error:
            return self._sign_in(request, typed=typed, error=f"The address {error}.", status=422)
        if salt is None:
            return self._sign_in(request, typed=typed, error=_STALE, status=422)
        command = SignIn(
            email=email,
            holder=self._context.holder(request),
            form=salt,
            label=user_agents.browser(request.headers.get("user-agent", "")),
            client=client_limits.client(request),
        )
        sent = await self._context.service.identity.sign_in(command)
        if isinstance(sent, TooManyCodes):
            return self._too_often(request, typed, sent)
        return self._context.to(self._context.at.code(sent.challenge))

    async def _ask_account(self, request: Request, salt: str | None) -> Response:
        """Begin a sign-in with an account."""
        if salt is None:
            return self._sign_in(request, error=_STALE, status=422)
        command = AskSignIn(
            decide=None, holder=self._context.holder(request), form=salt, client=client_limits.client(request)
        )
        sign_in = await self._context.service.identity.ask_sign_in(command)
        if isinstance(sign_in, TooManyCodes):
            return self._too_often(request, "", sign_in)
        assert isinstance(sign_in, str), "without a decision, nothing else is refused"
        # Not to the provider at once: a browser follows a form to our own pages only (`form-action`).
        return self._context.to(self._context.at.sign_in(sign_in))

    def _too_often(self, request: Request, typed: str, refusal: TooManyCodes) -> Response:
        """Return the page for a client that asked for too many codes."""
        who = client_limits.client(request)
        if self._logged.take(who, self._context.clock.now()) is None:
            proxied = "x-forwarded-for" in request.headers
            hint = " If it is a proxy of yours, name it in SIGNOFF_TRUSTED_PROXIES." if proxied else ""
            log.warning("client %s asks for too many codes to sign in, and gets none for a while.%s", who, hint)
        answer = self._sign_in(request, typed=typed, error=refusals.sentence(refusal), status=429)
        answer.headers["Retry-After"] = str(math.ceil(refusal.wait.total_seconds()))
        return answer

    async def _forget(self, request: Request, form: FormData, browser: RememberedBrowser) -> Response:
        """Forget this browser, or another one of the same person."""
        which = browser.id if form_data.text(form, "act") == "sign-out" else form_data.text(form, "browser")
        await self._context.service.identity.forget(self._context.browser(request) or "", which)
        answer = self._context.to(self._context.at.inbox)
        if which == browser.id:
            self._context.forget(answer)
        return answer

    def _sign_in(self, request: Request, *, typed: str = "", error: str = "", status: int = 200) -> Response:
        has_provider = self._context.provider is not None
        return self._context.form(
            "sign-in", request, _ABOUT, status=status, typed=typed, error=error, has_provider=has_provider
        )

    async def _open_questions(self, person: Person) -> list[OpenQuestion]:
        """Return the questions of approvers that this person was asked and has not answered."""
        requests = await self._context.service.engine.requests_asking(person.id)
        return [
            OpenQuestion(
                heading=question_notes.heading(request, question),
                text=characters.visible(question.text),
                asked_at=question.asked_at,
                url=self._context.at.review(request.id),
            )
            for request, question in question_notes.open_to(requests, person.id)
        ]

    async def _attention(self, person: Person) -> list[tuple[RunView, str, str]]:
        """Return the runs that ask this person what became of a step, each with its question and its address."""
        engine = self._context.service.engine
        runs = await engine.runs_waiting_for(person.id)
        asked = [await engine.attention(run.id) for run in runs]
        return [
            (one.run, answers.question(one.label), self._context.at.attention(one.run.id))
            for one in asked
            if isinstance(one, AttentionView)
        ]

    async def _list(self, request: Request, browser: RememberedBrowser, absence: AbsenceForm | None = None) -> Response:
        waiting, asking = await self._context.service.waiting(browser.person), await self._attention(browser.person)
        open_questions = await self._open_questions(browser.person)
        browsers = await self._context.service.identity.browsers(browser.person.id)
        return self._context.form(
            "inbox",
            request,
            _ABOUT,
            heading=_heading(waiting, has_questions=bool(asking or open_questions)),
            address=browser.address,
            rows=[_row(request, self._context.at, browser.person) for request in summary.by_deadline(waiting.requests)],
            more=waiting.more,
            asking=asking,
            open_questions=open_questions,
            browsers=[(remembered, characters.line(remembered.label)) for remembered in browsers],
            this=browser.id,
            can_sign_in=self._context.provider is not None and browser.signed_in_until is None,
            status=200 if absence is None else 422,
            absence=absence
            or await absence_form.shown(self._context.service.engine, browser.person, self._context.clock.now()),
        )


def _heading(waiting: WaitingRequests, *, has_questions: bool) -> str:
    if not waiting.requests and has_questions:
        return "Your answer is needed"
    return f"{'More than ' if waiting.more else ''}{summary.waiting(len(waiting.requests))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question of an approver, before they decide, that waits for the answer of the person who reads the inbox."""

    heading: str
    text: str
    asked_at: datetime
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRequest:
    """One request of the inbox. `question` tells it from the others."""

    question: str
    requester: str
    is_own: bool
    """Whether the reader started the run."""
    count: str
    """How many approvals it has, if it needs several."""
    deadline: Phrase
    url: str


def _row(request: RequestView, at: SiteUrls, reader: Person) -> ListedRequest:
    deadlines = request.model.deadlines
    return ListedRequest(
        question=questions.of_request(request),
        requester=characters.line(request.requester.label),
        is_own=request.requester.id == reader.id,
        count=" ".join(progress.count(request)),
        deadline=expiry.of_deadlines(deadlines),
        url=at.review(request.id),
    )
