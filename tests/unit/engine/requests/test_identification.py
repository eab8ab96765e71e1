"""What identifies the person who decides, and what confirms the decision itself."""

from __future__ import annotations

from typing import Final

import pytest
from msgspec.structs import replace

from engine import requests
from engine.domain import (
    Address,
    Approver,
    Assurance,
    ConfirmElsewhere,
    NeedsCode,
    NeedsSignIn,
    Person,
    ReasonMissing,
    Refusal,
    ReviewPoint,
    Verdict,
)
from engine.requests import RevisionOffer, Ruling
from tests.support.run_in_memory import LEE, decide, opening_of, request_of

GATED_STEP: Final = "- {id: words, uses: set, with: {text: draft}, gate: {reason_required: never}}"
LINK, CODE, SSO, SLACK, TERMINAL = (
    Assurance.LINK,
    Assurance.CODE,
    Assurance.SSO,
    Assurance.SLACK,
    Assurance.TERMINAL,
)
LEES_EMAIL: Final = NeedsCode(address="lee@example.com")


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize(
    ("needed", "wanted", "given", "confirmed", "refusal"),
    [
        (LINK, None, LINK, None, None),
        (CODE, None, LINK, None, LEES_EMAIL),
        (CODE, None, CODE, None, None),
        (CODE, None, TERMINAL, None, None),
        (SSO, None, LINK, None, NeedsSignIn()),
        (SSO, None, CODE, None, NeedsSignIn()),
        (SSO, None, SSO, None, None),
        (SSO, None, SLACK, None, None),
        (SSO, None, TERMINAL, None, ConfirmElsewhere(how=SSO)),
        (SSO, None, TERMINAL, SSO, None),
        (LINK, CODE, LINK, None, LEES_EMAIL),
        (CODE, CODE, CODE, None, LEES_EMAIL),
        (CODE, CODE, CODE, CODE, None),
        (CODE, CODE, SSO, SSO, None),
        (CODE, CODE, TERMINAL, None, ConfirmElsewhere(how=CODE)),
        (CODE, SSO, LINK, None, NeedsSignIn()),
        (CODE, SSO, CODE, CODE, NeedsSignIn()),
        (SSO, CODE, SSO, None, NeedsSignIn()),
        (SSO, CODE, SSO, SSO, None),
        (SSO, CODE, SLACK, None, LEES_EMAIL),
        (SSO, CODE, SLACK, CODE, None),
        (SSO, CODE, TERMINAL, None, ConfirmElsewhere(how=SSO)),
        (CODE, SSO, SLACK, None, NeedsSignIn()),
        (CODE, SSO, SLACK, SSO, None),
        (CODE, SSO, TERMINAL, None, ConfirmElsewhere(how=SSO)),
        (SSO, SSO, SSO, None, NeedsSignIn()),
    ],
)
def test_a_decision_counts_with_the_identification_that_its_gate_wants(
    needed: Assurance,
    wanted: Assurance | None,
    given: Assurance,
    confirmed: Assurance | None,
    refusal: Refusal | None,
    verdict: Verdict,
) -> None:
    request = request_of(opening_of(GATED_STEP), assurance=needed, confirm_with=wanted, revision=RevisionOffer(left=1))
    if verdict is Verdict.SKIP:
        request = replace(request, subject=replace(request.subject, at=ReviewPoint.FAILED))
    answer = decide(request, assurance=given, confirmed=confirmed, verdict=verdict, reason="because")
    assert answer == refusal if refusal is not None else isinstance(answer, Ruling)


def test_a_code_for_a_person_who_decides_in_a_messenger_goes_to_their_email() -> None:
    request = request_of(opening_of(GATED_STEP), confirm_with=CODE)
    slack = Address("slack", "U0225G7YX4C")
    assert decide(request, actor=slack, assurance=SLACK) == LEES_EMAIL
    without_email = Person(id=LEE.id, name="Lee", addresses=(slack,))
    asked = request_of(opening_of(GATED_STEP), confirm_with=CODE, approvers=(Approver(without_email, "U0225G7YX4C"),))
    assert decide(asked, person=without_email, actor=slack, assurance=SLACK) == NeedsCode(address="")


def test_a_code_is_asked_for_only_if_nothing_else_is_left_to_fix() -> None:
    step = GATED_STEP.replace("never", "always")
    request = request_of(opening_of(step), confirm_with=CODE)
    assert decide(request, assurance=CODE) == ReasonMissing(verdict=Verdict.APPROVE)


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("Approve", "Approved: Pay the rent?"),
        ("Reject", "Rejected: Pay the rent?"),
        ("Submit", "Submitted: Pay the rent?"),
        ("Send email", "Send email: Pay the rent?"),
    ],
)
def test_a_signature_means_what_the_button_said_about_the_question(label: str, meaning: str) -> None:
    assert requests.meaning(label, "Pay the rent?") == meaning
