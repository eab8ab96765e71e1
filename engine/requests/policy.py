"""How many approvers have to agree, and how far the approvals of a request have come. Pure.

One rejection ends a request under every policy, so only approvals are counted here. Persons are counted, never
addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from engine.assignment import largest_matching
from engine.domain import Approver, Person, PolicyKind


class Policy(Struct, frozen=True, kw_only=True):
    """The rule by which approvals close a request. `needed`: how many of them, written down when the request opened.

    With `all` this number never falls, so that a request cannot be approved because an approver left. In a chain each
    group gives one approval, in order.
    """

    kind: PolicyKind = PolicyKind.ANY
    needed: int = 1

    @property
    def counts_votes(self) -> bool:
        """Return whether one approval may not be enough, so that approvals are kept until others follow."""
        return self.needed > 1

    @property
    def is_chain(self) -> bool:
        return self.kind is PolicyKind.CHAIN


ANY_ONE: Final = Policy()


class Vote(Struct, frozen=True):
    """An approval of the current content, while others are missing."""

    person: Person
    at: datetime
    reason: str | None = None


class Tally(Struct, frozen=True, kw_only=True):
    """How far the approvals of a request have come.

    `waiting`: the approvers who can decide now and did not approve yet. `open`: the approvals that are missing, at
    least one while the request waits. `short`: how many of them no approver can give any more.
    """

    needed: int
    votes: tuple[Vote, ...]
    waiting: tuple[Approver, ...]
    short: int = 0
    group: int = 0
    """The group of a chain that is asked, from 0; 0 under other policies."""
    is_chain: bool = False

    @property
    def is_complete(self) -> bool:
        return len(self.votes) >= self.needed

    @property
    def is_all_needed(self) -> bool:
        """Return whether each of the people who are asked has to approve. Of the group of a chain, one is enough."""
        return not self.is_chain and len(self.waiting) + len(self.votes) <= self.needed

    def is_asked(self, person: str) -> bool:
        """Return whether this person can approve now."""
        return any(approver.person.id == person for approver in self.waiting)

    def vote_of(self, person: str) -> Vote | None:
        """Return the approval that this person gave, or None."""
        return next((vote for vote in self.votes if vote.person.id == person), None)


def tally(policy: Policy, approvers: Sequence[Approver], votes: Sequence[Vote]) -> Tally:
    """Return how far `votes` have come, the oldest first, among these approvers."""
    voted = {vote.person.id for vote in votes}
    left = [approver for approver in approvers if approver.may_decide and approver.person.id not in voted]
    if not policy.is_chain:
        missing = max(policy.needed - len(votes), 0)
        waiting = tuple(left) if missing else ()
        return Tally(needed=policy.needed, votes=tuple(votes), waiting=waiting, short=max(missing - len(waiting), 0))
    group = len(votes)
    later = [[row.person.id for row in left if at in row.groups] for at in range(group, policy.needed)]
    return Tally(
        needed=policy.needed,
        votes=tuple(votes),
        waiting=tuple(approver for approver in left if group in approver.groups) if group < policy.needed else (),
        short=len(later) - largest_matching(later),
        group=min(group, policy.needed - 1),
        is_chain=True,
    )
