"""Reads what an inbox shows, and makes its page: the list with its parts, and the remembered browsers below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import answers, attention, characters, dates, inbox_rows, inbox_texts, question_notes
from bot.presentation.inbox_rows import InboxRow
from bot.web import absence_form, inbox_state, inbox_view
from bot.web.absence_form import AbsenceForm
from bot.web.context import RequestContext
from bot.web.inbox_state import NO_ONE, InboxState
from bot.web.inbox_view import InboxData
from bot.web.status_pages import Notice
from engine.access import Reader, may_export, may_see_request
from engine.domain import Address, Person, RememberedBrowser
from engine.inbox import InboxPage, InboxPart, InboxQuery
from engine.off_loop import off_loop
from engine.read_models import AttentionView, RequestView, RunView
from engine.requests import Question

ABOUT: Final = "inbox"
"""The subject to which the nonces of the forms of an inbox are bound."""
BACK: Final = "back"
"""The value of `done` in the address after a person said that they are back."""
STALE: Final = "Nothing was done yet. Press the button again."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question of an approver, before they decide, that waits for the answer of the person who reads the inbox."""

    heading: str
    text: str
    asked_at: datetime
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedRow:
    """The receipt of a request that was decided from its row."""

    row: InboxRow
    url: str


class InboxPages:
    """Makes the pages of an inbox for remembered browsers."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def browser(self, request: Request) -> RememberedBrowser | None:
        """Return the remembered browser that sent a request, or None."""
        secret = self._context.browser(request)
        return await self._context.service.identity.browser(secret) if secret else None

    async def show(
        self,
        request: Request,
        browser: RememberedBrowser,
        *,
        absence: AbsenceForm | None = None,
        notice: Notice = "",
        status: int = 200,
    ) -> Response:
        """Return the page. `notice`: why something was not done."""
        state, engine = inbox_state.read(request.query_params), self._context.service.engine
        reader = engine.reader(browser.person)
        runs, asked = await self._runs_and_questions(browser.person)
        data = await self._data(state, reader, others=len(runs) + len(asked))
        asking, open_questions = await self._attention(runs), [self._open_question(*one) for one in asked]
        receipt = await self._receipt(state.receipt, reader)
        browsers = await self._context.service.identity.browsers(browser.person.id)
        figures = await engine.figures(browser.person.id) if state.part in attention.PARTS else None
        away = absence or await absence_form.shown(engine, browser, self._context.clock.now())

        def build_page() -> Response:
            shown = inbox_view.view(state, data, self._context.at, dates.zone_of(browser.person) or UTC)
            return self._context.form(
                "inbox",
                request,
                ABOUT,
                status=status,
                inbox=shown,
                action=self.decide_path(state),
                heading=inbox_texts.heading(
                    state.part, requests=data.page.need_you, questions=len(open_questions), runs=len(asking)
                ),
                address=browser.address,
                asking=asking,
                attention=inbox_texts.ATTENTION,
                open_questions=open_questions,
                notice_text=notice,
                receipt=receipt,
                figures=attention.own(figures) if figures is not None else "",
                browsers=len(browsers),
                can_sign_in=self._context.provider is not None and browser.signed_in_until is None,
                absence=away,
                is_back=request.query_params.get("done") == BACK and not away.now,
                has_provider=self._context.provider is not None,
            )

        return await off_loop(build_page)

    def decide_path(self, state: InboxState) -> str:
        """Return the path to which the forms of the list are sent. It keeps the state of the list."""
        return f"{self._context.at.decide}?{state.query}" if state.query else self._context.at.decide

    async def standing(self, state: InboxState, reader: Reader) -> tuple[str, int]:
        """Return the mark of a page, and how much needs its reader."""
        runs, asked = await self._runs_and_questions(reader.person)
        page = await self._page(state, reader)
        needed = page.need_you + len(runs) + len(asked)
        return inbox_view.mark(page, needed), needed

    # -- what is shown --

    async def _data(self, state: InboxState, reader: Reader, *, others: int) -> InboxData:
        page, names = await self._page(state, reader), await self._context.service.engine.workflows_of(reader)
        return InboxData(
            reader=reader,
            page=page,
            needed=page.need_you + others,
            has_all=await self._has_all(reader),
            workflows=[(one.name, characters.line(one.title)) for one in names],
            can_export=may_export(reader, names),
        )

    async def _page(self, state: InboxState, reader: Reader) -> InboxPage:
        zone = dates.zone_of(reader.person) or UTC
        person = NO_ONE if state.errors else await self._person(state.person)
        return await self._context.service.engine.inbox(state.query_of(reader, person=person, zone=zone))

    async def _person(self, typed: str) -> str:
        """Return the id of the person with this email address. An address that is not known finds nothing."""
        if not typed:
            return ""
        person = await self._context.service.engine.person(Address("email", typed.lower()))
        return person.id if person is not None else NO_ONE

    async def _has_all(self, reader: Reader) -> bool:
        """Return whether the reader sees requests that they neither decide nor started to wait for."""
        if reader.reads_everything:
            return True
        first = await self._context.service.engine.inbox(InboxQuery(reader=reader, part=InboxPart.ALL, limit=1))
        return bool(first.requests)

    async def _receipt(self, request: str, reader: Reader) -> DecidedRow | None:
        """Return the receipt of a request, if its reader may see it and decided it."""
        view = await self._context.service.engine.request(request) if request else None
        if view is None or not may_see_request(reader, view):
            return None
        row = inbox_rows.row(view, reader.person, names_waiting=True)
        return DecidedRow(row=row, url=self._context.at.review(view.id)) if row.outcome else None

    async def _runs_and_questions(self, person: Person) -> tuple[list[RunView], list[tuple[RequestView, Question]]]:
        """Return the runs that wait for this person as their owner, and the questions that they were asked."""
        engine = self._context.service.engine
        requests = await engine.requests_asking(person.id)
        return await engine.runs_waiting_for(person.id), [*question_notes.open_to(requests, person.id)]

    def _open_question(self, request: RequestView, question: Question) -> OpenQuestion:
        return OpenQuestion(
            heading=question_notes.heading(request, question),
            text=characters.visible(question.text),
            asked_at=question.asked_at,
            url=self._context.at.review(request.id),
        )

    async def _attention(self, runs: Sequence[RunView]) -> list[tuple[RunView, str, str]]:
        """Return each run with its question and the address of the page to answer it."""
        asked = [await self._context.service.engine.attention(run.id) for run in runs]
        return [
            (one.run, answers.question(one.label), self._context.at.attention(one.run.id))
            for one in asked
            if isinstance(one, AttentionView)
        ]
