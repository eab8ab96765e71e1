"""Separation of duties: which of the people that a gate names are left out, and who is asked in their place. Pure.

Persons are compared, never addresses: the directory has joined the addresses of each person before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.domain import Approver, Person, PolicyKind, RequesterRule
from engine.requests.policy import ANY_ONE, Policy, tally

OWNER_INSTEAD: Final = "owner, because no other approver can be asked"
"""The rule by which the owner of a workflow decides in the place of approvers who cannot be asked."""


class Separation(Struct, frozen=True, kw_only=True):
    """Who may not decide. `editor`: a person who changed the content approves no version of it.

    `barred`: the ids of people who never decide, also if the gate names them.
    """

    requester: RequesterRule = RequesterRule.LAST
    editor: bool = False
    barred: tuple[str, ...] = ()


ALL_ALLOWED: Final = Separation(requester=RequesterRule.ALLOWED)


class Circle(Struct, frozen=True, kw_only=True):
    """The people of a request that is about to open.

    `policy` has the number of approvals that are needed. `left_out`: the requester, if they are named and may not
    decide. `with_owner`: whether the owner is among them only because approvers are missing. `short`: how many
    approvals no one can give.
    """

    approvers: tuple[Approver, ...]
    policy: Policy = ANY_ONE
    left_out: Approver | None = None
    with_owner: bool = False
    short: int = 0

    @property
    def first_asked(self) -> tuple[Approver, ...]:
        """The approvers who are asked at once: of a chain, those of its first group."""
        return tally(self.policy, self.approvers, ()).waiting if self.policy.is_chain else self.approvers


def circle(
    named: Sequence[Approver],
    policy: Policy,
    separation: Separation,
    *,
    requester: str | None,
    owner: Person,
    owner_is_able: bool = True,
) -> Circle:
    """Return who is asked of the people that a gate names.

    The owner joins if approvals are missing. `all` needs one approval of each person who is asked; a quorum and a chain
    need as many as their gate says. `owner_is_able`: whether the owner could prove who they are.
    """
    named = [approver for approver in named if approver.person.id not in separation.barred]
    asked, left_out = _without_requester(named, separation, requester)
    policy = replace(policy, needed=max(len(asked), 1)) if policy.kind is PolicyKind.ALL else policy
    short = tally(policy, asked, ()).short
    may_help = owner_is_able and may_stand_in(owner, separation, requester, others=bool(asked))
    helped = with_owner(asked, policy, owner) if short and may_help else None
    if helped is not None:
        # With the owner there is another person than the requester.
        asked, also_left_out = _without_requester(helped, separation, requester)
        left_out, short = left_out or also_left_out, tally(policy, asked, ()).short
    elif not asked and left_out is not None and separation.requester is RequesterRule.LAST:
        # There is really no other person.
        asked, left_out = (left_out,), None
        short = tally(policy, asked, ()).short
    return Circle(approvers=asked, policy=policy, left_out=left_out, with_owner=helped is not None, short=short)


def without_authors(
    named: Sequence[Approver], authors: Collection[str], editors: Collection[str] = ()
) -> tuple[tuple[Approver, ...], tuple[str, ...]]:
    """Return the approvers whose wording is not in what is shown now, and a note about each of the others.

    `authors`: the ids of the people who asked for changes, and `editors`: of those who changed it after a failure,
    where the gate excludes editors.
    """
    own = [approver for approver in named if approver.person.id in {*authors, *editors}]
    notes = (
        f"{approver.person.label} {'changed this' if approver.person.id in editors else 'asked for these changes'}, "
        "so others decide."
        for approver in own
    )
    return tuple(approver for approver in named if approver not in own), tuple(notes)


def with_owner(asked: Sequence[Approver], policy: Policy, owner: Person) -> tuple[Approver, ...] | None:
    """Return the approvers with the owner, who stands in for all that are missing, or None if that changes nothing."""
    groups = tuple(range(policy.needed)) if policy.is_chain else (0,)
    present = next((approver for approver in asked if approver.person.id == owner.id), None)
    if present is None:
        return *asked, Approver(owner, OWNER_INSTEAD, groups=groups)
    if not present.may_decide or present.groups == groups:
        return None
    return tuple(replace(approver, groups=groups) if approver is present else approver for approver in asked)


def _without_requester(
    named: Sequence[Approver], separation: Separation, requester: str | None
) -> tuple[tuple[Approver, ...], Approver | None]:
    """Return the approvers without the requester, who stays in the groups of a chain in which no one else is."""
    own = next((approver for approver in named if approver.person.id == requester), None)
    if own is None or separation.requester is RequesterRule.ALLOWED:
        return tuple(named), None
    others = tuple(approver for approver in named if approver is not own)
    if separation.requester is RequesterRule.NEVER:
        return others, own
    shared = {group for approver in others for group in approver.groups}
    alone = tuple(group for group in own.groups if group not in shared)
    if not alone:
        return others, own
    return tuple(replace(own, groups=alone) if approver is own else approver for approver in named), None


def is_left_out(
    approvers: Sequence[Approver], separation: Separation, requester: str | None, approver: Approver
) -> bool:
    """Return whether an approver of an open request is barred, or is the requester, and may not decide it."""
    if approver.person.id in separation.barred:
        return True
    if approver.person.id != requester or separation.requester is RequesterRule.ALLOWED:
        return False
    if separation.requester is RequesterRule.NEVER:
        return True
    others = [row for row in approvers if row.person.id != requester and row.may_decide]
    return {group for row in others for group in row.groups} >= set(approver.groups)


def may_stand_in(owner: Person, separation: Separation, requester: str | None, *, others: bool) -> bool:
    """Return whether the owner may decide in the place of missing approvers. `others`: whether others are asked."""
    if owner.id in separation.barred:
        return False
    if owner.id != requester:
        return True
    return separation.requester is RequesterRule.ALLOWED or (separation.requester is RequesterRule.LAST and not others)
