"""The end of an oversight request, which its follower gets in the same unit, and who decides about a workflow.

However it ends, no effect runs from it: only its follower acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import NotAllowed, Person, Refusal, RequestState
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.errors import Conflict
from engine.json_values import Value
from engine.references import Reference, parse
from engine.requests import Request, Ruling
from engine.requests.oversight_request import EndedOversightRequest, of_person
from engine.service.context import CommandContext
from engine.store import joined_people, oversight_rows, people, workflows
from engine.store.port import Tx
from engine.worker import oversight_workflow

_BARRED: Final = "You wrote what this is about, so other people decide about it."
_FORMER: Final = "You were asked as an admin, and you are no admin any more. Admins decide about it."
_ADMIN: Final = "an admin"
"""The rule by which admins are asked."""


class Deciders(Struct, frozen=True, kw_only=True):
    """The people who decide about a workflow: who is asked, who never is, and who hears if no person is left."""

    approvers: tuple[Reference, ...]
    barred: tuple[str, ...]
    owner: str


def owner_or_admins(context: CommandContext, tx: Tx, workflow: str, version: int) -> Deciders:
    """Return who decides about a version of a workflow: its owner, or the admins if the owner registered it.

    The person who registered it never decides about it. If no one is left, no one is asked, and the owner hears of it.
    """
    owner, author = workflows.load_owner_and_author(tx.connection, workflow, version)
    rule = workflows.load_pinned_cached(tx, workflow, version).owner_rule
    return deciders(context, tx, owner=owner, author=author, rule=rule)


def deciders(context: CommandContext, tx: Tx, *, owner: str, author: str, rule: str | None) -> Deciders:
    """Return who decides about what a person wrote: the owner, or the admins if the owner wrote it.

    `rule`: the role or group that owns it. Its members decide, without the author.
    """
    members = None if rule is None else parse(rule, rule=f"owner ({rule})")
    if members is not None:
        return Deciders(approvers=(members,), barred=(author,), owner=owner)
    if not _is_human(tx, author, owner):
        named = of_person(people.load_people_cached(tx, [owner])[owner], "the owner of the workflow")
        if named is not None:
            return Deciders(approvers=(named,), barred=(author,), owner=owner)
    admins = sorted(context.admins, key=str)
    asked = (Reference(address.kind, address.value, _ADMIN) for address in admins)
    return Deciders(approvers=tuple(asked), barred=(author,), owner=owner)


def askable(context: CommandContext, recipients: Recipients, tx: Tx, who: Deciders) -> Deciders | None:
    """Return those who decide, or the admins if the author is the only member of the owner, or None if no one could.

    Raises `NeedsDirectory`.
    """
    if _asks_someone(recipients, tx, who):
        return who
    if not any(reference.has_members for reference in who.approvers):
        return None
    (author,) = who.barred
    admins = deciders(context, tx, owner=author, author=author, rule=None)
    admins = replace(admins, owner=who.owner)
    return admins if _asks_someone(recipients, tx, admins) else None


def _asks_someone(recipients: Recipients, tx: Tx, who: Deciders) -> bool:
    """Return whether one of those who decide is not barred, as far as the tables and the directory know people."""
    never = {human for known in who.barred for human in joined_people.humans(tx.connection, known)}
    known = {address for person in people.load_people(tx.connection, [*never]).values() for address in person.addresses}
    if any(reference.is_address and reference.address not in known for reference in who.approvers):
        return True
    groups = [reference for reference in who.approvers if reference.has_members]
    members = [one for answer in recipients.answers(groups).values() for one in answer.people]
    return any(known.isdisjoint(member.addresses) for member in members)


def _is_human(tx: Tx, person: str, other: str) -> bool:
    """Return whether two persons are one human."""
    return other in joined_people.humans(tx.connection, person)


def barred(context: CommandContext, tx: Tx, request: Request, person: Person | None) -> Refusal | None:
    """Return the refusal for a person who may not decide an oversight request, also if they go by another address."""
    if person is None:
        return None
    if request.separation.barred and _is_one_of(tx, person, request.separation.barred):
        return NotAllowed(why=_BARRED)
    if request.subject.workflow != OVERSIGHT_WORKFLOW:
        return None
    asked = next((one for one in request.approvers if one.person.id == person.id), None)
    is_former = asked is not None and asked.rule == _ADMIN and not context.reader(person).is_admin
    return NotAllowed(why=_FORMER) if is_former else None


def _is_one_of(tx: Tx, person: Person, ids: Iterable[str]) -> bool:
    """Return whether a person is the same human as one of these."""
    known = [*ids]
    if person.id in known:
        return True
    humans = {human for one in known for human in joined_people.humans(tx.connection, one)}
    return not humans.isdisjoint({person.id, *joined_people.humans(tx.connection, person.id)})


def end_decided(context: CommandContext, tx: Tx, request: Request, ruling: Ruling, resolved: Resolved) -> None:
    """Let the follower act on a decision, if it closed an oversight request."""
    if request.subject.workflow == OVERSIGHT_WORKFLOW:
        content = request.content if ruling.approved is None else ruling.approved
        answer = _Answer(ruling.state, person=ruling.approver.person, reason=ruling.reason, content=content.value)
        _end(context, tx, request.subject.run, answer, resolved)


def end(context: CommandContext, tx: Tx, request: Request, state: RequestState, resolved: Resolved) -> None:
    """Let the follower act on the end of an oversight request that no person decided."""
    if request.subject.workflow == OVERSIGHT_WORKFLOW:
        _end(context, tx, request.subject.run, _Answer(state, content=request.content.value), resolved)


def end_cancelled(context: CommandContext, tx: Tx, run: str, resolved: Resolved) -> None:
    """Let the follower act on an oversight request whose run was cancelled."""
    _end(context, tx, run, _Answer(RequestState.CANCELLED), resolved)


class _Answer(Struct, frozen=True):
    """How a request ended, before its follower gets it."""

    state: RequestState
    person: Person | None = None
    reason: str | None = None
    content: Mapping[str, Value] = field(default_factory=dict)


def _end(context: CommandContext, tx: Tx, run: str, answer: _Answer, resolved: Resolved) -> None:
    """Write the end and call the follower. Raises `Conflict` if another unit has ended it: its follower was called."""
    row = oversight_rows.find(tx.connection, run)
    assert row is not None
    assert row.request is not None
    if not oversight_rows.try_end(tx, run, answer.state):
        raise Conflict(f"oversight request {run} has ended meanwhile")
    record = entry(
        EntryKind.OVERSIGHT_ENDED,
        run=run,
        request=row.request,
        actor=oversight_workflow.asker(tx, row.workspace),
        purpose=row.purpose.value,
        state=answer.state.value,
    )
    tx.audit(row.workspace, record)
    follower = context.followers.get(row.purpose)
    if follower is None:
        return
    ended = EndedOversightRequest(
        run=run,
        request=row.request,
        workspace=row.workspace,
        purpose=row.purpose,
        state=answer.state,
        about=row.about,
        facts=row.facts,
        content=answer.content,
        person=answer.person,
        reason=answer.reason,
    )
    follower(context, tx, ended, resolved)
