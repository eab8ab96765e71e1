"""The advice after a run failed."""

from __future__ import annotations

from typing import Any

import pytest

from bot.presentation import advice
from engine import runs
from engine.domain import Params, RunStatus, StepStatus
from engine.read_models import StepView
from tests.support import samples


def step(**changes: Any) -> StepView:
    facts: dict[str, Any] = {
        "step": "pay",
        "label": "Pay",
        "visit": 1,
        "status": StepStatus.FAILED,
        "attempt": 1,
        "params": Params({"text": "x"}),
        "output": None,
        "error": "The bank is closed.",
        "wakes_at": None,
        "started_at": samples.NOW,
        "ended_at": samples.NOW,
        **changes,
    }
    return StepView(**facts)


@pytest.mark.parametrize(
    ("status", "steps", "can"),
    [
        (RunStatus.FAILED, (step(),), True),
        (RunStatus.FAILED, (), False),
        (RunStatus.SUCCEEDED, (step(status=StepStatus.SUCCEEDED),), False),
        (RunStatus.FAILED, (step(), step(visit=2, status=StepStatus.SUCCEEDED)), False),
        (RunStatus.FAILED, (step(error=f"{runs.STOPPED} it happened."),), False),
        (RunStatus.FAILED, (step(error=None),), True),
    ],
)
def test_a_run_can_be_tried_again_if_its_last_step_failed_for_sure(
    status: RunStatus, steps: tuple[StepView, ...], can: bool
) -> None:
    assert advice.can_be_tried_again(samples.run(status=status, steps=steps)) is can


def test_a_step_that_may_have_happened_in_part_is_named() -> None:
    advised = advice.before_trying_again(samples.run(status=RunStatus.FAILED, steps=(step(),)))
    assert advised == "May have happened: Pay. Find out first, because trying again could do it twice."


@pytest.mark.parametrize(
    "last",
    [
        step(attempt=0),
        step(params=Params({"url": "https://example.com", "method": "GET"})),
        step(params=Params({"url": "https://example.com"}), error="POST https://example.com was not sent: no"),
    ],
    ids=["not called", "only reads", "refused"],
)
def test_a_step_that_did_nothing_needs_no_advice(last: StepView) -> None:
    assert advice.before_trying_again(samples.run(status=RunStatus.FAILED, steps=(last,))) == ""
