"""Agents with known error rates through the real code: what Signoff states about them is true.

`python -m tests.support.simulated_agents` plays 10,000 agents. Here are as many as take some seconds.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import pytest

from engine.insights import GateEvidence, GateInsight, GateKey, Insights
from engine.oversight import sampling_plan
from engine.oversight.bounds import (
    bad_rate_bound,
    bad_rate_bound_at_any_time,
    lower_bound,
    upper_bound,
    upper_bound_at_any_time,
)
from engine.oversight.sampling_plan import SamplingPlan
from engine.oversight.sprt import RateAnswer, SequentialTest
from engine.recommendations import RecommendationKind, recommend
from tests.support.simulated_agents import (
    MISS_RATES,
    NOW,
    PLANS,
    SEEDED,
    Played,
    always,
    expected_shares,
    is_clearly_above,
    length_of,
    mean_bad_share,
    play,
    rates,
    stated,
    until_trusted,
)

AGENTS = 20
KEY = GateKey(workflow="w", name="refund", workflow_title="Refunds", step="pay")
GATE = GateInsight(gate=KEY, label="Pay", is_current=True, can_sample=True, reminds=True)
by_plan = pytest.mark.parametrize("plan", PLANS[:3], ids=lambda plan: f"{plan.clean} then {plan.share}")


@cache
def worst_agents(plan: SamplingPlan, miss_rate: float) -> tuple[Played, ...]:
    """Return agents whose error rate is the worst one for the plan and these reviewers."""
    wrong = always(worst_rate(plan, miss_rate))
    return tuple(play(plan, wrong, seed=seed, miss_rate=miss_rate) for seed in range(AGENTS))


def worst_rate(plan: SamplingPlan, miss_rate: float) -> float:
    return min(1.0, stated(plan).at / (1 - miss_rate))


@pytest.mark.parametrize("miss_rate", MISS_RATES)
@by_plan
def test_at_no_length_more_is_expected_to_pass_than_was_stated(plan: SamplingPlan, miss_rate: float) -> None:
    limit = stated(plan).aoql / (1 - miss_rate)
    for rate in {
        min(1.0, rate / (1 - miss_rate)) for rate in (stated(plan).at / 2, stated(plan).at, 2 * stated(plan).at)
    }:
        assert max(expected_shares(plan, rate, miss_rate, requests=8 * plan.clean)) <= limit, rate


@by_plan
def test_agents_of_a_steady_rate_get_no_more_through_than_was_stated(plan: SamplingPlan) -> None:
    for index, rate in enumerate(rates(plan)):
        played = [play(plan, always(rate), seed=1000 * index + seed) for seed in range(6)]
        assert not is_clearly_above([one.bad_share for one in played], stated(plan).aoql), rate


@by_plan
def test_an_agent_that_is_good_until_it_is_trusted_stays_under_the_other_figure(plan: SamplingPlan) -> None:
    played = [play(plan, until_trusted, seed=seed) for seed in range(AGENTS)]
    assert mean_bad_share(played) > stated(plan).aoql
    assert not is_clearly_above([one.bad_share for one in played], stated(plan).if_it_changes)


@by_plan
def test_at_least_the_stated_share_is_reviewed(plan: SamplingPlan) -> None:
    played = [play(plan, always(0.0), seed=seed) for seed in range(AGENTS)]
    passed = sum(one.unreviewed for one in played) / sum(one.requests - plan.clean for one in played)
    # Of an agent without errors the share is drawn all the time. Six standard errors of that share are left to chance.
    count = AGENTS * (length_of(plan) - plan.clean)
    assert abs(1 - passed - stated(plan).least_reviewed) <= 6 * (float(plan.share) / count) ** 0.5


def test_everything_is_reviewed_right_after_bad_news() -> None:
    played = [*worst_agents(PLANS[0], 0.0), *worst_agents(PLANS[1], 0.5)]
    assert sum(one.unreviewed for one in played) > 0
    assert [one.loose_after_bad_news for one in played if one.loose_after_bad_news] == []


# -- reviewers who miss some --------------------------------------------------------------------------------


@pytest.mark.parametrize("miss_rate", MISS_RATES)
@by_plan
def test_reviewers_who_miss_some_never_make_the_stated_worst_case_false(plan: SamplingPlan, miss_rate: float) -> None:
    *_, expected = expected_shares(plan, worst_rate(plan, miss_rate), miss_rate, requests=5 * plan.clean)
    dice, is_true = random.Random(7), 0
    for _ in range(400):
        hits = sum(dice.random() >= miss_rate for _ in range(SEEDED))
        is_true += expected <= stated(plan, (hits, SEEDED)).aoql
    assert is_true >= 0.95 * 400, "the detection rate was measured, too"


@pytest.mark.parametrize("miss_rate", [0.0, 0.5, 0.9])
@by_plan
def test_without_a_measurement_the_worst_case_holds_for_what_reviewers_notice(
    plan: SamplingPlan, miss_rate: float
) -> None:
    played = worst_agents(plan, miss_rate)
    assert not is_clearly_above([one.noticeable / one.requests for one in played], stated(plan).aoql)
    assert not stated(plan).is_detection_known


# -- bounds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.05])
def test_the_bound_of_a_proposal_is_at_its_level_although_the_moment_is_chosen(rate: float) -> None:
    plan, is_true, is_true_at_one_look, count = PLANS[2], 0, 0, 0
    for seed in range(200):
        state = first_proposal(plan, rate, seed)
        if state is not None:
            count += 1
            is_true += rate <= upper_bound_at_any_time(state.bad, state.reviewed)
            is_true_at_one_look += rate <= upper_bound(0, plan.clean)
    assert count > 10
    assert is_true >= 0.95 * count
    if rate > upper_bound(0, plan.clean):
        assert is_true_at_one_look == 0, "the last hundred were good because the moment was chosen"


def first_proposal(plan: SamplingPlan, rate: float, seed: int) -> sampling_plan.PlanState | None:
    dice, state = random.Random(seed), sampling_plan.NEW
    for _ in range(20 * plan.clean):
        is_bad = dice.random() < rate
        state = sampling_plan.after_correction(state) if is_bad else sampling_plan.after_review(state)
        if sampling_plan.may_propose(plan, state):
            return state
    return None


@pytest.mark.parametrize("miss_rate", MISS_RATES)
@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_bounds_that_count_what_reviewers_miss_are_at_their_level(rate: float, miss_rate: float) -> None:
    dice, is_true, is_true_any_time = random.Random(3), 0, 0
    for _ in range(500):
        reviewed = 59
        bad = sum(dice.random() < rate and dice.random() >= miss_rate for _ in range(reviewed))
        hits = sum(dice.random() >= miss_rate for _ in range(SEEDED))
        is_true += rate <= bad_rate_bound(bad, reviewed, (hits, SEEDED)).value
        is_true_any_time += rate <= bad_rate_bound_at_any_time(bad, reviewed, (hits, SEEDED)).value
    assert is_true >= 0.95 * 500
    assert is_true_any_time >= 0.95 * 500


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_a_bound_that_is_looked_at_all_the_time_is_at_its_level(rate: float) -> None:
    dice, is_true = random.Random(5), 0
    for _ in range(200):
        bad, holds = 0, True
        for reviewed in range(1, 400):
            bad += dice.random() < rate
            holds &= reviewed % 20 != 0 or rate <= upper_bound_at_any_time(bad, reviewed)
        is_true += holds
    assert is_true >= 0.95 * 200


def test_a_bound_for_one_look_is_smaller_than_one_for_all_looks() -> None:
    for bad, reviewed in ((0, 1), (0, 59), (3, 100), (10, 10)):
        assert bad / reviewed <= upper_bound(bad, reviewed) <= upper_bound_at_any_time(bad, reviewed) <= 1
    assert upper_bound_at_any_time(0, 0) == 1
    assert bad_rate_bound_at_any_time(0, 100, None).value == upper_bound_at_any_time(0, 100)
    assert not bad_rate_bound_at_any_time(0, 100, (0, 0)).is_detection_known
    assert bad_rate_bound_at_any_time(0, 100, (0, 50)).value == 1
    assert lower_bound(50, 50) > 0.9


# -- recommendations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "beta"), [(0.05, 0.05), (0.1, 0.02)])
def test_recommendations_are_wrong_at_most_as_often_as_they_say(alpha: float, beta: float) -> None:
    test = SequentialTest(low=0.02, high=0.1, alpha=alpha, beta=beta)
    answers = {rate: [first_answer(test, rate, seed) for seed in range(600)] for rate in (0.01, 0.02, 0.1, 0.2)}
    for rate in (0.01, 0.02):
        assert answers[rate].count(RateAnswer.HIGH) <= alpha * 600
    for rate in (0.1, 0.2):
        assert answers[rate].count(RateAnswer.LOW) <= beta * 600


def first_answer(test: SequentialTest, rate: float, seed: int, *, longest: int = 300) -> RateAnswer:
    """Return the answer of a test that is asked after each case, until it has one."""
    dice, bad = random.Random(seed), 0
    for seen in range(1, longest + 1):
        bad += dice.random() < rate
        answer = test.answer(bad, seen)
        if answer is not RateAnswer.UNDECIDED:
            return answer
    return RateAnswer.UNDECIDED


@pytest.mark.parametrize(("rate", "reminded"), [(0.03, 2 / 3), (0.06, 0.8)])
def test_who_looks_every_day_is_not_told_wrong_things_more_often_than_named(rate: float, reminded: float) -> None:
    """Gates at which people correct 3 in 100 or more, and reminders that double the decisions, for a year."""
    dice = random.Random(11)
    said = Counter(kind for _ in range(300) for kind in said_in_a_year(dice, corrected=rate, reminded=reminded))
    for kind in RecommendationKind:
        assert said[kind] <= 0.05 * 300 + 4 * (300 * 0.05 * 0.95) ** 0.5, kind


def test_good_gates_and_useless_reminders_are_found_within_the_year() -> None:
    dice = random.Random(12)
    said = Counter(kind for _ in range(60) for kind in said_in_a_year(dice, corrected=0.005, reminded=0.45))
    assert min(said[kind] for kind in RecommendationKind) >= 54


def said_in_a_year(dice: random.Random, *, corrected: float, reminded: float) -> set[RecommendationKind]:
    """Return what the real recommendations say to a person who looks at the insights on each day of a year."""
    found, said = GateEvidence(), set[RecommendationKind]()
    for _ in range(365):
        decided, after = dice.randrange(8), sum(dice.random() < reminded for _ in range(2))
        found = GateEvidence(
            decided=found.decided + decided,
            corrected=found.corrected + sum(dice.random() < corrected for _ in range(decided)),
            before=found.before + 2 - after,
            after=found.after + after,
        )
        insights = Insights(since=NOW, until=NOW, gates=(GATE,), evidence={("w", "pay"): found})
        said |= {one.kind for one in recommend(insights)}
    return said
