"""The names of the people of a request."""

from __future__ import annotations

import pytest

from bot.presentation import people, request_card
from engine.domain import Approver
from engine.read_models import RequestView
from engine.requests import Policy, Separation
from tests.support import samples


@pytest.mark.parametrize(
    ("names", "closed", "sentence"),
    [
        ([], False, "No approver is left."),
        ([], True, ""),
        (["Ada"], False, "Ada can decide."),
        (["Ada"], True, "Ada was asked."),
        (["Ada", "Ben"], False, "Ada or Ben can decide."),
        (["Ada", "Ben", "Cleo"], True, "Ada, Ben and Cleo were asked."),
        ([*"ABCDEF"], True, "A, B, C, D, E and F were asked."),
        ([*"ABCDEFG"], False, "A, B, C, D, E or 2 more people can decide."),
    ],
)
def test_who_was_asked_is_one_short_sentence(names: list[str], closed: bool, sentence: str) -> None:
    assert people.asked(names, closed=closed) == sentence


def test_a_form_is_answered_and_not_decided() -> None:
    assert people.asked(["Ada", "Ben"], closed=False, is_form=True) == "Ada or Ben can answer."


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["Ada"], "Ada"),
        (["Ada", "Ben", "Cleo"], "Ada, Ben and Cleo"),
        (["A" * 30, "B" * 30], f"{'A' * 30} and {'B' * 30}"),
        (["A" * 9, "B" * 9, "C" * 9], f"{'A' * 9}, {'B' * 9} and 1 more person"),
        ([*"ABCDEFG"], "A, B, C, D, E and 2 more people"),
    ],
)
def test_names_that_do_not_fit_are_a_number_and_never_cut(names: list[str], text: str) -> None:
    assert people.joined(names, "and", room=20) == text


def handed_on(to: str) -> RequestView:
    rows = (Approver(samples.LEE, "approver", handed_to=to), Approver(samples.KIM, "approver"))
    return samples.counted(samples.QUORUM, approvers=(*rows, Approver(samples.MIA, "approver")))


def test_the_successor_reads_in_whose_place_they_decide() -> None:
    request = handed_on("Mia")
    assert people.predecessors(request, samples.MIA) == ["Lee"]
    assert people.predecessors(request, samples.KIM) == []
    assert people.predecessors(request, None) == []
    assert people.successor(request, samples.LEE) == "Mia"
    assert people.predecessors(request, samples.LEE) == []
    assert ("You decide in the place of Lee.",) in request_card.request_card(request, samples.MIA).lead
    assert people.passed_on(request) == ["Lee to Mia"]
    (fact,) = [fact for fact in request_card.request_card(request).details if fact.label == "Passed on"]
    assert fact.text == ("Lee to Mia",)


def test_the_people_who_can_decide_are_named_once() -> None:
    counted, plain = samples.counted(samples.QUORUM), samples.counted(Policy())
    assert people.of_card(request_card.request_card(counted, samples.LEE)) == ""
    assert people.of_card(request_card.request_card(plain, samples.LEE)) == "Lee, Kim or Mia can decide."
    # A shared copy mentions them.
    shared = request_card.request_card(counted, shared=True)
    assert people.of_card(shared) == "Lee, Kim or Mia can decide."
    assert not any("Waiting for" in str(part) for phrase in shared.lead for part in phrase)
    own = samples.counted(Policy(), changed_by=samples.LEE, separation=Separation(editor=True))
    assert people.of_card(request_card.request_card(own, samples.LEE)) == ""
