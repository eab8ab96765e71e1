"""Handlers of the page from which owners, admins and auditors export decisions as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Final, Literal

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bot.presentation import characters, dates, decision_records, inbox_texts, refusals
from bot.web import form_data, inbox_state
from bot.web.context import RequestContext
from bot.web.reader_visit import ReaderVisit, signed_in
from bot.web.status_pages import Notice, PageLink, StatusPage
from engine.access import may_export, owns_or_reads
from engine.domain import ExportDecisions, NotAllowed, Origin, Refusal
from engine.off_loop import off_loop
from engine.read_models import DecisionFilter, ExportedDecision

_ABOUT: Final = "export"
_STALE: Final = "Nothing was exported yet. Press the button again."
_NO_DAY: Final = "Choose the first day."
_DAYS: Final = timedelta(days=30)
"""How far back the form begins."""
_FORMATS: Final = (("csv", "CSV, for a spreadsheet"), ("jsonl", "JSON Lines, for programs"))
_TYPES: Final = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/x-ndjson"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportForm:
    """The values of the form as they were typed."""

    since: str
    until: str
    workflow: str
    format: Literal["csv", "jsonl"] = "csv"

    def errors(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each wrong value with a sentence."""
        since, until = inbox_state.day(self.since), inbox_state.day(self.until)
        if since is None:
            yield "since", inbox_state.NOT_A_DAY if self.since else _NO_DAY
        if self.until and until is None:
            yield "until", inbox_state.NOT_A_DAY
        if since is not None and until is not None and until < since:
            yield "until", inbox_texts.BACKWARDS

    def command(self, visit: ReaderVisit, origin: Origin, zone: tzinfo) -> ExportDecisions:
        """Return the command of a form without errors. Days are those of `zone`."""
        since, until = inbox_state.day(self.since), inbox_state.day(self.until)
        assert since is not None
        return ExportDecisions(
            since=inbox_state.midnight(since, zone),
            until=inbox_state.midnight(until + timedelta(days=1), zone) if until is not None else None,
            workflow=self.workflow or None,
            format=self.format,
            actor=visit.actor,
            origin=origin,
        )

    @property
    def file_name(self) -> str:
        return f"decisions-{self.since}{f'-to-{self.until}' if self.until else ''}.{self.format}"


class ExportPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show the form. Its first values are those of the address, as the filter of an inbox writes them."""
        visit = await signed_in(self._context, request)
        if isinstance(visit, Response):
            return visit
        wanted = inbox_state.read(request.query_params)
        first_day = (self._context.clock.now() - _DAYS).astimezone(_zone(visit)).date()
        typed = ExportForm(since=wanted.since or first_day.isoformat(), until=wanted.until, workflow=wanted.workflow)
        return await self._form(request, visit, typed)

    async def download(self, request: Request, form: FormData) -> Response:
        """Send the file, a part at a time. The audit log has an entry before anything is read."""
        visit = await signed_in(self._context, request)
        if isinstance(visit, Response):
            return visit
        typed, salt = _typed(form), self._context.salt(request, form, _ABOUT)
        if salt is None:
            return await self._form(request, visit, typed, notice=_STALE)
        errors = tuple(typed.errors())
        if errors:
            return await self._form(request, visit, typed, errors=errors)
        engine, origin = self._context.service.engine, Origin(surface="web", place={"form": salt})
        noted = await engine.export_decisions(typed.command(visit, origin, _zone(visit)))
        if isinstance(noted, NotAllowed):
            return self._context.status_page(_not_allowed(self._context.at.inbox))
        if isinstance(noted, Refusal):
            return await self._form(request, visit, typed, notice=refusals.phrase(noted))
        # Read before the answer begins, so that a database that is busy is answered with a page.
        first = await engine.exported(noted.decisions)
        headers = {"Content-Disposition": f'attachment; filename="{typed.file_name}"'}
        lines = self._lines(noted.decisions, first, as_csv=typed.format == "csv")
        return StreamingResponse(lines, headers=headers, media_type=_TYPES[typed.format])

    async def _lines(
        self, wanted: DecisionFilter, found: Sequence[ExportedDecision], *, as_csv: bool
    ) -> AsyncIterator[str]:
        """Yield the lines of the file, with one page of decisions in memory at a time."""
        write = decision_records.csv_lines if as_csv else decision_records.json_lines
        yield decision_records.csv_head() if as_csv else ""
        while found:
            page = found
            yield await off_loop(lambda page=page: "".join(write(page)))  # type: ignore[misc]
            found = await self._context.service.engine.exported(wanted, found[-1].id)
        passed = await self._context.service.engine.unreviewed_visits(wanted)
        while passed:
            yield "".join(decision_records.unreviewed_lines(passed, as_csv=as_csv))
            passed = await self._context.service.engine.unreviewed_visits(wanted, passed[-1].key)

    async def _form(
        self,
        request: Request,
        visit: ReaderVisit,
        typed: ExportForm,
        *,
        notice: Notice = "",
        errors: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """Return the form. `notice`, `errors`: why nothing was exported."""
        reader, names = visit.reader, await self._context.service.engine.workflow_names()
        if not may_export(reader, names):
            return self._context.status_page(_not_allowed(self._context.at.inbox))
        return self._context.form(
            "export",
            request,
            _ABOUT,
            status=422 if notice or errors else 200,
            address=visit.address,
            typed=typed,
            zone=str(_zone(visit)),
            workflows=[(one.name, characters.line(one.title)) for one in names if owns_or_reads(reader, one)],
            reads_everything=reader.reads_everything,
            formats=_FORMATS,
            notice_text=notice,
            errors=errors,
        )


def _zone(visit: ReaderVisit) -> tzinfo:
    return dates.zone_of(visit.reader.person) or UTC


def _typed(form: FormData) -> ExportForm:
    since, until, workflow = (form_data.text(form, name).strip() for name in ("since", "until", "workflow"))
    as_csv = form_data.text(form, "format") != "jsonl"
    return ExportForm(since=since, until=until, workflow=workflow, format="csv" if as_csv else "jsonl")


def _not_allowed(inbox: str) -> StatusPage:
    return StatusPage(
        status=403,
        title="You cannot export decisions",
        lines=("Admins, auditors and the owners of workflows can.",),
        ways=(PageLink("See your inbox", inbox),),
    )
