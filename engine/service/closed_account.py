"""The command that takes note of a deactivated account."""

from __future__ import annotations

from typing import Final

from engine.domain import CloseAccount, Person
from engine.requests import Request
from engine.service import eligibility
from engine.service.context import CommandContext
from engine.store import people, request_model, request_queries, request_rows
from engine.store.port import Tx

_AT_ONCE: Final = 20
"""Maximum number of requests in one transaction."""


def exclude_some(context: CommandContext, tx: Tx, command: CloseAccount) -> bool:
    """Exclude the person of the account from some requests that wait for them. Return whether there may be more."""
    person = people.find_person_cached(tx, command.workspace, command.account)
    if person is None:
        return False
    waiting = request_queries.load_waiting_for(tx.connection, person.id, _AT_ONCE)
    for request_id in waiting:
        request_rows.lock(tx, request_id)
        loaded = request_model.load_request(tx, request_id)
        if loaded is not None:
            _exclude(context, tx, loaded[0], person)
    return len(waiting) == _AT_ONCE


def _exclude(context: CommandContext, tx: Tx, request: Request, person: Person) -> None:
    for approver in request.approvers:
        if approver.person.id == person.id:
            eligibility.exclude(context.advancer, tx, request, approver, eligibility.DEACTIVATED)
