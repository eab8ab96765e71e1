"""The sampling plan as a machine: whatever happens in whatever order, what it promises holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.oversight import sampling_plan
from engine.oversight.sampling_plan import NEW, Lapse, PlanStage, PlanState, SamplingPlan

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PLAN = SamplingPlan(clean=5, share=Decimal("0.1"), later=Decimal("0.2"))


def relaxed(*, plan: SamplingPlan = PLAN, at: datetime = NOW) -> PlanState:
    """Return the state of a plan that came to its second stage in the shortest way."""
    state = NEW
    for _ in range(plan.clean):
        state = sampling_plan.after_review(state)
    state = sampling_plan.after_proposal(state, "ask-1", at)
    return sampling_plan.after_agreement(plan, state, "ask-1", person="sam", now=at)


class PlanMachine(RuleBasedStateMachine):
    """Reviews, bad news, proposals, answers and time in any order, beside a count that is kept by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now, self.in_a_row, self.proposals = NEW, NOW, 0, 0
        self.is_agreed = False

    @rule()
    def reviewed_without_correction(self) -> None:
        self.state = sampling_plan.after_review(self.state)
        self.in_a_row += 1

    @rule(is_correction=st.booleans())
    def bad_news(self, is_correction: bool) -> None:
        change = sampling_plan.after_correction if is_correction else sampling_plan.after_bad_news
        self.state = change(self.state)
        self.in_a_row, self.is_agreed = 0, False

    @precondition(lambda self: sampling_plan.may_propose(PLAN, self.state))
    @rule()
    def people_are_asked(self) -> None:
        self.proposals += 1
        self.state = sampling_plan.after_proposal(self.state, f"ask-{self.proposals}", self.now)

    @rule(earlier=st.integers(0, 2))
    def someone_agrees(self, earlier: int) -> None:
        """Agree to the newest proposal, or to one that may be long over."""
        proposal = f"ask-{self.proposals - earlier}"
        before = self.state
        self.state = sampling_plan.after_agreement(PLAN, before, proposal, person="sam", now=self.now)
        if self.state is not before:
            assert before.proposal == proposal
            self.is_agreed = True

    @rule()
    def someone_refuses(self) -> None:
        if self.state.proposal is not None:
            self.state = sampling_plan.after_refusal(self.state)
            self.in_a_row = 0

    @rule(days=st.integers(1, 40))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        if sampling_plan.lapse(self.state, self.now) is not None:
            self.state = sampling_plan.after_lapse(self.state)
            self.in_a_row, self.is_agreed = 0, False

    @rule()
    def a_drawn_request_is_withdrawn(self) -> None:
        self.state = sampling_plan.after_withdrawal(self.state, "drawn")

    @precondition(lambda self: self.is_agreed)
    @rule(is_owed=st.booleans())
    def a_request_is_drawn(self, is_owed: bool) -> None:
        self.state = sampling_plan.after_draw(self.state, "drawn", is_owed=is_owed)

    @rule()
    def a_drawn_request_is_approved(self) -> None:
        self.state = sampling_plan.after_review(self.state, "drawn")
        self.in_a_row += 1

    @invariant()
    def it_never_relaxes_by_itself(self) -> None:
        assert (self.state.stage is PlanStage.SAMPLE) == self.is_agreed
        assert (self.state.agreed_by is not None) == self.is_agreed

    @invariant()
    def it_counts_what_came_in_a_row(self) -> None:
        assert self.state.clean == self.in_a_row
        assert self.state.reviewed >= self.state.bad
        assert self.state.owed >= 0
        if not self.is_agreed:
            assert (self.state.owed, self.state.waits_for) == (0, None)
        if self.is_agreed:
            assert self.state.clean >= PLAN.clean

    @invariant()
    def it_comes_to_an_end_by_itself(self) -> None:
        look = sampling_plan.next_look(self.state)
        assert (look is not None) == self.is_agreed
        if look is not None:
            assert sampling_plan.lapse(self.state, look) is not None
            assert sampling_plan.lapse(self.state, look - timedelta(seconds=1)) is None


TestPlanMachine = PlanMachine.TestCase


@given(before=st.integers(0, 4), after=st.integers(0, 4))
def test_a_correction_in_between_begins_anew(before: int, after: int) -> None:
    state = NEW
    for _ in range(before):
        state = sampling_plan.after_review(state)
    state = sampling_plan.after_correction(state)
    for _ in range(after):
        state = sampling_plan.after_review(state)
    assert not sampling_plan.may_propose(PLAN, state)
    assert (state.clean, state.reviewed, state.bad) == (after, before + after + 1, 1)


def test_no_one_is_asked_twice_at_once_nor_while_a_share_goes_through() -> None:
    state = NEW
    for _ in range(PLAN.clean):
        state = sampling_plan.after_review(state)
    assert sampling_plan.may_propose(PLAN, state)
    assert not sampling_plan.may_propose(PLAN, sampling_plan.after_proposal(state, "ask-1", NOW))
    assert not sampling_plan.may_propose(PLAN, relaxed())


def test_a_yes_after_bad_news_does_nothing() -> None:
    state = NEW
    for _ in range(PLAN.clean):
        state = sampling_plan.after_review(state)
    state = sampling_plan.after_bad_news(sampling_plan.after_proposal(state, "ask-1", NOW))
    assert sampling_plan.after_agreement(PLAN, state, "ask-1", person="sam", now=NOW) == state


@pytest.mark.parametrize(
    ("days", "used", "why"),
    [
        (19, None, None),
        (20, None, Lapse.IDLE),
        (39, 20, None),
        (40, 20, Lapse.IDLE),
        (89, 80, None),
        (90, 89, Lapse.TOO_OLD),
    ],
)
def test_an_agreement_lapses(days: int, used: int | None, why: Lapse | None) -> None:
    used_at = None if used is None else NOW + timedelta(days=used)
    assert sampling_plan.lapse(relaxed(), NOW + timedelta(days=days), used_at=used_at) is why


@pytest.mark.parametrize(
    ("ahead", "why"),
    [
        (timedelta(minutes=1), None),
        (timedelta(minutes=1, seconds=1), Lapse.WRONG_CLOCK),
        (timedelta(days=365), Lapse.WRONG_CLOCK),
    ],
)
def test_an_agreement_of_a_clock_that_was_ahead_lapses(ahead: timedelta, why: Lapse | None) -> None:
    assert sampling_plan.lapse(relaxed(), NOW - ahead) is why


def test_what_is_reviewed_in_full_never_lapses() -> None:
    assert sampling_plan.lapse(NEW, NOW + timedelta(days=1000)) is None
    assert NEW.lapses_at is None
    assert relaxed().lapses_at == NOW + sampling_plan.LIFE


def test_only_a_stage_with_a_draw_has_debts() -> None:
    assert sampling_plan.after_withdrawal(NEW, "one").owed == 0
    owed = sampling_plan.after_withdrawal(sampling_plan.after_withdrawal(relaxed(), "one"), "two")
    assert owed.owed == 2
    assert sampling_plan.after_draw(owed, "three", is_owed=True).owed == 1
    assert sampling_plan.after_bad_news(owed).owed == 0


def test_everything_waits_for_the_request_that_was_drawn() -> None:
    drawn = sampling_plan.after_draw(relaxed(), "one")
    assert drawn.waits_for == "one"
    assert sampling_plan.after_review(drawn, "another").waits_for == "one"
    assert sampling_plan.after_review(drawn, "one").waits_for is None
    assert sampling_plan.after_withdrawal(drawn, "one").waits_for is None
    assert sampling_plan.after_correction(drawn).waits_for is None
