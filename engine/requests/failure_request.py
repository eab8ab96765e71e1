"""The opening of a request that asks what to do about a step that failed."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.domain import Params
from engine.requests.model import REASON_LENGTH, Subject, clip
from engine.requests.open_request import TITLE_LENGTH, Opening, Scope, open_request
from engine.workflowfile import Gate, Step

MAY_HAVE_HAPPENED: Final = "This step may have happened. Find out first, because trying again could do it twice."
"""The question before a step that failed is tried again, where its call may have done its work all the same."""
_QUESTION: Final = " failed. Try again, skip it, or stop the run?"


def open_failure(
    *, gate: Gate, step: Step, subject: Subject, content: Params, scope: Scope, error: str, attempt: int
) -> Opening:
    """Return the request about a failure: it shows the error, and the parameters of the call.

    `attempt`: the call that failed, or 0 if the step failed before it was called.
    """
    if not content.value:
        # The parameters could not be computed.
        gate = replace(gate, edit={})
    opening = open_request(gate=gate, step=step, subject=subject, content=content, scope=scope, why=True)
    return replace(
        opening,
        title=clip(step.label, TITLE_LENGTH - len(_QUESTION)) + _QUESTION,
        reason=clip(error, REASON_LENGTH),
        attempt=attempt,
    )
