"""What each person reads about a request that several people approve, and what they can do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from bot.presentation import progress, request_card
from engine.domain import Approver, Person, Phrase, PolicyKind
from engine.read_models import RequestView
from engine.requests import Policy, Separation
from tests.support import samples
from tests.support.examples import example_count
from tests.support.samples import ALL, CHAIN, KIM, LEE, MIA, QUORUM, counted

ANY = Policy()
EDITOR = Separation(editor=True)
SAM = samples.PERSON


def joined(phrases: list[Phrase]) -> str:
    """Return phrases as a text, with T for each moment."""
    return " ".join("".join(part if isinstance(part, str) else "T" for part in phrase) for phrase in phrases)


def verdicts(request: RequestView, reader: Person | None) -> str:
    """Return the first letters of what a reader can do."""
    return "".join(action.verdict[0] for action in request_card.request_card(request, reader).actions)


@pytest.mark.parametrize(
    ("request_", "reader", "sentence", "actions"),
    [
        (counted(ANY), LEE, "", "aer"),
        (counted(QUORUM), None, "2 of 3 have to approve. Waiting for Lee, Kim or Mia.", "aer"),
        (counted(QUORUM), LEE, "2 of 3 have to approve. Waiting for Lee, Kim or Mia.", "aer"),
        (counted(ALL), LEE, "All 3 have to approve. Waiting for Lee, Kim and Mia.", "aer"),
        (counted(QUORUM, LEE), None, "1 of 2: Lee approved, T. Waiting for Kim or Mia.", "aer"),
        (counted(QUORUM, LEE), SAM, "1 of 2: Lee approved, T. Waiting for Kim or Mia.", "aer"),
        (counted(QUORUM, LEE), KIM, "1 of 2: Lee approved, T. Waiting for you or Mia.", "aer"),
        (counted(QUORUM, LEE), LEE, "You approved this, T. 1 of 2 approvals so far. Waiting for Kim or Mia.", "r"),
        (counted(ALL, LEE), KIM, "1 of 3: Lee approved, T. Waiting for you and Mia.", "aer"),
        (counted(ALL, LEE, KIM), MIA, "2 of 3: Lee and Kim approved, last T. Waiting for you.", "aer"),
        (counted(ALL, LEE, KIM), LEE, "You approved this, T. 2 of 3: Kim approved too. Waiting for Mia.", "r"),
        (counted(CHAIN), KIM, "First you or Lee, then Mia.", "aer"),
        (counted(CHAIN), MIA, "First Lee or Kim, then you. You are asked after them.", ""),
        (counted(CHAIN, LEE), MIA, "1 of 2: Lee approved, T. Waiting for you.", "aer"),
        (counted(CHAIN, LEE), KIM, "1 of 2: Lee approved, T. Waiting for Mia. You don't need to do anything.", ""),
        (counted(CHAIN, LEE), LEE, "You approved this, T. 1 of 2 approvals so far. Waiting for Mia.", "r"),
        (
            counted(ANY, changed_by=LEE, separation=EDITOR),
            LEE,
            "You changed this, so another person has to approve it. Waiting for Kim or Mia.",
            "r",
        ),
        (counted(ANY, changed_by=LEE, separation=EDITOR), KIM, "", "aer"),
        (
            counted(QUORUM, LEE, approvers=(Approver(LEE, "approver"),)),
            None,
            "1 of 2: Lee approved, T. No one else can approve this, so it waits. "
            "The owner of the workflow has been notified.",
            "aer",
        ),
        (counted(QUORUM, approvers=(Approver(LEE, "approver", handed_to="Mia"), Approver(MIA, "a"))), LEE, None, ""),
    ],
)
def test_each_person_reads_how_far_it_is_and_can_do_what_is_their_turn(
    request_: RequestView, reader: Person | None, sentence: str | None, actions: str
) -> None:
    if sentence is not None:
        assert joined([*progress.sentences(request_, reader)]) == sentence
    assert verdicts(request_, reader) == actions


@pytest.mark.parametrize(
    ("request_", "reader", "sentence"),
    [
        (counted(QUORUM, LEE), LEE, "Your approval was saved: 1 of 2. Waiting for Kim or Mia."),
        (counted(CHAIN, LEE), LEE, "Your approval was saved: 1 of 2. Waiting for Mia."),
        (
            counted(QUORUM, LEE, changed_by=LEE),
            LEE,
            "Your approval and your change were saved: 1 of 2. Waiting for Kim or Mia.",
        ),
        (
            counted(ANY, changed_by=LEE, separation=EDITOR),
            LEE,
            "Your change was saved. Waiting for Kim or Mia.",
        ),
        (counted(QUORUM, LEE), None, "Your decision was saved. Waiting for Kim or Mia."),
    ],
)
def test_a_receipt_says_what_was_saved_and_who_is_missing(
    request_: RequestView, reader: Person | None, sentence: str
) -> None:
    assert joined([progress.saved(request_, reader)]) == sentence


@settings(max_examples=example_count(80), deadline=None)
@given(samples.counted_requests())
def test_only_those_whose_turn_it_is_can_approve(drawn: tuple[RequestView, Person]) -> None:
    request, reader = drawn
    waiting = {approver.person.id for approver in request.model.tally.waiting}
    is_approver = any(approver.person.id == reader.id for approver in request.approvers)
    can_approve = "a" in verdicts(request, reader)
    assert can_approve == (reader.id in waiting or not is_approver)
    text = joined([*progress.sentences(request, reader)])
    assert "\n" not in text
    assert ("Waiting for you" in text) <= (reader.id in waiting)
    if request.model.policy.kind is not PolicyKind.ANY:
        assert text
