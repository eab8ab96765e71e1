"""What a sampling plan means, in sentences for the people who write it, agree to it, or read of it. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from engine.oversight.bounds import bad_rate_bound_at_any_time
from engine.oversight.sampling_plan import IDLE, LIFE, PlanState, SamplingPlan
from engine.oversight.worst_case import WorstCase, worst_case

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Labels and texts, as they stand on a card."""


def percent(share: Decimal | float) -> str:
    """Return a share in percent, like 12.5%, with at most two digits after the point."""
    return f"{float(share) * 100:.2f}".rstrip("0").rstrip(".") + "%"


def rule(plan: SamplingPlan) -> str:
    """Return what a plan does in one sentence."""
    return (
        f"After {plan.clean:,} in a row without a correction, and once a person agrees, "
        f"{percent(plan.share)} is reviewed, drawn at random."
    )


def worst_case_of(plan: SamplingPlan, detection: tuple[int, int] | None = None) -> str:
    """Return how much goes through unreviewed and bad at worst. `detection`: of what must be rejected, how much was."""
    worst = worst_case(plan.clean, float(plan.share), detection=detection)
    return " ".join([_steady(worst), _turned(worst), *([] if worst.is_detection_known else [UNKNOWN])])


def worst_cases(plan: SamplingPlan, detection: tuple[int, int] | None = None) -> Pairs:
    """Return the same as labels and texts, each short enough to stand among the other values of a card."""
    worst = worst_case(plan.clean, float(plan.share), detection=detection)
    unknown = () if worst.is_detection_known else (("Not known", NOT_KNOWN),)
    return (
        ("Worst case", _steady(worst).removeprefix("At worst ").capitalize()),
        ("If that changes", _turned(worst)),
        *unknown,
    )


def _steady(worst: WorstCase) -> str:
    return (
        f"At worst {_share(worst.one_in)} unreviewed and bad while the rate of mistakes stays as it is, "
        f"and at least {percent(worst.least_reviewed)} is reviewed."
    )


def _turned(worst: WorstCase) -> str:
    sudden = _share(worst.one_in_if_it_changes)
    return f"If it turns bad only once it is trusted, {sudden} unreviewed and bad before that is noticed."


def _share(one_in: int) -> str:
    """Return the words for "1 in n", which for 1 would say that everything goes through."""
    return f"1 in {one_in:,} goes through" if one_in > 1 else "more than half can go through"


UNKNOWN: Final = "How many mistakes reviewers miss is not known, so these figures are for reviewers who miss none."
NOT_KNOWN: Final = "How many mistakes reviewers miss. All figures here are for reviewers who miss none."


def meaning(plan: SamplingPlan) -> str:
    """Return what a plan does, and its worst case."""
    return f"{rule(plan)} {worst_case_of(plan)}"


def evidence(plan: SamplingPlan, state: PlanState, detection: tuple[int, int] | None = None) -> Pairs:
    """Return what letting a share through means at worst, and the evidence for it, as labels and texts.

    The record chooses the moment: after so many good ones in a row. So the bound counts all that was reviewed, and
    holds at all moments together; that of the row alone would be false whenever a run of luck is looked at.
    """
    bound = bad_rate_bound_at_any_time(state.bad, state.reviewed, detection)
    return (
        *worst_cases(plan, detection),
        ("In a row", f"{state.clean:,} reviewed without a correction"),
        ("In all", f"{state.reviewed:,} reviewed, {state.bad:,} of them rejected or corrected"),
        *_left_out(state),
        ("How sure", f"With 95% confidence at most {percent(bound.value)} are bad."),
        (
            "From then on",
            f"{percent(plan.share)} is reviewed, drawn at random. People look at {percent(plan.later)} of the others "
            "afterwards.",
        ),
        (
            "It ends",
            f"With the first correction, failure or report that something is wrong; after {LIFE.days} days; "
            f"or after {IDLE.days} days in which nothing comes.",
        ),
    )


def _left_out(state: PlanState) -> Pairs:
    """Return what is no evidence, if there is any."""
    left_out = state.by_requester
    if not left_out:
        return ()
    return (
        (
            "Left out",
            f"{left_out:,} that the person approved who had started the run: no one reviews their own program.",
        ),
    )
