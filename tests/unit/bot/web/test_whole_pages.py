"""The pages of a whole run and of a whole request: what they say of visits, votes and copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.presentation import dates
from bot.web import request_page_view, run_page_view
from bot.web.request_page_view import RequestPage
from bot.web.run_page_view import RunPage
from engine.access import Reader
from engine.domain import Address, DeliveryKind, DeliveryState, Origin, Person, ReviewPoint, RunStatus, StepStatus, Tone
from engine.read_models import DecisionView, DeliveryView, RequestView, StepView
from engine.requests import Vote
from engine.story_entries import StoryEntry
from tests.support import samples
from tests.support.copies import replace_fields
from tests.support.samples import KIM, LEE, NOW, QUORUM

LATER = NOW + timedelta(minutes=3)
ADMIN, OTHER = Reader(person=KIM, is_admin=True), Reader(person=KIM)


def visit(**changes: Any) -> StepView:
    facts: dict[str, Any] = {
        "step": "pay",
        "label": "Pay",
        "visit": 1,
        "status": StepStatus.SUCCEEDED,
        "attempt": 1,
        "params": None,
        "output": None,
        "error": None,
        "wakes_at": None,
        "started_at": NOW,
        "ended_at": None,
        **changes,
    }
    return StepView(**facts)


def run_page(*steps: StepView, reader: Reader = ADMIN, requests: tuple[RequestView, ...] = (), **run: Any) -> RunPage:
    return run_page_view.run_page(samples.run(steps=steps, **run), requests, (), (), reader)


@pytest.mark.parametrize(
    ("step", "moments"),
    [
        (visit(started_at=None), ()),
        (visit(status=StepStatus.SKIPPED, ended_at=NOW), ()),
        (visit(ended_at=NOW), ("Started ", NOW, ". ")),
        (visit(ended_at=LATER), ("Started ", NOW, ". ", "Ended ", LATER, ". ")),
        (visit(attempt=3), ("Started ", NOW, ". ", "Called 3 times. ")),
        (visit(status=StepStatus.SLEEPING, wakes_at=LATER), ("Started ", NOW, ". ", "Continues ", LATER, ".")),
        (visit(wakes_at=LATER), ("Started ", NOW, ". ")),
    ],
)
def test_a_visit_says_when_it_was(step: StepView, moments: tuple[object, ...]) -> None:
    (shown,) = run_page(step).steps
    assert shown.moments == moments


@pytest.mark.parametrize(
    ("status", "tone"),
    [
        (StepStatus.READY, Tone.WAITING),
        (StepStatus.RETRYING, Tone.WAITING),
        (StepStatus.OUTCOME_UNKNOWN, Tone.ATTENTION),
        (StepStatus.FAILED, Tone.FAILED),
        (StepStatus.SUCCEEDED, Tone.DONE),
        (StepStatus.SKIPPED, None),
        (StepStatus.STOPPED, None),
    ],
)
def test_a_step_has_a_tone_where_it_has_something_to_say(status: StepStatus, tone: Tone | None) -> None:
    assert run_page_view.tone(status) is tone


def test_a_visit_tells_of_its_own_calls_that_failed() -> None:
    first = visit(started_at=NOW, status=StepStatus.FAILED)
    second = visit(visit=2, started_at=LATER, status=StepStatus.RETRYING)
    unknown = visit(step="book", started_at=None)
    called = [(NOW, "step.retrying"), (LATER, "step.retrying"), (LATER, "step.failed")]
    entries = [
        StoryEntry(
            seq=number, at=at, kind=kind, step="pay", request=None, actor=None, content={"error": f"Error {number}"}
        )
        for number, (at, kind) in enumerate(called)
    ]
    book = replace_fields(entries[0], step="book", kind="step.outcome_unknown")
    page = run_page_view.run_page(samples.run(steps=(first, second, unknown)), (), (), [*entries, book], ADMIN)
    assert [step.calls for step in page.steps] == [
        ((NOW, " “Pay” failed, and is tried again: Error 0"),),
        ((LATER, " “Pay” failed, and is tried again: Error 1"),),
        ((NOW, " It is unknown whether “Book” happened: Error 0"),),
    ]
    assert len(page.history) == 4


def test_a_very_long_value_is_shown_with_its_beginning() -> None:
    (row,) = run_page(inputs={"text": "x" * 30_000}).inputs
    assert row == ("Text", f"{'x' * 20_000}… (30,000 characters in all)")


def test_of_a_request_that_a_person_may_not_see_a_run_shows_only_the_state() -> None:
    hidden = samples.request(title="Pay the secret sum?")
    own = replace_fields(
        samples.counted(QUORUM, title="Pay it?"),
        model=replace_fields(
            samples.counted(QUORUM).model,
            id="req2",
            subject=replace_fields(hidden.model.subject, at=ReviewPoint.AFTER),
        ),
    )
    entries = [
        StoryEntry(seq=number, at=NOW, kind="request.withdrawn", step=None, request=request, actor=None, content={})
        for number, request in enumerate(["req1", "req2", None])
    ]
    page = run_page_view.run_page(samples.run(steps=(visit(),)), (hidden, own), (), entries, OTHER)
    (step,) = page.steps
    assert [(gate.request, gate.title) for gate in (*step.before, *step.after)] == [
        (None, "A request that you were not asked about"),
        ("req2", "Pay it? · Hello"),
    ]
    assert step.before[0].line == ()
    assert "secret" not in repr(page)
    assert len(page.history) == 2, "without the entry about the hidden request"


@pytest.mark.parametrize(
    ("reader", "advised"), [(ADMIN, "Fix the cause, then start a new run."), (OTHER, "")], ids=["admin", "approver"]
)
def test_only_people_who_can_do_something_get_advice(reader: Reader, advised: str) -> None:
    assert run_page(reader=reader, status=RunStatus.FAILED).advice == advised
    assert run_page(reader=reader, status=RunStatus.SUCCEEDED).advice == ""


def request_page(request: RequestView, *sent: DeliveryView, reader: Reader = ADMIN) -> RequestPage:
    run = samples.run(steps=(visit(), visit(visit=2)))
    return request_page_view.request_page(request, run, (request,), sent, (), reader)


def test_each_approval_and_the_decision_is_told_once() -> None:
    def decision(**changes: Any) -> DecisionView:
        facts: dict[str, Any] = {
            "id": "d",
            "person": KIM,
            "verdict": "Do not pay",
            "reason": "Too much",
            "edits": (),
            "assurance": "code",
            "decided_at": LATER,
            **changes,
        }
        return DecisionView(**facts)

    waiting = samples.counted(QUORUM, LEE)
    assert request_page(waiting).verdicts == (("Lee approved it, ", NOW, "."),)
    rejected = replace_fields(waiting, decision=decision())
    assert request_page(rejected).verdicts[1:] == (("Kim chose “Do not pay”, ", LATER, ". Reason: Too much"),)
    votes = (Vote(LEE, NOW), Vote(KIM, LATER, "Fine"))
    approved = replace_fields(
        waiting, model=replace_fields(waiting.model, votes=votes), decision=decision(verdict="Pay it", reason="Fine")
    )
    told = (("Lee approved it, ", NOW, "."), ("Kim approved it, ", LATER, ". Reason: Fine"))
    assert request_page(approved).verdicts == told


def test_codes_are_no_messages_about_a_request_and_only_some_people_send_a_copy_again() -> None:
    def copy(kind: DeliveryKind) -> DeliveryView:
        return DeliveryView(
            id=kind.value,
            kind=kind,
            topic=None,
            state=DeliveryState.DEAD,
            person=Person("p9", "Ada"),
            channel="email",
            address="ada@example.com",
            attempts=1,
            wanted_version=1,
            shown_version=0,
            last_error="No",
            next_at=None,
            shown_at=None,
        )

    sent = (copy(DeliveryKind.CODE), copy(DeliveryKind.REQUEST))
    for reader, can_retry in ((ADMIN, True), (OTHER, False), (Reader(person=KIM, is_auditor=True), False)):
        (row,) = request_page(samples.request(), *sent, reader=reader).copies
        assert (row.id, row.can_retry) == ("request", can_retry)


def test_the_page_leads_to_the_other_requests_that_the_reader_may_see() -> None:
    request, other = samples.request(), samples.counted(QUORUM)
    other = replace_fields(other, model=replace_fields(other.model, id="req2"))
    hidden = replace_fields(request, model=replace_fields(request.model, id="req3"))
    run = samples.run(steps=(visit(),))
    page = request_page_view.request_page(request, run, (request, other, hidden), (), (), OTHER)
    assert [gate.request for gate in page.others] == ["req2"]


def test_the_steps_of_the_run_say_which_one_the_request_is_about() -> None:
    steps = request_page(samples.request()).steps
    assert [(step.label, step.is_here) for step in steps] == [("Pay", True), ("Pay (visit 2)", False)]


def test_the_run_of_a_schedule_says_who_started_it_and_when_the_next_one_starts() -> None:
    schedule = Person("P9", "", (Address("schedule", "weekly"),))
    run = samples.run(requester=schedule, origin=Origin(surface="schedule"), queued=True)
    next_at = datetime(2026, 3, 9, 8, tzinfo=UTC)
    lead = run_page_view.run_page(run, (), (), (), ADMIN, next_at=next_at).lead
    text = dates.written(lead)
    assert text.startswith("Its schedule started it, ")
    assert text.endswith(" It begins when the run before has ended. The next run starts Mar 9, 2026, 8:00 AM UTC.")
