"""Agents with known error rates, and reviewers who miss some, through the real code of sampling plans.

Only the world around that code is made up here: whether an agent is wrong, and whether a reviewer notices. `python -m
tests.support.simulated_agents` plays 10,000 agents; the tests play fewer. Every agent has a seed of its own.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import mul
from statistics import mean, stdev
from typing import Final

from engine.oversight import draw, sampling_plan
from engine.oversight.sampling_plan import NEW, PlanStage, PlanState, SamplingPlan
from engine.oversight.worst_case import WorstCase, worst_case

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY: Final = b"the key of a simulated server.."
PLANS: Final = (
    SamplingPlan(clean=20, share=Decimal("0.2"), later=Decimal("0.1")),
    SamplingPlan(clean=59, share=Decimal("0.1"), later=Decimal("0.1")),
    SamplingPlan(clean=100, share=Decimal("0.1"), later=Decimal("0.1")),
    SamplingPlan(clean=299, share=Decimal("0.1"), later=Decimal("0.1")),
)
MISS_RATES: Final = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
SEEDED: Final = 60
"""Number of seeded requests by which the detection rate of a reviewer is measured."""
AGENTS: Final = 10_000

Wrong = Callable[[PlanState, random.Random], bool]
"""Whether an agent is wrong this time. It may know the state of its plan, to be as bad as it can be."""


@dataclass(slots=True)
class Played:
    """What became of the requests of one agent."""

    requests: int = 0
    unreviewed: int = 0
    unreviewed_bad: int = 0
    noticeable: int = 0
    """Unreviewed and bad, and the reviewer would have noticed."""
    loose_after_bad_news: int = 0
    """How often a request went through unreviewed right after bad news."""

    @property
    def bad_share(self) -> float:
        return self.unreviewed_bad / self.requests


def length_of(plan: SamplingPlan) -> int:
    """Return how many requests an agent makes: several rounds of its plan."""
    return 20 * plan.clean


def always(rate: float) -> Wrong:
    """Return an agent that is wrong at the same rate for ever."""
    return lambda state, dice: dice.random() < rate


def until_trusted(state: PlanState, dice: random.Random) -> bool:
    """Be wrong only while a share goes through."""
    return state.stage is PlanStage.SAMPLE


def play(plan: SamplingPlan, wrong: Wrong, *, seed: int, miss_rate: float = 0.0) -> Played:
    """Play the requests of one agent. A person agrees to each proposal at once, and reviews at once."""
    dice, state, played = random.Random(seed), NEW, Played()
    salt, just_corrected = draw.salt_of(KEY, str(seed), state.number), False
    for number in range(length_of(plan)):
        is_bad, notices = wrong(state, dice), dice.random() >= miss_rate
        played.requests += 1
        key = draw.visit_key(f"{seed}-{number}", "pay", 1)
        if state.stage is PlanStage.SAMPLE and not draw.is_drawn(salt, key, plan.share):
            played.unreviewed += 1
            played.unreviewed_bad += is_bad
            played.noticeable += is_bad and notices
            played.loose_after_bad_news += just_corrected
            just_corrected = False
            continue
        just_corrected = is_bad and notices
        number_before, state = state.number, reviewed(plan, state, is_corrected=just_corrected)
        if state.number > number_before:
            salt = draw.salt_of(KEY, str(seed), state.number)
    return played


def stated(plan: SamplingPlan, detection: tuple[int, int] | None = None) -> WorstCase:
    """Return the worst case that people agree to."""
    return worst_case(plan.clean, float(plan.share), detection=detection)


def rates(plan: SamplingPlan) -> Sequence[float]:
    """Return the error rates of the agents of a plan: the worst one is among them."""
    return (0.0, 0.001, stated(plan).at / 2, stated(plan).at, 2 * stated(plan).at, 0.1, 0.5, 1.0)


def mean_bad_share(played: Sequence[Played]) -> float:
    """Return the share of all requests that was unreviewed and bad."""
    return sum(one.unreviewed_bad for one in played) / sum(one.requests for one in played)


def is_clearly_above(shares: Sequence[float], limit: float) -> bool:
    """Return whether the mean of these agents is above a limit by more than chance explains: four standard errors."""
    error = stdev(shares) / len(shares) ** 0.5 if len(shares) > 1 else 0.0
    return mean(shares) - 4 * error > limit


# -- without chance: the probabilities of all states --------------------------------------------------------


def reviewed(plan: SamplingPlan, state: PlanState, *, is_corrected: bool) -> PlanState:
    """Return the state after a review. A person agrees to each proposal at once."""
    state = sampling_plan.after_correction(state) if is_corrected else sampling_plan.after_review(state)
    if sampling_plan.may_propose(plan, state):
        state = sampling_plan.after_proposal(state, "proposal", NOW)
        state = sampling_plan.after_agreement(plan, state, "proposal", person="owner", now=NOW)
    return state


def expected_shares(plan: SamplingPlan, rate: float, miss_rate: float, *, requests: int) -> Iterator[float]:
    """Yield the expected share that is unreviewed and bad, after each request.

    Every state that the real code leads to has a probability. So nothing is left to chance, at any length.
    """
    states, following = _states(plan)
    share, noticed = float(plan.share), rate * (1 - miss_rate)
    passes = [1 - share if state.stage is PlanStage.SAMPLE else 0.0 for state in states]
    chances, total = [1.0] + [0.0] * (len(states) - 1), 0.0
    for number in range(1, requests + 1):
        total += rate * sum(map(mul, chances, passes))
        grown = list(map(mul, chances, passes))
        for chance, passed, (good, bad) in zip(chances, passes, following, strict=True):
            if chance:
                looked_at = chance * (1 - passed)
                grown[good] += looked_at * (1 - noticed)
                grown[bad] += looked_at * noticed
        chances = grown
        yield total / number


def _states(plan: SamplingPlan) -> tuple[list[PlanState], list[tuple[int, int]]]:
    """Return the states that differ in what follows, and which follow a good and a bad review."""
    states, places = [NEW], {_kind(plan, NEW): 0}
    following: list[tuple[int, int]] = []
    for state in states:
        after = [reviewed(plan, state, is_corrected=is_corrected) for is_corrected in (False, True)]
        for other in after:
            if _kind(plan, other) not in places:
                places[_kind(plan, other)] = len(states)
                states.append(other)
        following.append((places[_kind(plan, after[0])], places[_kind(plan, after[1])]))
    return states, following


def _kind(plan: SamplingPlan, state: PlanState) -> tuple[PlanStage, int]:
    return state.stage, min(state.clean, plan.clean)


# -- with chance: one agent after the other -----------------------------------------------------------------


def groups(agents: int) -> Iterator[tuple[SamplingPlan, float, float, list[Played]]]:
    """Yield the agents of each plan, error rate and miss rate, about so many in all."""
    cases = [(plan, rate, missed) for plan in PLANS for rate in rates(plan) for missed in MISS_RATES]
    each = max(1, agents // len(cases))
    for index, (plan, rate, missed) in enumerate(cases):
        seeds = range(index * each, (index + 1) * each)
        yield plan, rate, missed, [play(plan, always(rate), seed=seed, miss_rate=missed) for seed in seeds]


def main() -> None:
    """Play 10,000 agents, and print how each plan did beside what it states."""
    is_true = True
    for plan, rate, missed, played in groups(AGENTS):
        limit = stated(plan).aoql / (1 - missed)
        realised = mean_bad_share(played)
        is_true &= not is_clearly_above([one.bad_share for one in played], limit)
        is_true &= not any(one.loose_after_bad_news for one in played)
        print(  # noqa: T201 it tells who started it
            f"{plan.clean:4} then {plan.share:4.0%}, wrong {rate:6.2%}, missed {missed:3.0%}: "
            f"unreviewed and bad {realised:7.3%}, stated at most {limit:7.3%}",
            flush=True,
        )
    sys.exit(0 if is_true else "a stated worst case is false")


if __name__ == "__main__":
    main()
