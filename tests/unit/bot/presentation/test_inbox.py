"""The rows of an inbox, what it says beside them, and the result of several decisions that were made together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.presentation import batch_results, dates, inbox_rows, inbox_texts
from bot.presentation.inbox_rows import LONGEST, LONGEST_REASON, MOST_STAKES
from engine.access import Reader
from engine.domain import (
    AloneReason,
    AlreadyDecided,
    Decided,
    Phrase,
    RequestState,
    RunStatus,
    StepStatus,
    Verdict,
)
from engine.domain.ask_facts import AskFacts
from engine.domain.asks import AskUse
from engine.inbox import InboxFilter, InboxPage, InboxPart
from engine.json_values import Value
from engine.read_models import DecisionView, RequestView, StepEffect
from tests.support import samples
from tests.support.examples import example_count
from tests.support.samples import HOSTILE, KIM, LEE, NOW, QUORUM, counted

MONEY = {"type": "money", "currency": "EUR", "label": "Amount"}
LETTER = "Dear Kim,\n" + "it is on its way. " * 20


def words(phrase: Phrase) -> str:
    return "".join(part if isinstance(part, str) else "T" for part in phrase)


def expense(amount: str, what: str = "Train", **changes: Any) -> RequestView:
    values: dict[str, tuple[object, Value]] = {
        "what": ("text", what),
        "amount": (MONEY, {"amount": amount, "currency": "EUR"}),
        "letter": ("long_text", LETTER),
    }
    return samples.request(values, title="Pay back this expense?", **changes)


def decision(state: RequestState, **changes: Any) -> RequestView:
    verdict = "Pay it" if state is RequestState.APPROVED else "Do not pay"
    made = DecisionView(
        id="d1", person=LEE, verdict=verdict, reason="Too late", edits=(), assurance="slack", decided_at=NOW
    )
    return expense("120.00", state=state, closed_at=NOW, closed_by=LEE, decision=made, **changes)


# -- rows ---------------------------------------------------------------------------------------------------


def test_two_requests_of_one_workflow_are_told_apart_by_what_is_at_stake() -> None:
    first, second = inbox_rows.row(expense("120.00"), LEE), inbox_rows.row(expense("75.50"), LEE)
    assert first.question == second.question == "Pay back this expense?"
    assert first.stakes == (("Amount", "120.00 EUR"), ("What", "Train"))
    assert second.stakes == (("Amount", "75.50 EUR"), ("What", "Train"))


def test_a_waiting_request_says_how_much_its_row_leaves_out() -> None:
    assert inbox_rows.row(expense("120.00"), LEE).more == "1 more value"
    many = samples.request({f"value{number}": ("text", f"word{number}") for number in range(6)})
    assert inbox_rows.row(many, LEE).more == "3 more values"
    assert inbox_rows.row(samples.request(), LEE).more == ""
    assert inbox_rows.row(decision(RequestState.APPROVED), LEE).more == ""


def test_what_the_question_says_is_not_said_again() -> None:
    view = samples.request({"order": ("text", "A-1007")}, title="Refund order A-1007?")
    assert inbox_rows.stakes(view) == ()


def test_the_beginning_of_a_long_text_stands_in_for_values() -> None:
    ((label, text),) = inbox_rows.stakes(samples.request({"letter": ("long_text", LETTER)}))
    assert label == "Letter"
    assert text.startswith("Dear Kim,")
    assert text.endswith("…")
    assert len(text) == LONGEST


def test_an_ask_shows_its_amount_first_whatever_its_program_says_in_the_title() -> None:
    arguments: dict[str, tuple[object, Value]] = {
        "order": ("text", "A-1"),
        "amount": ("number", "250"),
        "to": ("text", "Kim"),
        "note": ("text", "Hi"),
    }
    title = "Refund 2 EUR of 250 for order A-1"
    facts = AskFacts(agent="Support agent", use=AskUse.ONCE, claims=("title",))
    row = inbox_rows.row(samples.request(arguments, title=title, ask=facts), LEE)
    assert row.stakes == (("Amount", "250"), ("Order", "A-1"), ("To", "Kim"))
    assert row.more == "1 more value"
    assert words(row.asked) == "Support agent (API key) asked T."
    by_workflow = samples.request(arguments, title=title, ask=replace(facts, claims=()))
    assert inbox_rows.stakes(by_workflow) == (("To", "Kim"), ("Note", "Hi"))
    for_kim = samples.request(arguments, ask=replace(facts, acts_for="kim@example.com"))
    assert words(inbox_rows.row(for_kim, LEE).asked) == "Support agent (API key) asked for kim@example.com T."


@settings(max_examples=example_count(60))
@given(st.lists(HOSTILE | st.text(max_size=90), max_size=6))
def test_a_row_is_short_and_in_one_line_whatever_the_values_are(texts: list[str]) -> None:
    view = samples.request({f"value{number}": ("text", text) for number, text in enumerate(texts)})
    stakes = inbox_rows.row(view, LEE).stakes
    assert len(stakes) <= MOST_STAKES
    assert all(text.strip() and "\n" not in text and len(text) <= LONGEST for _, text in stakes)


def test_a_waiting_request_says_who_asks_and_until_when() -> None:
    row = inbox_rows.row(expense("5.00"), LEE)
    assert (words(row.asked), words(row.due), row.progress) == ("Sam asked T.", "Expires T.", ())
    assert (row.state, row.is_open, row.outcome, row.became, row.alone) == ("Waiting", True, (), (), "")
    assert words(inbox_rows.row(expense("5.00"), samples.PERSON).asked) == "You started this T."
    assert inbox_rows.row(expense("5.00", expires_at=None), LEE).due == ()


def test_a_waiting_request_says_why_it_was_asked_in_one_line() -> None:
    row = inbox_rows.row(expense("5.00", reason="Over 100 EUR.\nReally."), LEE)
    assert row.reason == "Over 100 EUR. Really."
    assert len(inbox_rows.row(expense("5.00", reason="x" * 900), LEE).reason) == LONGEST_REASON
    assert inbox_rows.row(expense("5.00"), LEE).reason == ""
    assert inbox_rows.row(decision(RequestState.APPROVED, reason="Over 100 EUR."), LEE).reason == ""


@pytest.mark.parametrize(
    ("request_", "progress"),
    [
        (counted(QUORUM, LEE), ("1 of 2 approvals.", "Waiting for you or Mia.")),
        (counted(samples.ALL, LEE), ("1 of 3 approvals.", "Waiting for you and Mia.")),
        (counted(QUORUM, KIM), ("1 of 2 approvals.", "Waiting for Lee or Mia.")),
        (counted(QUORUM, approvers=()), ("0 of 2 approvals.",)),
    ],
)
def test_a_row_says_how_many_approved_and_for_whom_it_waits(request_: RequestView, progress: tuple[str, ...]) -> None:
    assert inbox_rows.row(request_, KIM, names_waiting=True).progress == progress
    assert inbox_rows.row(request_, KIM).progress == progress[:1]


def test_a_row_says_why_a_request_is_decided_by_itself() -> None:
    row = inbox_rows.row(expense("5.00", alone=AloneReason.IRREVERSIBLE), LEE)
    assert row.alone == "Decide this one separately: what follows cannot be undone."
    assert inbox_rows.row(decision(RequestState.APPROVED, alone=AloneReason.IRREVERSIBLE), LEE).alone == ""


def test_a_closed_request_says_who_decided_and_what_became_of_it() -> None:
    approved = decision(RequestState.APPROVED, effect=StepEffect(StepStatus.SUCCEEDED))
    row = inbox_rows.row(approved, LEE)
    assert (words(row.outcome), words(row.became), row.state) == ("You approved this, T.", "Pay: done.", "Approved")
    assert (row.due, row.progress, row.is_open) == ((), (), False)
    assert words(inbox_rows.row(approved, KIM).outcome) == "Lee approved this, T."
    timed = decision(RequestState.APPROVED, effect=StepEffect(StepStatus.SUCCEEDED, ended_at=NOW))
    assert words(inbox_rows.row(timed, LEE).became).endswith("T.")
    failed = decision(RequestState.APPROVED, effect=StepEffect(StepStatus.FAILED, "No money."))
    assert words(inbox_rows.row(failed, LEE).became) == "Pay: failed. No money."
    assert words(inbox_rows.row(decision(RequestState.REJECTED), LEE).outcome) == "You rejected this, T."


def test_where_no_effect_is_known_the_end_of_the_run_is() -> None:
    assert inbox_rows.row(decision(RequestState.APPROVED), LEE).became == ()
    done = decision(RequestState.APPROVED, run_status=RunStatus.SUCCEEDED)
    assert inbox_rows.row(done, LEE).became == ("The run is done.",)
    assert inbox_rows.row(decision(RequestState.REJECTED, run_status=RunStatus.REJECTED), LEE).became == ()


def test_a_reader_learns_what_they_did_themselves() -> None:
    assert words(inbox_rows.row(counted(QUORUM, LEE), LEE).outcome) == "You approved this T."
    rejected = decision(RequestState.REJECTED, votes=counted(QUORUM, KIM).model.votes)
    assert words(inbox_rows.row(rejected, KIM).outcome) == "You approved this T. Lee rejected this, T."
    assert words(inbox_rows.row(counted(QUORUM, changed_by=LEE), LEE).outcome) == "You changed this T."
    earlier = counted(QUORUM, approved_before={LEE.id: 1})
    assert words(inbox_rows.row(earlier, LEE).outcome) == "You approved an earlier version of this."
    assert inbox_rows.row(earlier, KIM).outcome == ()


# -- texts --------------------------------------------------------------------------------------------------


def test_only_the_part_that_needs_the_reader_has_a_count() -> None:
    assert inbox_texts.title(InboxPart.NEEDS_YOU, 1_200) == "Needs you (1,200)"
    assert inbox_texts.title(InboxPart.NEEDS_YOU) == "Needs you"
    assert inbox_texts.title(InboxPart.DECIDED, 3) == "Decided by you"


def test_every_part_is_explained_and_says_when_it_is_empty() -> None:
    reader, auditor = Reader(person=LEE), Reader(person=LEE, is_auditor=True)
    assert len({inbox_texts.explanation(part, reader) for part in InboxPart}) == len(InboxPart)
    assert "all people" in inbox_texts.explanation(InboxPart.ALL, auditor)
    assert len({inbox_texts.none(part) for part in InboxPart}) == len(InboxPart)
    assert "matches" in inbox_texts.none(InboxPart.ALL, is_filtered=True)


def notes(part: InboxPart = InboxPart.ALL, **changes: Any) -> list[str]:
    page = InboxPage(**{"requests": (), "need_you": 0, **changes})
    return [words(note) for note in inbox_texts.notes(page, part)]


def test_a_page_says_what_it_did_not_search() -> None:
    assert notes() == []
    assert notes(vague=("a",)) == ["“a” begins too many other words. Type more letters."]
    assert notes(vague=("a", "be")) == ["“a” and “be” begin too many other words. Type more letters."]
    looked = "All requests that were asked since T were looked at. Press Older to look further back."
    assert notes(searched_until=NOW) == [f"None was found yet. {looked}"]
    assert notes(searched_until=NOW, requests=(expense("5.00"),)) == [looked]
    decided = looked.replace("were asked", "you decided")
    assert notes(InboxPart.DECIDED, searched_until=NOW) == [f"None was found yet. {decided}"]
    assert notes(InboxPart.NEEDS_YOU, searched_until=NOW) == [
        "None was found yet. Not all of your requests were looked at. Press Show more to go on."
    ]


def test_a_filter_reads_as_a_sentence() -> None:
    assert inbox_texts.wanted(InboxFilter()) == ""
    berlin = ZoneInfo("Europe/Berlin")
    since = datetime(2026, 3, 1, tzinfo=berlin)
    whole = InboxFilter(
        workflow="refund",
        person="p1",
        state=RequestState.REJECTED,
        since=since,
        until=since + timedelta(days=2),
        search=" kettle ",
    )
    assert inbox_texts.wanted(whole, person="Ada", zone=berlin) == (
        "Only requests of “refund” that were rejected, were started or decided by Ada, were asked from Mar 1, 2026 to "
        "Mar 2, 2026 and contain “kettle”."
    )
    assert inbox_texts.wanted(InboxFilter(person="p1", since=since)) == (
        "Only requests that were started or decided by p1 and were asked since Feb 28, 2026."
    )
    assert inbox_texts.wanted(InboxFilter(workflow="refund"), workflow="Refund") == "Only requests of “Refund”."
    waiting = InboxFilter(state=RequestState.PENDING, search="refund")
    assert inbox_texts.wanted(waiting) == "Only requests that are waiting and contain “refund”."
    until = InboxFilter(until=since + timedelta(days=1))
    assert inbox_texts.wanted(until, zone=berlin) == "Only requests that were asked until Mar 1, 2026."
    one_day = InboxFilter(since=since, until=since + timedelta(days=1))
    assert inbox_texts.wanted(one_day, part=InboxPart.DECIDED, zone=berlin) == (
        "Only requests that were decided by you on Mar 1, 2026."
    )


@pytest.mark.parametrize(
    ("counts", "heading"),
    [
        ((0, 0, 0), "No request is waiting for you"),
        ((1, 0, 0), "1 request is waiting for you"),
        ((1_200, 0, 0), "1,200 requests are waiting for you"),
        ((0, 1, 0), "1 question is waiting for you"),
        ((0, 0, 2), "2 runs are waiting for you"),
        ((2, 0, 1), "2 requests and 1 run are waiting for you"),
        ((1, 2, 1), "1 request, 2 questions and 1 run are waiting for you"),
    ],
)
def test_the_heading_counts_what_the_part_counts(counts: tuple[int, int, int], heading: str) -> None:
    requests, questions, runs = counts
    text = inbox_texts.heading(InboxPart.NEEDS_YOU, requests=requests, questions=questions, runs=runs)
    assert text == heading
    assert inbox_texts.heading(InboxPart.DECIDED, requests=requests, questions=questions, runs=runs) == "Decided by you"


# -- batches ------------------------------------------------------------------------------------------------


def test_a_batch_names_what_was_left_out_and_why() -> None:
    views = [expense("1.00"), expense("2.00"), expense("3.00")]
    faster = AlreadyDecided(state=RequestState.REJECTED, by=KIM, at=datetime(2026, 3, 2, tzinfo=UTC), by_you=False)
    done = Decided(request="r", run="run1", decision="d", state=RequestState.APPROVED)
    result = batch_results.result(Verdict.APPROVE, views, [done, faster, done])
    assert result.headline == "2 approved. 1 was left out."
    assert [entry.question for entry in result.decided] == [
        "Pay back this expense? · Train · 1.00 EUR",
        "Pay back this expense? · Train · 3.00 EUR",
    ]
    (left,) = result.left_out
    assert left.question == "Pay back this expense? · Train · 2.00 EUR"
    assert "Kim" in dates.written(left.why)


@pytest.mark.parametrize(
    ("verdict", "decided", "left_out", "headline"),
    [
        (Verdict.APPROVE, 1_047, 3, "1,047 approved. 3 were left out."),
        (Verdict.REJECT, 2, 0, "2 rejected."),
        (Verdict.REJECT, 0, 1, "None was rejected. 1 was left out."),
    ],
)
def test_the_headline_of_a_batch(verdict: Verdict, decided: int, left_out: int, headline: str) -> None:
    view, done = expense("1.00"), Decided(request="r", run="run1", decision="d", state=RequestState.APPROVED)
    late = AlreadyDecided(state=RequestState.APPROVED, by=KIM, at=NOW, by_you=False)
    result = batch_results.result(verdict, [view] * (decided + left_out), [done] * decided + [late] * left_out)
    assert result.headline == headline
