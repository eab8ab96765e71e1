"""What follows from a seeded request: whether it was caught is counted, and nothing else."""

from __future__ import annotations

from typing import Any, Final

from engine import json_values
from engine.delivery.recipients import Resolved
from engine.domain import NotAllowed, Person, Refusal, RequestState
from engine.domain.oversight import OVERSIGHT_WORKFLOW, OversightPurpose
from engine.requests import Request
from engine.requests.oversight_request import EndedOversightRequest
from engine.service import oversight_requests
from engine.service.context import CommandContext
from engine.store import oversight_rows, run_rows, seeded_requests
from engine.store.port import Tx
from engine.store.seeded_requests import SeededResult
from engine.worker import run_cancellation

_ASKED: Final = (
    "This was a test of Signoff, so no one was asked. It is over, and it is not counted, because you asked first."
)


def follow(context: CommandContext, tx: Tx, ended: EndedOversightRequest, resolved: Resolved) -> None:  # noqa: ARG001
    """Count a seeded request that a person decided. One that expired or was withdrawn says nothing about people."""
    if ended.person is None or ended.about.workflow is None:
        return
    result = SeededResult(
        run=ended.run,
        workflow=ended.about.workflow,
        person=ended.person.id,
        kind=str(ended.facts.get("kind")),
        is_caught=_is_caught(ended),
    )
    seeded_requests.insert_result(tx, result)


def is_seeded(tx: Tx, request: Request) -> bool:
    """Return whether a request is a seeded one."""
    if request.subject.workflow != OVERSIGHT_WORKFLOW:
        return False
    row = oversight_rows.find(tx.connection, request.subject.run)
    return row is not None and row.purpose is OversightPurpose.SEEDED


def asked_about(context: CommandContext, tx: Tx, request: Request, person: Person, resolved: Resolved) -> Refusal:
    """End a seeded request about which a person asks a question, and tell them that it was one.

    Its requester knows nothing of it. It is not counted: who asks has not decided yet.
    """
    run = run_rows.load_run(tx, request.subject.run)
    assert run is not None
    run_cancellation.ask_to_end(tx, run, person, reason=None, surface=None)
    oversight_requests.end_cancelled(context, tx, run.state.id, resolved)
    return NotAllowed(why=_ASKED)


def _is_caught(ended: EndedOversightRequest) -> bool:
    """Return whether the person rejected it, or changed the wrong value before they approved."""
    if ended.state is RequestState.REJECTED:
        return True
    path: Any = ended.facts.get("path")
    return json_values.look(dict(ended.content), tuple(path)) == ended.facts.get("real")
