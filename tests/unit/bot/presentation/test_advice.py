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


def called(attempt: int, error: str, **changes: Any) -> StepView:
    """Return a step that called an address."""
    params = Params({"url": "https://pay.example.com", "method": "POST"})
    return step(attempt=attempt, error=error, params=params, **{"uses": "http", "repeats_unknown": False, **changes})


@pytest.mark.parametrize(
    ("last", "warns"),
    [
        (called(3, "POST pay.example.com answered 404 Not Found"), False),
        (called(3, "POST pay.example.com was not sent: refused"), False),
        (called(1, "POST pay.example.com answered 409 Conflict"), False),
        (called(3, "POST pay.example.com answered 409 Conflict"), True),
        (called(3, "POST pay.example.com answered 429 Too Many Requests"), True),
        (called(3, "POST pay.example.com answered 503 Service Unavailable"), True),
        (called(1, "POST pay.example.com answered 500 Internal Server Error"), True),
        (called(3, "POST pay.example.com answered 404 Not Found", repeats_unknown=True), True),
        (called(3, "POST pay.example.com answered 404 Not Found", uses=""), True),
        (called(3, "POST pay.example.com did not answer in time; it may have been carried out"), True),
    ],
)
def test_calls_that_a_service_refused_did_not_happen(last: StepView, warns: bool) -> None:
    advised = advice.after_failure(samples.run(status=RunStatus.FAILED, steps=(last,)))
    assert ("May have happened" in advised) is warns


def test_a_run_that_is_tried_again_says_that_it_keeps_its_version() -> None:
    refused = called(3, "POST pay.example.com answered 404 Not Found")
    run = samples.run(status=RunStatus.FAILED, steps=(refused,), version=1, current_version=2)
    assert advice.after_failure(run) == (
        f"{advice.TRY_AGAIN} This run keeps version 1. To use version 2, start the workflow again."
    )
    done = step(step="first", label="First", status=StepStatus.SUCCEEDED)
    partly = samples.run(status=RunStatus.FAILED, steps=(done, refused), version=1, current_version=2)
    # To start it again would do the first step twice.
    assert advice.newer_version(partly) == "This run keeps version 1. Only new runs use version 2."
    for version in (None, 1):
        same = samples.run(status=RunStatus.FAILED, steps=(refused,), version=1, current_version=version)
        assert advice.newer_version(same) == ""
