"""Who stands in for people who are away: their delegate, else a backup of the gate. Pure.

Delegates can be away too, and name each other: every chain is followed to its end, and a circle has no end that stands
in. A person who may not decide a request never stands in for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final, TypeAlias

from msgspec import Struct

from engine import timestamps
from engine.domain import Absence, Approver, Person, PolicyKind, RequesterRule
from engine.requests.model import Request
from engine.requests.policy import Policy
from engine.requests.separation import Separation
from engine.requests.succession import obstacle, open_places, rule_for

Absences: TypeAlias = Mapping[str, Absence]
"""The people who are away now, by id."""

AWAY: Final = " is away until "
"""What stands in each note that a person is away."""


class Replacement(Struct, frozen=True):
    """An approver who is away, and who decides in their place; None: they stay asked."""

    absent: Approver
    stand_in: Person | None


def delegate_of(person: str, absences: Absences) -> Person | None:
    """Return who decides for a person who is away: the first in their chain of delegates who is not, or None."""
    seen = {person}
    delegate = absences[person].delegate if person in absences else None
    while delegate is not None and delegate.id in absences:
        if delegate.id in seen:
            return None
        seen.add(delegate.id)
        delegate = absences[delegate.id].delegate
    return delegate


def replaced(
    named: Sequence[Approver],
    absences: Absences,
    backups: Sequence[Approver],
    *,
    policy: Policy,
    separation: Separation,
    requester: str | None,
    needs_account: bool = False,
) -> tuple[list[Approver], list[Replacement]]:
    """Return the approvers of a request that opens, with stand-ins for those who are away, and who was replaced.

    With the policy `any`, a delegate who is asked already decides for both. Other policies count persons, so that
    each place needs a person of its own. `needs_account`: a person without an account could not decide.
    """
    asked, replacements = list(named), list[Replacement]()
    for absent in named:
        if absent.person.id not in absences:
            continue
        others = {row.person.id for row in asked if row is not absent}
        barred = set() if policy.kind is PolicyKind.ANY else set(others)
        barred.update(separation.barred)
        if requester is not None and separation.requester is not RequesterRule.ALLOWED:
            barred.add(requester)
        candidates = _candidates(absent.person, absences, backups)
        able = [person for person in candidates if person.account is not None or not needs_account]
        stand_in = next((person for person in able if person.id not in barred), None)
        replacements.append(Replacement(absent, stand_in))
        if stand_in is not None:
            at = asked.index(absent)
            joins = [] if stand_in.id in others else [Approver(stand_in, rule_for(absent), groups=absent.groups)]
            asked[at : at + 1] = joins
    return asked, replacements


def successor(request: Request, approver: Approver, absences: Absences) -> Person | None:
    """Return who takes over the place of an approver of an open request, who is away or has left; None: no one."""
    if approver not in open_places(request):
        return None
    candidates = _candidates(approver.person, absences, request.backups)
    return next((person for person in candidates if obstacle(request, person) is None), None)


def _candidates(person: Person, absences: Absences, backups: Sequence[Approver]) -> list[Person]:
    """Return who can stand in for a person, the best first."""
    delegate = delegate_of(person.id, absences)
    candidates = [*([delegate] if delegate is not None else []), *(backup.person for backup in backups)]
    return [one for one in candidates if one.id not in absences and one.id != person.id]


def away_until(absence: Absence) -> str:
    """Return a clause that says until when a person is away, in their time zone. `after_return` reads it again."""
    zone = timestamps.find_zone(absence.person.zone) if absence.person.zone else None
    local = absence.ends_at.astimezone(zone or UTC)
    clock = "" if (local.hour, local.minute) == (0, 0) else f", {local:%H:%M}"
    return f"{_away(absence.person)}{local:%b} {local.day}{clock}{'' if zone or not clock else ' UTC'}"


def _away(person: Person) -> str:
    return f"{person.label}{AWAY}"


def after_return(note: str, person: Person) -> str:
    """Return a note of a request once this person is back. It is empty if it only said that they are away.

    If another person decides in their place, that stays.
    """
    if not note.startswith(_away(person)):
        return note
    _, _, others = note.removeprefix(_away(person)).partition(". ")
    return others.replace(" in their place", f" in the place of {person.label}")


def all_away(request: Request, absences: Absences) -> bool:
    """Return whether every person who is asked now is away."""
    waiting = request.tally.waiting
    return bool(waiting) and all(row.person.id in absences for row in waiting)
