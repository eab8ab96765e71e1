"""Up to which amount the people of a request may approve, as the directory says now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from engine.delivery.recipients import Recipients, references_of
from engine.domain import Approver, Person
from engine.name_lists import join_names
from engine.oversight import limits
from engine.oversight.limits import Limit, Money
from engine.oversight.risk import CannotTell
from engine.ports import Directory, KnowsLimits
from engine.references import ROLE, Reference
from engine.requests import Circle, Opening, Request

_PAIR: Final = 2
_MOST_NAMED: Final = 5
"""Maximum number of people that a note about limits names."""


@dataclass(frozen=True, slots=True)
class Split:
    """The approvers who may approve the amount, those who are shown the request all the same, and notes.

    `limits`: of all people who have one, by person.
    """

    able: Sequence[Approver]
    shown: Sequence[Approver] = ()
    notes: tuple[str, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)

    @property
    def all(self) -> list[Approver]:
        """Return all who are shown the request."""
        return [*self.able, *self.shown]


def foresee(recipients: Recipients, directory: Directory, opening: Opening) -> None:
    """Raise `NeedsDirectory` before anything is written if the directory has to be asked who has a limit."""
    if opening.amount is not None:
        recipients.answers(_roles(directory))


def known(recipients: Recipients, directory: Directory, people: Collection[Person]) -> dict[str, Limit]:
    """Return the limits of those of these people who have one, by person.

    If the directory does not answer, a person counts as having every role that it could not tell about.
    """
    by_role = directory.limits() if isinstance(directory, KnowsLimits) else {}
    answers = recipients.answers(_roles(directory))
    own: dict[str, Limit] = {}
    for person in people:
        roles = [reference for reference, answer in answers.items() if not answer.members.isdisjoint(person.addresses)]
        untold = [reference for reference, answer in answers.items() if answer.unanswered]
        limit = (
            limits.widest([by_role[reference.value] for reference in roles])
            if roles
            else limits.narrowest([by_role[reference.value] for reference in untold])
        )
        if limit is not None:
            own[person.id] = limit
    return own


def split(
    recipients: Recipients, directory: Directory, opening: Opening, approvers: Sequence[Approver], owner: Person
) -> Split:
    """Return who of these people may approve the amount of a request that opens.

    A person that the gate names is shown the request in any case, and may reject it.
    """
    if opening.amount is None:
        return Split(approvers)
    own = known(recipients, directory, [*(row.person for row in approvers), owner])
    amount = opening.amount.of(opening.content)
    limited = {person for person, limit in own.items() if not limits.may_approve(limit, amount)}
    over = [row for row in approvers if row.person.id in limited]
    return Split(
        able=[row for row in approvers if row.person.id not in limited],
        shown=[row for row in over if _is_named(row)],
        notes=tuple(_notes(amount, over, own)),
        limits=own,
    )


def may_approve(split: Split, opening: Opening, person: Person) -> bool:
    """Return whether a person may approve the amount of a request that opens."""
    limit = split.limits.get(person.id)
    return opening.amount is None or limits.may_approve(limit, opening.amount.of(opening.content))


def with_shown(circle: Circle, split: Split) -> Circle:
    """Return the people of a request with those who are only shown it."""
    present = {row.person.id for row in circle.approvers}
    shown = [row for row in split.shown if row.person.id not in present]
    return replace(circle, approvers=(*circle.approvers, *shown))


def with_limits(opening: Opening, limits: Mapping[str, Limit]) -> Opening:
    """Return the request that opens with the limits of its people, which are stored with it."""
    if opening.amount is None or not limits:
        return opening
    return replace(opening, amount=opening.amount.with_limits(limits))


def refreshed(recipients: Recipients, directory: Directory, request: Request) -> Request:
    """Return a request with the limits of its people as they are now. Raises `NeedsDirectory`."""
    if request.amount is None:
        return request
    own = known(recipients, directory, [row.person for row in request.approvers])
    return replace(request, amount=request.amount.with_limits(own))


def suffices(recipients: Recipients, directory: Directory, request: Request, person: Person) -> bool:
    """Return whether a person may approve the amount of an open request. Raises `NeedsDirectory`."""
    if request.amount is None:
        return True
    limit = known(recipients, directory, [person]).get(person.id)
    return limits.may_approve(limit, request.amount.of(request.content))


def _roles(directory: Directory) -> list[Reference]:
    """Return the references to the members of all roles with a limit."""
    roles = directory.limits() if isinstance(directory, KnowsLimits) else {}
    return [Reference(ROLE, role, f"{ROLE}:{role}").as_members for role in roles]


def _is_named(approver: Approver) -> bool:
    """Return whether the gate names this one person, and not only a group or a role of theirs."""
    return any(reference.is_address or reference.is_keyword for reference in references_of(approver))


def _notes(amount: Money | CannotTell, over: Sequence[Approver], own: Mapping[str, Limit]) -> Iterator[str]:
    if isinstance(amount, CannotTell) and over:
        yield f"Signoff could not tell the amount, so it counts as above every limit: {amount}"
    by_limit: dict[str, dict[bool, list[str]]] = {}
    for row in over:
        by_named = by_limit.setdefault(limits.write(own[row.person.id]), {})
        by_named.setdefault(_is_named(row), []).append(row.person.label)
    for text, by_named in by_limit.items():
        for is_named, names in by_named.items():
            who = " and ".join(names) if len(names) <= _PAIR else join_names(names[:_MOST_NAMED], len(names))
            verb = "is" if len(names) == 1 else "are"
            follows = "can only reject this" if is_named else f"{verb} not asked"
            yield f"{who} may approve up to {text} and {follows}."
