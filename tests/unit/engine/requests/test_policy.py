"""How far the approvals of a request have come, and who is left out when it opens: over any people and groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.assignment import largest_matching
from engine.domain import Approver, Person, PolicyKind, RequesterRule
from engine.requests import ANY_ONE, Circle, Policy, Separation, Vote, circle
from engine.requests.policy import Tally, tally
from engine.requests.separation import OWNER_INSTEAD, is_left_out, may_stand_in, with_owner

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMES = ("ann", "ben", "cleo", "dan", "eve")
OWNER = Person("sam", "Sam")

people = st.sampled_from(NAMES)
groups_of_chain = st.lists(st.lists(people, min_size=1, max_size=3, unique=True), min_size=1, max_size=4)
policies = st.one_of(
    st.just(ANY_ONE),
    st.just(Policy(kind=PolicyKind.ALL)),
    st.integers(1, 4).map(lambda needed: Policy(kind=PolicyKind.QUORUM, needed=needed)),
)
separations = st.builds(Separation, requester=st.sampled_from(RequesterRule), editor=st.booleans())


def person(name: str) -> Person:
    return Person(name, name.title())


def approvers(names: Sequence[str]) -> list[Approver]:
    return [Approver(person(name), name) for name in names]


def chain(groups: Sequence[Sequence[str]]) -> tuple[Policy, list[Approver]]:
    named = dict.fromkeys(name for group in groups for name in group)
    rows = [
        Approver(person(name), name, groups=tuple(at for at, group in enumerate(groups) if name in group))
        for name in named
    ]
    return Policy(kind=PolicyKind.CHAIN, needed=len(groups)), rows


def play(policy: Policy, rows: Sequence[Approver], order: Sequence[str]) -> tuple[list[Vote], Tally]:
    """Let people approve in an order, each if it is their turn. Return the approvals and where they lead."""
    votes: list[Vote] = []
    for name in order:
        state = tally(policy, rows, votes)
        if not state.is_complete and state.is_asked(name):
            votes.append(Vote(person(name), AT))
    return votes, tally(policy, rows, votes)


@given(policies, st.lists(people, min_size=1, max_size=5, unique=True), st.lists(people, max_size=12))
def test_a_person_counts_once_and_exactly_the_needed_approvals_close_it(
    policy: Policy, names: list[str], order: list[str]
) -> None:
    votes, state = play(policy, approvers(names), order)
    assert len({vote.person.id for vote in votes}) == len(votes) <= policy.needed
    assert {vote.person.id for vote in votes} <= set(names)
    assert state.is_complete is (len(votes) == policy.needed)
    assert not state.is_complete or state.waiting == ()
    assert state.short == max(policy.needed - len(names), 0)
    assert state.is_all_needed is (len(state.waiting) + len(votes) <= policy.needed)


@given(groups_of_chain, st.lists(people, max_size=12))
def test_a_chain_asks_only_the_group_whose_turn_it_is(groups: list[list[str]], order: list[str]) -> None:
    policy, rows = chain(groups)
    votes, state = play(policy, rows, order)
    for at, vote in enumerate(votes):
        assert vote.person.id in groups[at]
    if state.is_complete:
        assert (state.waiting, state.short, state.group) == ((), 0, len(groups) - 1)
        return
    voted = {vote.person.id for vote in votes}
    assert {row.person.id for row in state.waiting} == set(groups[len(votes)]) - voted
    assert state.group == len(votes)
    left = [set(group) - voted for group in groups[len(votes) :]]
    assert state.short == len(left) - largest_matching(left)


@given(groups_of_chain)
def test_a_matching_gives_each_group_a_member_of_its_own(groups: list[list[str]]) -> None:
    def best(at: int, used: frozenset[str]) -> int:
        if at == len(groups):
            return 0
        taken = [1 + best(at + 1, used | {name}) for name in groups[at] if name not in used]
        return max([best(at + 1, used), *taken])

    assert largest_matching(groups) == best(0, frozenset())


def test_a_person_who_left_or_handed_their_place_on_is_not_asked() -> None:
    ann, ben, cleo = approvers(("ann", "ben", "cleo"))
    rows = [replace(ann, excluded="the account is deactivated"), replace(ben, handed_to="Dan"), cleo]
    state = tally(Policy(kind=PolicyKind.ALL, needed=3), rows, [])
    assert [row.person.id for row in state.waiting] == ["cleo"]
    assert (state.short, state.is_complete) == (2, False)
    assert state.vote_of("cleo") is None


# -- who is left out ----------------------------------------------------------------------------------------


def open_circle(
    names: Sequence[str], policy: Policy, separation: Separation, requester: str | None, owner: Person = OWNER
) -> Circle:
    return circle(approvers(names), policy, separation, requester=requester, owner=owner)


@given(policies, separations, st.lists(people, max_size=4, unique=True), st.none() | people, st.booleans())
def test_the_requester_is_asked_only_as_the_rule_says(
    policy: Policy, separation: Separation, names: list[str], requester: str | None, is_owner: bool
) -> None:
    owner = person(requester) if is_owner and requester is not None else OWNER
    opened = open_circle(names, policy, separation, requester, owner)
    asked = {row.person.id for row in opened.approvers}
    others = asked - {requester}
    if separation.requester is RequesterRule.NEVER:
        assert requester is None or requester not in asked
    if separation.requester is RequesterRule.LAST and requester in asked:
        assert not others
    assert opened.policy.kind is policy.kind
    assert opened.short == tally(opened.policy, opened.approvers, ()).short
    # The owner stands in, unless they may not.
    if opened.short:
        assert owner.id in asked or owner.id == requester
    assert opened.with_owner is any(row.rule == OWNER_INSTEAD for row in opened.approvers)
    assert opened.first_asked == opened.approvers
    if opened.left_out is not None:
        assert opened.left_out.person.id == requester
    if policy.kind is PolicyKind.ALL:
        assert opened.policy.needed == max(len(set(names) - {opened.left_out and opened.left_out.person.id}), 1)


@given(groups_of_chain, st.sampled_from(RequesterRule), people)
def test_in_a_chain_the_requester_is_asked_only_where_no_one_else_is(
    groups: list[list[str]], rule: RequesterRule, requester: str
) -> None:
    policy, rows = chain(groups)
    opened = circle(rows, policy, Separation(requester=rule), requester=requester, owner=OWNER)
    own = next((row for row in opened.approvers if row.person.id == requester), None)
    if rule is RequesterRule.NEVER:
        assert own is None
    if own is not None and rule is RequesterRule.LAST:
        assert all(groups[at] == [requester] for at in own.groups)
    assert not opened.first_asked or all(0 in row.groups for row in opened.first_asked)
    for row in opened.approvers:
        left_out = is_left_out(opened.approvers, Separation(requester=rule), requester, row)
        assert left_out is False or (row.person.id == requester and opened.with_owner)


def test_an_owner_stands_in_for_every_group_of_a_chain() -> None:
    policy, rows = chain([["ann"], ["ann"]])
    joined = with_owner(rows, policy, OWNER)
    assert joined is not None
    assert joined[-1].groups == (0, 1)
    assert with_owner(joined, policy, OWNER) is None
    of_one_group = (*joined[:-1], replace(joined[-1], groups=(0,)))
    again = with_owner(of_one_group, policy, OWNER)
    assert again is not None
    assert again[-1].groups == (0, 1)
    gone = (*joined[:-1], replace(joined[-1], excluded="the account is deactivated"))
    assert with_owner(gone, policy, OWNER) is None


def test_an_owner_who_asks_stands_in_only_for_no_one() -> None:
    last, never = Separation(), Separation(requester=RequesterRule.NEVER)
    allowed = Separation(requester=RequesterRule.ALLOWED)
    assert may_stand_in(OWNER, never, "ann", others=True)
    assert may_stand_in(OWNER, last, "sam", others=False)
    assert not may_stand_in(OWNER, last, "sam", others=True)
    assert not may_stand_in(OWNER, never, "sam", others=False)
    assert may_stand_in(OWNER, allowed, "sam", others=True)
