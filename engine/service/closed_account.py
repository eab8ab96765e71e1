"""The command that takes note of a deactivated account."""

from __future__ import annotations

from typing import Final

from engine.delivery import routing
from engine.domain import CloseAccount, Person
from engine.requests import Request
from engine.service import eligibility
from engine.service.context import CommandContext
from engine.store import left_owners, people, request_model, request_queries, request_rows
from engine.store.port import Tx

_AT_ONCE: Final = 20
"""Maximum number of requests in one transaction."""


def exclude_some(context: CommandContext, tx: Tx, command: CloseAccount, after: str) -> str | None:
    """Exclude the person of the account from some requests that wait for them, from the id `after` on.

    Returns the last id, or None if there are no more.
    """
    person = people.find_person_cached(tx, command.workspace, command.account)
    if person is None:
        return None
    waiting = request_queries.load_waiting_for(tx.connection, person.id, after=after, most=_AT_ONCE)
    for request_id in waiting:
        request_rows.lock(tx, request_id)
        loaded = request_model.load_request(tx, request_id)
        if loaded is not None and not loaded[0].deadlines.is_past_due(tx.now):
            _exclude(context, tx, loaded[0], person)
    return waiting[-1] if len(waiting) == _AT_ONCE else None


def tell_admins(context: CommandContext, tx: Tx, command: CloseAccount) -> None:
    """Tell the admins, once, of each workflow that the person of the account owns."""
    person = people.find_person_cached(tx, command.workspace, command.account)
    if person is None:
        return
    known = (people.find_person_cached(tx, command.workspace, address) for address in sorted(context.admins, key=str))
    admins = {admin.id: admin for admin in known if admin is not None and admin.id != person.id}
    for workflow in left_owners.mark(tx, command.workspace, person.id):
        for admin in admins.values():
            routing.notify(tx, context.advancer.directory, command.workspace, admin, left_owners.TOPIC + workflow)


def _exclude(context: CommandContext, tx: Tx, request: Request, person: Person) -> None:
    for approver in request.approvers:
        if approver.person.id == person.id:
            eligibility.exclude(context.advancer, tx, request, approver, eligibility.DEACTIVATED)
