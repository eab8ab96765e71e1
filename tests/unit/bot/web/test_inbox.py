"""The pure modules of the inbox: what its address says, its rows, and the requests that are decided together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bot.presentation import dates
from bot.web import batch_view, inbox_state, inbox_view, review_notes, site_urls
from bot.web.inbox_state import InboxState
from bot.web.inbox_view import InboxData, InboxView
from bot.web.review_notes import ReviewNote
from engine.access import Reader
from engine.domain import AloneReason, RequestState
from engine.inbox import InboxPage, InboxPart
from engine.read_models import RequestView
from engine.requests import Question
from tests.support import samples
from tests.support.samples import KIM, LEE, NOW, QUORUM, counted

AT = site_urls.place("https://signoff.example.com/prefix")
READER = Reader(person=LEE)
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["2026-03-02", "9999-12-31", "ada@example.com", "a~b", "~x", "\0", "\ud800"]
)
NAMES = ("part", "workflow", "person", "status", "since", "until", "search", "after", "receipt")


# -- the address --------------------------------------------------------------------------------------------


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, TEXTS))
    | st.fixed_dictionaries({"part": st.sampled_from(InboxPart), "status": st.sampled_from(RequestState)})
)
def test_any_address_is_a_state_that_its_query_leads_back_to(params: dict[str, str]) -> None:
    state = inbox_state.read(params)
    assert inbox_state.read(dict(parse_qsl(state.query))) == state
    query = state.query_of(READER, person=state.person, zone=UTC)
    assert query.part is state.part
    assert state.errors.keys() <= {"since", "until", "person"}
    assert not any("\0" in value for value in (query.filter.search, query.filter.workflow, state.after))


def test_the_inbox_as_it_is_opened_has_a_short_address() -> None:
    state = inbox_state.read({})
    assert (state, state.query, state.is_filtered) == (InboxState(), "", False)
    assert inbox_view.address(AT, state) == "/prefix/inbox"
    assert inbox_view.address(AT, replace(state, search="ü &")) == "/prefix/inbox?search=%C3%BC+%26"


def test_days_are_those_of_the_reader_and_the_last_one_is_whole() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    state = inbox_state.read({"since": "2026-03-28", "until": "2026-03-29", "status": "rejected", "part": "all"})
    wanted = state.query_of(READER, person="", zone=berlin).filter
    assert wanted.state is RequestState.REJECTED
    assert wanted.since == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert wanted.until == datetime(2026, 3, 29, 22, tzinfo=UTC), "an hour is left out in that night"


@pytest.mark.parametrize(
    ("part", "cursor", "is_one"),
    [
        (InboxPart.ALL, "run1~req1", True),
        (InboxPart.ALL, "run1", False),
        (InboxPart.NEEDS_YOU, "~req1", True),
        (InboxPart.NEEDS_YOU, "2026-03-02T09:00:00+00:00~req1", True),
        (InboxPart.NEEDS_YOU, "2026-03-02T09:00:00~req1", False),
        (InboxPart.NEEDS_YOU, "run1~req1", False),
    ],
)
def test_only_cursors_of_the_part_are_kept(part: InboxPart, cursor: str, is_one: bool) -> None:
    assert inbox_state.read({"part": part.value, "after": cursor}).after == (cursor if is_one else "")


def test_a_status_stays_only_in_parts_with_closed_requests() -> None:
    state = inbox_state.read({"part": "all", "status": "expired", "search": "x", "after": "a~b"})
    assert state.in_part(InboxPart.WAITING) == InboxState(part=InboxPart.WAITING, search="x")
    assert state.in_part(InboxPart.DECIDED).status == "expired"
    assert state.unfiltered() == InboxState(part=InboxPart.ALL)


# -- the page -----------------------------------------------------------------------------------------------


def asked(**changes: Any) -> RequestView:
    """Return a request that Lee is asked to decide."""
    return samples.request(approvers=counted(QUORUM).model.approvers, **changes)


def page(*requests: RequestView, state: InboxState | None = None, **changes: Any) -> InboxView:
    shown = InboxPage(requests=requests, need_you=len(requests), next=changes.pop("next", None))
    data = InboxData(reader=READER, page=shown, needed=3, has_all=False, workflows=[("refund", "Refunds")])
    return inbox_view.view(state or InboxState(), replace(data, **changes), AT)


def test_a_request_that_waits_for_the_reader_can_be_decided_and_picked() -> None:
    shown = page(asked(), asked(alone=AloneReason.GATE))
    assert [(row.approve, row.reject, row.can_pick) for row in shown.rows] == [
        ("Pay it", "Do not pay", True),
        ("Pay it", "Do not pay", False),
    ]
    assert shown.can_pick
    assert shown.next_row is shown.rows[0]
    assert {row.url for row in shown.rows} == {"/prefix/review/req1"}


def test_nothing_else_can_be_decided_from_its_row() -> None:
    closed = asked(state=RequestState.CANCELLED, closed_at=NOW)
    form = samples.request(approvers=counted(QUORUM).model.approvers, subject=replace_uses(samples.request(), "form"))
    for request in (closed, form, counted(QUORUM, LEE), samples.request()):
        (row,) = page(request).rows
        assert (row.approve, row.seen, row.can_pick) == ("", "", False)
    waiting = page(asked(), state=InboxState(part=InboxPart.WAITING))
    assert (waiting.can_pick, waiting.next_row) == (False, None)


def replace_uses(request: RequestView, uses: str) -> Any:
    return structs.replace(request.model.subject, uses=uses)


def test_a_row_leads_to_the_page_for_decisions_or_to_the_whole_request() -> None:
    question = Question(id="q1", asked_by=KIM, asked_to=LEE, text="Why?", asked_at=NOW)
    decided = InboxState(part=InboxPart.DECIDED)
    for request, state, url in (
        (asked(), decided, "/prefix/review/req1"),
        (samples.request(questions=(question,)), decided, "/prefix/review/req1"),
        (samples.request(), decided, "/prefix/requests/req1"),
        (asked(), InboxState(part=InboxPart.ALL), "/prefix/requests/req1"),
    ):
        assert page(request, state=state).rows[0].url == url


def test_the_parts_the_filter_and_the_pages_are_addresses() -> None:
    state = InboxState(search="x", workflow="other", after="~r1")
    shown = page(state=state, next="~r9")
    assert [(tab.title, tab.url, tab.is_current) for tab in shown.tabs] == [
        ("Needs you (3)", "/prefix/inbox?workflow=other&search=x", True),
        ("Waiting for others", "/prefix/inbox?part=waiting&workflow=other&search=x", False),
        ("Decided by you", "/prefix/inbox?part=decided&workflow=other&search=x", False),
    ]
    assert shown.next == ("Show more", "/prefix/inbox?workflow=other&search=x&after=~r9")
    assert shown.first == "/prefix/inbox?workflow=other&search=x"
    assert shown.show_all == "/prefix/inbox"
    assert [(choice.value, choice.label, choice.is_chosen) for choice in shown.workflows] == [
        ("refund", "Refunds", False),
        ("other", "other", True),
    ]
    assert (shown.statuses, shown.none) == ((), "No request matches. Change what you search for, or show all.")
    everything = page(state=InboxState(part=InboxPart.ALL, status="expired"))
    assert [choice.value for choice in everything.statuses if choice.is_chosen] == ["expired"]
    assert (everything.next, everything.first) == (None, "")
    assert [tab.title for tab in page(has_all=True).tabs][-1] == everything.tabs[-1].title == "Everything"


def test_the_mark_changes_with_the_rows_and_the_count() -> None:
    marks = {page().mark, page(needed=4).mark, page(asked()).mark, page(asked(rev=2)).mark}
    assert len(marks) == 4
    assert page(asked()).mark == page(asked()).mark


def test_a_form_carries_the_content_that_it_shows() -> None:
    request = asked()
    assert inbox_view.read_seen(inbox_view.seen(request)) == (1, request.model.digest)
    for text in ("", "x.y", "².y", f"{10**10}.y"):
        assert inbox_view.read_seen(text) == (0, "")


# -- several together ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (asked(), ""),
        (asked(alone=AloneReason.IRREVERSIBLE), "what follows cannot be undone"),
        (counted(QUORUM), "more than one person has to approve it"),
        (asked(expires_at=NOW), "This request expired"),
        (asked(state=RequestState.CANCELLED, closed_at=NOW), "cancelled"),
        (samples.request(), "Lee is not an approver of this request."),
    ],
)
def test_a_picked_request_says_why_it_is_left_out(request_: RequestView, why: str) -> None:
    late = request_.model.deadlines.expires_at is not None and why.startswith("This request expired")
    now = NOW if late else NOW - timedelta(hours=1)
    picked = batch_view.picked(request_, READER, inbox_view.seen(request_), now)
    assert why in dates.written(picked.why)
    assert bool(picked.why) is bool(why)
    assert not picked.has_changed
    assert batch_view.picked(request_, READER, "", now).has_changed


def test_a_place_that_was_passed_on_is_left_out() -> None:
    first, *others = asked().model.approvers
    passed = samples.request(approvers=(structs.replace(first, handed_to="Kim"), *others))
    picked = batch_view.picked(passed, READER, "", NOW - timedelta(hours=1))
    assert "Kim decides in your place" in dates.written(picked.why)


def test_every_note_has_a_sentence() -> None:
    assert review_notes.SENTENCES.keys() == {*ReviewNote}
