"""The largest number of groups that can each be given a member of its own. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def largest_matching(groups: Sequence[Collection[str]]) -> int:
    """Return how many of the groups can each get a member that no other group has (Kuhn's algorithm)."""
    taken: dict[str, int] = {}

    def give(group: int, tried: set[str]) -> bool:
        for member in groups[group]:
            if member in tried:
                continue
            tried.add(member)
            if member not in taken or give(taken[member], tried):
                taken[member] = group
                return True
        return False

    return sum(give(group, set()) for group in range(len(groups)))
