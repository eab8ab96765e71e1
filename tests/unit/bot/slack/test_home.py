"""App Home and its forms keep Slack's limits, whatever they show, and its state survives the way through Slack."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.presentation import alert_card, batch_results
from bot.slack import home_filter_modal, home_view, ids, several_modal
from bot.slack.home_publisher import HomePublisher, StaleHomes
from bot.slack.ids import HomeRef
from bot.slack.list_rows import RunList
from engine.domain import (
    AloneReason,
    Decided,
    DeliveryKind,
    NotAllowed,
    Person,
    Refusal,
    RequestState,
    RunStatus,
    StepStatus,
    Verdict,
)
from engine.inbox import InboxPart
from engine.json_values import Value
from engine.pace import LocalPace
from engine.read_models import DeliveryContent, RequestView, StepView
from engine.requests import Question
from engine.workflowfile.scalars import WORKFLOW_NAME
from tests.support import home_samples, samples, slack_rules
from tests.support.examples import example_count

LONG = st.sampled_from(["“„'\"`&<>*_~" * 40, "\u202e\u200f\u2067אבג" * 60, "🙂" * 300, "a\\\n" * 300, "ä" * 900])
TEXTS = st.one_of(samples.ANY.map(lambda text: text[:900]), LONG)
CURSORS = st.from_regex(r"[0-9A-Za-z:+.\-]{1,32}~[0-9A-Za-z_\-]{1,24}", fullmatch=True)
"""What the cursors of pages are made of: a moment or a day, and an id."""


def requests(text: str, count: int, **changes: Any) -> list[RequestView]:
    """Return requests with this text wherever people write."""
    person = Person("p9", text)
    fields: dict[str, tuple[object, Value]] = {f"field{number}": ("text", text) for number in range(4)}
    return [
        samples.request(
            fields,
            id=f"r{number}",
            title=text,
            workflow_title=text,
            requester=person,
            confirm=text,
            approve_label=text[:40],
            reject_label=text[:40],
            **changes,
        )
        for number in range(count)
    ]


def alert(text: str, number: int) -> Any:
    step = StepView(
        step="pay",
        visit=1,
        attempt=1,
        status=StepStatus.OUTCOME_UNKNOWN,
        label=text,
        params=None,
        output=None,
        error=None,
        wakes_at=None,
        started_at=samples.NOW,
        ended_at=None,
    )
    run = samples.run(id=f"run{number}", status=RunStatus.NEEDS_ATTENTION, steps=(step,), workflow_title=text)
    content = DeliveryContent(
        delivery="", kind=DeliveryKind.ALERT, topic="needs_attention", person=run.owner, run=run, request=None
    )
    return alert_card.alert_card(content)


@settings(max_examples=example_count(25), deadline=None)
@given(TEXTS, st.sampled_from([*InboxPart]), st.sampled_from([RequestState.PENDING, RequestState.CANCELLED]))
def test_a_tab_of_5000_requests_with_any_text_is_within_the_limits(
    text: str, part: InboxPart, state: RequestState
) -> None:
    closed = {} if state is RequestState.PENDING else {"state": state, "closed_at": samples.NOW}
    page = home_samples.page(requests(text, home_view.ROWS[part], **closed), need_you=5_000, next="~" * 100)
    asked = [
        (view, Question(id=f"q{view.id}", asked_by=view.requester, asked_to=samples.PERSON, text=text, asked_at=at))
        for view, at in ((view, samples.NOW) for view in page.requests)
    ]
    runs = [samples.run(id=f"u{number}", workflow_title=text) for number in range(60)]
    view = home_samples.home(
        shown=HomeRef(part=part, receipt="r1"),
        page=page,
        has_all=True,
        can_decide_several=True,
        attention=[alert(text, number) for number in range(30)],
        asked=asked,
        runs=RunList(runs=runs),
        away=("You are away until ", samples.NOW, f". {text}"),
        notice=(f"{text} ", samples.NOW, f" {text}"),
    )
    assert slack_rules.problems_of_view(view) == []
    assert len(view["blocks"]) <= ids.VIEW_BLOCKS
    assert text_size(view) < 250_000
    assert f"{5_000 + len(asked) + 30:,}" in str(view) or part is not InboxPart.NEEDS_YOU


def text_size(view: dict[str, Any]) -> int:
    return len(str(view).encode("utf-8", "surrogatepass"))


@settings(max_examples=example_count(15), deadline=None)
@given(TEXTS, st.integers(0, 50), st.integers(0, 30))
def test_the_form_for_several_and_its_result_are_within_the_limits(text: str, count: int, alone: int) -> None:
    offered, by_themselves = requests(text, count), requests(text, alone, alone=AloneReason.GATE)
    form = several_modal.several_form(offered, by_themselves, samples.PERSON, HomeRef())
    assert slack_rules.problems_of_view(form) == []
    refusal: Decided | Refusal = NotAllowed(why=text)
    decided = Decided(request="r", run="u", decision="d", state=RequestState.APPROVED)
    answers = [refusal if number % 2 else decided for number in range(count)]
    result = batch_results.result(Verdict.APPROVE, offered, answers)
    assert slack_rules.problems_of_view(several_modal.result_view(result, HomeRef())) == []


@given(
    st.builds(
        HomeRef,
        part=st.sampled_from([*InboxPart]),
        workflow=st.just("") | st.from_regex(WORKFLOW_NAME, fullmatch=True),
        user=st.none() | st.just("U012ABCDEF"),
        state=st.none() | st.sampled_from([*RequestState]),
        since=st.none() | st.just("2026-03-04"),
    ),
    st.text(max_size=2 * ids.SEARCH) | st.text('\0\x1f"\\u0', max_size=2 * ids.SEARCH),
    st.lists(CURSORS, max_size=2 * ids.HOME_PAGES),
)
def test_what_the_tab_shows_comes_back_from_slack(shown: HomeRef, typed: str, cursors: list[str]) -> None:
    values = {home_filter_modal.SEARCH: {ids.INPUT: {"type": "plain_text_input", "value": typed}}}
    searched = home_filter_modal.read_filter(values, shown, [])
    shown = msgspec.structs.replace(shown, search=searched.search)
    for cursor in cursors:
        shown = shown.turned(cursor)
    assert ids.decode_home(ids.encode(shown)) == shown
    assert len(ids.encode(shown)) <= ids.BUTTON_VALUE
    form = home_filter_modal.filter_form(shown, [(f"w{number}", "Refunds") for number in range(120)])
    assert slack_rules.problems_of_view(form) == []


def test_what_is_no_state_of_a_tab_is_none() -> None:
    for text in ("", "{}", '["h1","somewhere"]', '["h2","all"]', None, "x" * 4_000):
        assert ids.decode_home(text) is None


def test_an_option_carries_the_content_that_it_shows() -> None:
    form = several_modal.several_form(requests("Pay?", 2), [], samples.PERSON, HomeRef())
    options = next(block["element"]["options"] for block in form["blocks"] if block["block_id"] == "group:0")
    chosen = {"group:0": {"value": {"selected_options": options}}}
    assert several_modal.read_picked(chosen) == [
        ids.Ref(request=f"r{number}", content_version=1, digest=samples.DIGEST) for number in range(2)
    ]
    damaged: list[dict[str, Any]] = [{"value": "r1"}, {"value": "r1:x:y"}, {"value": None}, {}]
    assert several_modal.read_picked({"group:0": {"value": {"selected_options": damaged}}}) == []
    assert several_modal.read_verdict({}) is None
    assert several_modal.read_verdict({"verdict": {"value": {"selected_option": {"value": "other"}}}}) is None


def test_a_request_whose_option_is_cut_is_shown_in_full_above_it() -> None:
    title = f"Pay {'the invoice of a very long name ' * 4}at once?"
    form = several_modal.several_form(requests(title, 1), [], samples.PERSON, HomeRef())
    full = next(block for block in form["blocks"] if block["block_id"] == "full:r0")
    assert "at once?" in " ".join(slack_rules.texts(full))


# -- publishing, with a stepped clock -----------------------------------------------------------------------


class SteppedTabs:
    """The tab of one person, published when it is due, with a clock that stops only at changes and publishes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stale = StaleHomes(now=lambda: self.now)
        self.published: list[float] = []

    def pass_to(self, at: float) -> None:
        """Publish everything that is due until a time."""
        while (following := self.stale.next) is not None and self.now + following[1] <= at:
            self.now += max(0.0, following[1])
            self.stale.published("U1")
            self.published.append(self.now)
        self.now = at


def test_a_tab_whose_50_requests_are_decided_in_a_minute_is_published_12_times_and_right_within_5_seconds() -> None:
    tabs, changes = SteppedTabs(), [number * 1.2 for number in range(50)]
    # A copy is edited a moment after each decision; the tab has nothing new then.
    events = [(at, True) for at in changes] + [(at + 0.3, False) for at in changes]
    for number, (at, is_decision) in enumerate(sorted(events)):
        tabs.pass_to(at)
        tabs.stale.mark("U1", closed=f"r{number // 2}")
        assert is_decision == (number % 2 == 0)
    tabs.pass_to(changes[-1] + 5)
    in_time = [at for at in tabs.published if at <= changes[-1] + 5]
    assert len(in_time) <= 12
    assert changes[-1] <= in_time[-1]
    for change in changes:
        assert any(change <= at <= change + 5 for at in in_time)


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=60))
def test_each_change_is_shown_within_5_seconds_and_publishes_are_apart(pauses: list[float]) -> None:
    tabs, changes = SteppedTabs(), list[float]()
    for pause in pauses:
        tabs.pass_to(tabs.now + pause)
        tabs.stale.mark("U1")
        changes.append(tabs.now)
    tabs.pass_to(tabs.now + timedelta(minutes=1).total_seconds())
    for change in changes:
        assert any(change <= at <= change + 5 for at in tabs.published)
    gaps = [after - before for before, after in zip(tabs.published, tabs.published[1:], strict=False)]
    assert all(gap >= tabs.stale.timing.again - 1e-6 for gap in gaps)
    assert not tabs.stale


def test_what_a_person_did_in_the_tab_counts_as_published() -> None:
    tabs = SteppedTabs()
    tabs.stale.mark("U1")
    tabs.stale.published("U1")
    assert tabs.stale.next is None
    tabs.stale.mark("U1")
    assert tabs.stale.next == ("U1", tabs.stale.timing.again)


@pytest.mark.parametrize("bots", [1, 2, 3])
async def test_several_processes_share_the_turns_of_a_tab(bots: int) -> None:
    clock, published, changes = [0.0], list[float](), [number * 1.2 for number in range(50)]
    pace = LocalPace(lambda: clock[0])

    async def publish(_: str) -> None:
        published.append(clock[0])

    tabs = [StaleHomes(now=lambda: clock[0]) for _ in range(bots)]
    publishers = [HomePublisher(stale, publish, pace=pace) for stale in tabs]
    for step in range(1_400):
        clock[0] = step * 0.05
        for number, at in enumerate(changes):
            if step * 0.05 - 0.05 < at <= step * 0.05:
                for stale in tabs:
                    stale.mark("U1", closed=f"r{number}")
        for stale, publisher in zip(tabs, publishers, strict=True):
            if (following := stale.next) is not None and following[1] <= 0:
                await publisher.publish_due(following[0])
    # At the end each process still has a turn.
    assert len(published) <= 60 / tabs[0].timing.again + 1 + bots
    gaps = [after - before for before, after in itertools.pairwise(published)]
    assert min(gaps) >= tabs[0].timing.again - 0.1
    for change in changes:
        assert any(change - 0.05 <= at <= change + 5.1 for at in published)
    assert not any(tabs)
