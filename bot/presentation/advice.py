"""Advice after a run did not end well. It never says to repeat an effect that may have happened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bot.presentation.characters import line
from engine import runs
from engine.domain import ResumeAnswer, RunStatus, StepStatus
from engine.json_values import Value
from engine.read_models import RunView, StepAnswer, StepView
from engine.requests import MAY_HAVE_HAPPENED
from engine.steps import http_failures
from engine.workflowfile.step_kinds import ASK, HTTP

_DONE: Final = frozenset({StepStatus.SUCCEEDED, StepStatus.OUTPUT_IN_REVIEW})
_READS: Final = frozenset({"GET", "HEAD"})
"""Methods of a call that changes nothing: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1"""

TRY_AGAIN: Final = "Fix the cause, then try the run again. It goes on from the step that failed."
Call = tuple[str, int, int]
"""A step, its visit, and the call in it."""


def last_answer(run: RunView, about: Call | None = None) -> tuple[StepView, StepAnswer] | None:
    """Return the last answer about a call of unknown outcome, and its step. `about`: only answers about this call."""
    answers = [
        (step, answer)
        for step in run.steps
        for answer in step.answers
        if about in (None, (step.step, step.visit, answer.attempt))
    ]
    return max(answers, key=lambda pair: pair[1].at, default=None)


def can_be_tried_again(run: RunView) -> bool:
    """Return whether a run failed at a step of which it is known that it did not happen. `run`: with its steps."""
    if run.status is not RunStatus.FAILED or run.is_erased or not run.steps:
        return False
    last = run.steps[-1]
    return last.status is StepStatus.FAILED and last.uses != ASK and not (last.error or "").startswith(runs.STOPPED)


def before_trying_again(run: RunView) -> str:
    """Return the advice for a person who is about to repeat the step at which a run failed, or an empty text."""
    last = run.steps[-1]
    if last.attempt == 0 or _only_reads(last) or _was_refused(last):
        return ""
    return f"May have happened: {line(last.label)}. Find out first, because trying again could do it twice."


def confirmation_of_retry(run: RunView) -> str:
    """Return the question before the step is repeated at which a run failed; empty if it certainly did not happen."""
    return MAY_HAVE_HAPPENED if before_trying_again(run) else ""


def newer_version(run: RunView) -> str:
    """Return which version a run keeps that is tried again, if its workflow has a newer one; else an empty text."""
    newest = run.current_version
    if newest is None or newest <= run.version:
        return ""
    keeps = f"This run keeps version {run.version}."
    if _before_another(run):
        return f"{keeps} Only new runs use version {newest}."
    return f"{keeps} To use version {newest}, start the workflow again."


def after_failure(run: RunView) -> str:
    """Return the advice for the owner of a failed run."""
    answered = last_answer(run)
    if answered is not None and answered[1].answer is ResumeAnswer.STOP:
        return f"{line(answered[1].person.label)} stopped it. {_before_another(run)}".strip()
    if _is_asked(run):
        return _ASK_AGAIN
    if can_be_tried_again(run):
        return " ".join(filter(None, (before_trying_again(run), TRY_AGAIN, newer_version(run))))
    return _before_another(run) or "Fix the cause, then start a new run."


def after_expiry(run: RunView) -> str:
    """Return the advice for the owner of a run in which no decision came in time."""
    if _is_asked(run):
        return _ASK_AGAIN
    return f"The run was stopped. {_before_another(run) or 'If you still need it, start it again.'}"


def _is_asked(run: RunView) -> bool:
    """Return whether the run ended with what a program asked, and no later step did anything."""
    return bool(run.steps) and run.steps[-1].uses == ASK


_ASK_AGAIN: Final = "The program that asked knows it, and can ask again."


def before_asking_anew(run: RunView) -> str:
    """Return the advice for the owner of a request that has no approver left."""
    again = _before_another(run)
    if again:
        return f"Or cancel the run and correct the approvers in its workflow. {again}"
    return "Or cancel the run, correct the approvers in its workflow, and start it again."


def _before_another(run: RunView) -> str:
    """Return sentences about the calls that happened or may have happened, or an empty text if there were none."""
    called = [step for step in run.steps if step.attempt > 0 and not _only_reads(step) and not _was_refused(step)]
    done = [step for step in called if step.status in _DONE or step.output is not None]
    maybe = [step for step in called if step not in done]
    sentences = []
    if done:
        sentences.append(f"Already done: {_names(done)}.")
    if maybe:
        sentences.append(f"May have happened: {_names(maybe)}. Find out first.")
    if called:
        sentences.append(
            "Do not simply start the workflow again: that would repeat what has happened. Do only what is missing."
        )
    return " ".join(sentences)


def _only_reads(step: StepView) -> bool:
    """Return whether the step is a web call that changes nothing, so that it can be repeated without harm."""
    params = _given(step)
    return "url" in params and str(params.get("method", "GET")).upper() in _READS


def _was_refused(step: StepView) -> bool:
    """Return whether all calls of the step were refused, so that it is certain that it did not happen.

    A step is called again without asking only if the call before certainly did nothing, unless its file says otherwise.
    """
    if step.status is not StepStatus.FAILED or step.answers or step.output is not None or "url" not in _given(step):
        return False
    error = step.error or ""
    if step.attempt == 1:
        return http_failures.did_nothing(error)
    return not step.repeats_unknown and step.uses == HTTP and http_failures.is_refused_for_good(error)


def _given(step: StepView) -> Mapping[str, Value]:
    return step.params.value if step.params is not None else {}


def _names(steps: Iterable[StepView]) -> str:
    return ", ".join(dict.fromkeys(line(step.label) for step in steps))
