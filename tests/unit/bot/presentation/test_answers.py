"""The question about a call of unknown outcome, and its answers."""

from __future__ import annotations

from bot.presentation import answers
from engine.domain import ResumeAnswer


def test_the_question_names_the_step_in_words() -> None:
    assert answers.question("Pay the rent") == "Did “Pay the rent” happen?"
    assert answers.question("pay_rent") == "Did “Pay rent” happen?"
    assert answers.question("x\nAnswered") == "Did “x Answered” happen?"


def test_every_answer_has_a_label_and_says_what_it_leads_to() -> None:
    assert set(answers.LABELS) == set(answers.CONSEQUENCES) == set(ResumeAnswer)
