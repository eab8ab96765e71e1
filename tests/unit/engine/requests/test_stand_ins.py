"""Who stands in for people who are away: any graph of delegates ends, and no one decides who may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine import requests
from engine.domain import Absence, Approver, Person, PolicyKind, RequesterRule
from engine.requests import ANY_ONE, Policy, Separation

NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)
PEOPLE = [Person(f"p{number}", f"Person {number}") for number in range(6)]
NAMES = st.sampled_from(PEOPLE)


def absence(person: Person, delegate: Person | None, *, ends_at: datetime = NOW + timedelta(days=2)) -> Absence:
    return Absence(id=person.id, person=person, starts_at=NOW, ends_at=ends_at, delegate=delegate)


AWAY = st.dictionaries(NAMES.map(lambda person: person.id), st.one_of(st.none(), NAMES), max_size=6).map(
    lambda named: {person: absence(Person(person, person), delegate) for person, delegate in named.items()}
)
NAMED = st.lists(NAMES, unique_by=lambda person: person.id, min_size=1, max_size=4)
POLICIES = st.sampled_from([ANY_ONE, Policy(kind=PolicyKind.ALL, needed=2), Policy(kind=PolicyKind.QUORUM, needed=2)])


@given(AWAY, NAMES)
def test_every_chain_of_delegates_ends_at_a_person_who_is_here(away: dict[str, Absence], person: Person) -> None:
    delegate = requests.delegate_of(person.id, away)
    assert delegate is None or delegate.id not in away


@given(AWAY, NAMED, NAMED, POLICIES, st.sampled_from(RequesterRule), NAMES)
def test_no_one_is_asked_twice_or_stands_in_who_may_not(
    away: dict[str, Absence],
    named: list[Person],
    backups: list[Person],
    policy: Policy,
    rule: RequesterRule,
    requester: Person,
) -> None:
    asked, replacements = requests.replaced(
        [Approver(person, person.name) for person in named],
        away,
        [Approver(person, person.name) for person in backups],
        policy=policy,
        separation=Separation(requester=rule),
        requester=requester.id,
    )
    persons = [row.person.id for row in asked]
    assert len(set(persons)) == len(persons)
    assert persons
    if policy.kind is not PolicyKind.ANY:
        assert len(persons) == len(named)
    assert {replacement.absent.person.id for replacement in replacements} == {one.id for one in named if one.id in away}
    for replacement in replacements:
        stand_in = replacement.stand_in
        assert stand_in is None or stand_in.id not in away
        if rule is not RequesterRule.ALLOWED:
            assert stand_in is None or stand_in.id != requester.id
        assert (replacement.absent.person.id in persons) is (stand_in is None)


def test_the_end_is_said_in_the_zone_of_the_person_who_is_away() -> None:
    lee = Person("lee", "Lee", zone="Asia/Kolkata")
    midnight = datetime(2026, 3, 5, 18, 30, tzinfo=UTC)
    assert requests.away_until(absence(lee, None, ends_at=midnight)) == "Lee is away until Mar 6"
    later = midnight + timedelta(hours=9)
    assert requests.away_until(absence(lee, None, ends_at=later)) == "Lee is away until Mar 6, 09:00"
    unknown = absence(Person("kim", "Kim"), None, ends_at=later)
    assert requests.away_until(unknown) == "Kim is away until Mar 6, 03:30 UTC"
