"""The refusals of the engine, in the codes of the Agent Approval Protocol. Pure."""

from __future__ import annotations

from typing import Final

from bot.aap.errors import ProtocolError
from bot.api import problems
from bot.api.problems import ApiProblem
from engine.domain import NotAllowed, Refusal
from engine.domain.api_keys import ApiKeyEnded, ApiKeyForbids
from engine.domain.asks import ApprovalLapsed, AskOver, AskWorkflowMissing, InvalidAsk, OutcomeAlreadyKnown
from engine.domain.results import NotFound

_STATUS: Final[dict[type[Refusal], int]] = {InvalidAsk: 400, NotFound: 404, NotAllowed: 403, ApiKeyForbids: 403}
"""The HTTP status of a refusal; all others are conflicts with the present state."""
_CODES: Final[dict[type[Refusal], str]] = {
    ApprovalLapsed: "approval_expired",
    AskOver: "already_terminal",
    AskWorkflowMissing: "no_workflow",
    InvalidAsk: "invalid_request",
    OutcomeAlreadyKnown: "outcome_conflict",
}
"""The words that the protocol has for refusals; the others keep their own, such as `already_consumed`."""


def error(refusal: Refusal) -> ProtocolError:
    """Return the error for a refusal, with the sentence that people read about it."""
    problem = problems.of_refusal(refusal)
    status = _STATUS.get(type(refusal), 409)
    code = _CODES.get(type(refusal), _word(problem))
    return ProtocolError(status, code, problem.detail, param=next(iter(problem.errors or ()), None))


def of_instance(refusal: Refusal) -> ProtocolError:
    """Return the error for an instance that cannot be made again."""
    found = error(refusal)
    code = "instance_deleted" if isinstance(refusal, ApiKeyEnded) else found.code
    return ProtocolError(found.status, code, found.message)


def of_problem(problem: ApiProblem) -> ProtocolError:
    """Return the error for a problem of the calls that this protocol shares with our API."""
    # The protocol has its own form for what does not validate.
    status = 400 if problem.status == 422 else problem.status
    return ProtocolError(status, _word(problem), problem.detail, headers=problem.headers)


def _word(problem: ApiProblem) -> str:
    return problem.code.replace("-", "_")
