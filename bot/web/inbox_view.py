"""The content of the inbox page, pure: its parts, its filter, its rows, and what can be decided from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final
from urllib.parse import urlencode

from bot.presentation import inbox_rows, inbox_texts, progress, states
from bot.presentation.characters import line
from bot.presentation.inbox_rows import InboxRow
from bot.web.inbox_state import InboxState
from bot.web.site_urls import SiteUrls
from engine.access import Reader
from engine.domain import Phrase, RequestState
from engine.inbox import InboxPage, InboxPart
from engine.read_models import RequestView

_PARTS: Final = (InboxPart.NEEDS_YOU, InboxPart.WAITING, InboxPart.DECIDED, InboxPart.ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxTab:
    title: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChoice:
    """An option of a filter."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRequest:
    """A row with what can be done from it. `seen`: the content that it shows, as the form carries it.

    `approve`, `reject`: the labels of its buttons, or empty texts.
    """

    row: InboxRow
    url: str
    seen: str = ""
    approve: str = ""
    reject: str = ""

    @property
    def can_pick(self) -> bool:
        """Whether it can be decided together with others."""
        return bool(self.approve) and not self.row.alone


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxData:
    """What was read for the page. `needed`: how much needs the reader, `workflows`: names and titles to choose from."""

    reader: Reader
    page: InboxPage
    needed: int
    has_all: bool
    workflows: Sequence[tuple[str, str]]
    can_export: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxView:
    """The page."""

    state: InboxState
    tabs: tuple[InboxTab, ...]
    explanation: str
    wanted: str
    day_labels: tuple[str, str]
    workflows: tuple[FilterChoice, ...]
    statuses: tuple[FilterChoice, ...]
    """The states to choose from; none in a part all of whose requests wait."""
    rows: tuple[ListedRequest, ...]
    none: str
    notes: tuple[Phrase, ...]
    next: tuple[str, str] | None
    """The label and the address of the next page."""
    first: str
    """The address of the first page, or an empty text on it."""
    show_all: str
    export: str
    """The address of the page that exports what is listed, or an empty text where that is not possible."""
    mark: str

    @property
    def can_pick(self) -> bool:
        return any(listed.can_pick for listed in self.rows)

    @property
    def next_row(self) -> ListedRequest | None:
        """The first request that needs the reader."""
        return self.rows[0] if self.rows and self.state.part is InboxPart.NEEDS_YOU else None


def view(state: InboxState, data: InboxData, at: SiteUrls, zone: tzinfo = UTC) -> InboxView:
    """Return the page of an inbox for its reader."""
    page, wanted = data.page, state.query_of(data.reader, person=state.person, zone=zone).filter
    return InboxView(
        state=state,
        tabs=tuple(_tabs(state, data, at)),
        explanation=inbox_texts.explanation(state.part, data.reader),
        wanted=inbox_texts.wanted(
            wanted, part=state.part, workflow=dict(data.workflows).get(state.workflow, ""), zone=zone
        ),
        day_labels=inbox_texts.day_labels(state.part),
        workflows=_choices(data.workflows, state.workflow),
        statuses=_statuses(state),
        rows=tuple(listed(request, data.reader, state.part, at) for request in page.requests),
        none="" if page.requests else inbox_texts.none(state.part, is_filtered=state.is_filtered),
        notes=tuple(inbox_texts.notes(page, state.part)),
        next=(inbox_texts.next_page(state.part), address(at, state.on_page(page.next))) if page.next else None,
        first=address(at, state.on_page("")) if state.after else "",
        show_all=address(at, state.unfiltered()),
        export=_export(at, state) if data.can_export and state.part is InboxPart.ALL else "",
        mark=mark(page, data.needed),
    )


def address(at: SiteUrls, state: InboxState) -> str:
    """Return the address of an inbox in this state."""
    return f"{at.inbox}?{state.query}" if state.query else at.inbox


def _export(at: SiteUrls, state: InboxState) -> str:
    """Return the address of the page that exports decisions, with the days and the workflow of the filter."""
    values = {name: value for name in ("since", "until", "workflow") if (value := getattr(state, name))}
    return f"{at.export}?{urlencode(values)}" if values else at.export


def mark(page: InboxPage, needed: int) -> str:
    """Return a text that changes with the rows of a page and with what needs the reader."""
    rows = [f"{one.id} {one.model.rev} {one.run_status}" for one in page.requests]
    return hashlib.sha256("\n".join([str(needed), *rows]).encode()).hexdigest()[:16]


def seen(request: RequestView) -> str:
    """Return the content that a row shows, as a form carries it."""
    return f"{request.model.content_version}.{request.model.digest}"


def read_seen(text: str) -> tuple[int, str]:
    """Return version and digest of the content that a form carries; of another text those of no content."""
    version, _, digest = text.partition(".")
    is_number = version.isascii() and version.isdecimal() and len(version) < 10
    return (int(version), digest) if is_number else (0, "")


def _tabs(state: InboxState, data: InboxData, at: SiteUrls) -> Iterator[InboxTab]:
    for part in _PARTS:
        if part is not InboxPart.ALL or data.has_all or state.part is part:
            yield InboxTab(
                title=inbox_texts.title(part, data.needed),
                url=address(at, state.in_part(part)),
                is_current=part is state.part,
            )


def _choices(values: Sequence[tuple[str, str]], chosen: str) -> tuple[FilterChoice, ...]:
    known = [*values] if not chosen or chosen in dict(values) else [*values, (chosen, line(chosen))]
    return tuple(FilterChoice(value=value, label=label, is_chosen=value == chosen) for value, label in known)


def _statuses(state: InboxState) -> tuple[FilterChoice, ...]:
    if state.part in (InboxPart.NEEDS_YOU, InboxPart.WAITING):
        return ()
    named = [(one.value, states.REQUESTS[one].capitalize()) for one in RequestState]
    return _choices(named, state.status if state.status in dict(named) else "")


def listed(request: RequestView, reader: Reader, part: InboxPart, at: SiteUrls) -> ListedRequest:
    """Return the row of a request with what its reader can do from it."""
    row = inbox_rows.row(request, reader.person, names_waiting=part is not InboxPart.NEEDS_YOU)
    # To those who are not asked, the page of the whole request.
    decides = part is not InboxPart.ALL and opens(request, reader)
    url = at.review(request.id) if decides else at.request(request.id)
    if part is not InboxPart.NEEDS_YOU or not can_decide(request, reader):
        return ListedRequest(row=row, url=url)
    return ListedRequest(
        row=row,
        url=url,
        seen=seen(request),
        approve=line(request.approve_label),
        reject=line(request.reject_label),
    )


def can_decide(request: RequestView, reader: Reader) -> bool:
    """Return whether a waiting request can be decided from its row.

    A form has to be filled in first, and about a failure there are more answers than a row has buttons.
    """
    model = request.model
    is_plain = not model.subject.is_form and not model.subject.is_failure
    is_waiting = model.state is RequestState.PENDING and is_plain
    return is_waiting and progress.is_asked(request, reader.person)


def opens(request: RequestView, reader: Reader) -> bool:
    """Return whether the page for decisions opens for this person: they are asked to decide, or to answer."""
    asked = any(question.asked_to.id == reader.person.id for question in request.model.questions)
    return asked or progress.is_approver(request, reader.person)
