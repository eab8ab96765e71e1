"""Who may rate what a request asked about, and how."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace

from engine.domain import Address, Assurance, CannotRate, Decide, GiveRating, NeedsCode, Origin, Person, Verdict
from engine.requests import ratings
from engine.requests.ratings import COMMENT_LENGTH, HIGHEST
from tests.support import samples

REQUEST = samples.request().model
LEE = REQUEST.approvers[0].person
STRANGER = Person("x", "Xu", (Address("email", "xu@example.com"),))
RATED = replace(REQUEST, feedback=True, closed_at=samples.NOW)


def command(rating: int = 3, comment: str | None = None, assurance: Assurance = Assurance.SLACK) -> GiveRating:
    return GiveRating(
        request="q1",
        rating=rating,
        comment=comment,
        actor=Address("email", "lee@example.com"),
        origin=Origin(surface="web"),
        assurance=assurance,
    )


@pytest.mark.parametrize(
    ("changes", "person", "deciders", "why"),
    [
        ({"feedback": False}, LEE, {LEE.id}, "off"),
        ({}, None, {LEE.id}, "not_yours"),
        ({}, STRANGER, {LEE.id}, "not_yours"),
        ({}, LEE, set(), "not_yours"),
        ({"closed_at": None}, LEE, set(), "not_yet"),
        ({"closed_at": None}, STRANGER, set(), "not_yours"),
    ],
)
def test_only_who_decided_may_rate(
    changes: dict[str, Any], person: Person | None, deciders: set[str], why: Any
) -> None:
    request = replace(RATED, **changes)
    assert ratings.check(request, command(), person, deciders) == CannotRate(why=why)


def test_a_link_alone_is_not_enough_where_a_decision_needs_a_code() -> None:
    by_link = command(assurance=Assurance.LINK)
    assert ratings.check(RATED, by_link, LEE, {LEE.id}) == NeedsCode(address="lee@example.com")
    open_to_links = replace(RATED, assurance=Assurance.LINK)
    assert ratings.check(open_to_links, by_link, LEE, {LEE.id}) is None


@given(
    st.none() | st.integers(-1, 7),
    st.none() | st.sampled_from(["", " ", "good", "x" * (COMMENT_LENGTH + 1)]),
    st.booleans(),
)
def test_a_rating_with_a_decision_needs_a_gate_that_asks_for_it(
    rating: int | None, comment: str | None, feedback: bool
) -> None:
    request = replace(REQUEST, feedback=feedback)
    decide = Decide(
        request=request.id,
        verdict=Verdict.APPROVE,
        actor=Address("email", "lee@example.com"),
        content_version=request.content_version,
        digest=request.digest,
        origin=Origin(surface="web"),
        assurance=Assurance.SLACK,
        rating=rating,
        comment=comment,
    )
    refusal = ratings.check_with_decision(request, decide)
    says_something = bool((comment or "").strip())
    if rating is None and not says_something:
        assert refusal is None
    elif not feedback:
        assert refusal == CannotRate(why="off")
    elif rating not in range(1, HIGHEST + 1):
        assert refusal == CannotRate(why="rating")
    else:
        too_long = len(comment or "") > COMMENT_LENGTH
        assert refusal == (CannotRate(why="too_long") if too_long else None)


@given(st.integers(-9, 9), st.none() | st.text(max_size=20) | st.just("x" * (COMMENT_LENGTH + 1)))
def test_a_rating_is_from_1_to_5_and_a_comment_has_its_limit(rating: int, comment: str | None) -> None:
    refusal = ratings.check(RATED, command(rating, comment), LEE, {LEE.id})
    if rating not in range(1, HIGHEST + 1):
        assert refusal == CannotRate(why="rating")
    elif len(comment or "") > COMMENT_LENGTH:
        assert refusal == CannotRate(why="too_long")
    else:
        assert refusal is None
    assert (
        ratings.cleaned(comment) is None or ratings.cleaned(comment) == (comment or "").replace("\0", "\ufffd").strip()
    )
