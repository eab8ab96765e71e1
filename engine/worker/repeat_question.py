"""The question before a call is repeated that failed: whether it may have done its work all the same."""

from __future__ import annotations

from msgspec.structs import replace

from engine.requests import MAY_HAVE_HAPPENED, Opening
from engine.steps import http_failures
from engine.workflowfile import Step, Workflow


def with_question(opening: Opening, workflow: Workflow) -> Opening:
    """Return the request about a failure with that question, unless the call did nothing or can be repeated."""
    if not opening.subject.is_failure or not opening.attempt:
        return opening
    if _is_repeatable(opening, workflow.step(opening.subject.step)):
        return opening
    refused = "url" in opening.content.value and http_failures.did_nothing(opening.reason or "")
    # Of earlier calls nothing is known here.
    return opening if refused and opening.attempt == 1 else replace(opening, confirm=MAY_HAVE_HAPPENED)


def _is_repeatable(opening: Opening, step: Step) -> bool:
    return step.idempotent if step.idempotent is not None else step.kind.idempotent(opening.content.value)
