"""What an answer of a language model is worth. Nothing is repaired, and nothing is chosen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fields import Field
from engine.json_values import Value
from engine.language_model import Draft, DraftEnd
from engine.steps.ai_answers import UsableAnswer, UselessAnswer, complaint, read_answer

FIELDS = {
    "subject": Field.model_validate("text"),
    "count": Field.model_validate({"type": "integer", "required": False}),
}
ANSWER: dict[str, Any] = {"subject": "Hello", "count": 3}

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["subject", "count", "x"]), inner),
    max_leaves=6,
)
_texts = _json.map(json.dumps) | st.text(max_size=20)


def read(*answers: str, **changes: Any) -> UsableAnswer | UselessAnswer:
    return read_answer(FIELDS, Draft(model="m", answers=answers, **changes), max_tokens=1_000)


@given(st.lists(_texts, max_size=3), st.sampled_from(DraftEnd))
def test_an_answer_is_used_only_if_it_is_whole_one_and_fits(answers: list[str], end: DraftEnd) -> None:
    answer = read(*answers, end=end)
    if isinstance(answer, UselessAnswer):
        assert answer.why
        assert answer.why.splitlines() == [answer.why]
        assert answer.why in complaint(answer)
        return
    assert end is DraftEnd.COMPLETE
    assert answers
    output = answer.output
    assert set(output) == {"subject", "count"}
    for text in answers:
        given_values = json.loads(text.strip().removeprefix("```json").removesuffix("```"))
        assert output["subject"] == given_values["subject"]
        assert output["count"] == given_values.get("count")


@pytest.mark.parametrize(
    "text",
    [
        '{"subject": "Hello", "count": 3}',
        '```json\n{"subject": "Hello", "count": 3}\n```',
        ' {"count": 3.0, "subject": "Hello"} ',
    ],
)
def test_the_spelling_of_the_json_does_not_matter(text: str) -> None:
    assert read(text) == UsableAnswer(ANSWER)
    assert read(text, json.dumps(ANSWER)) == UsableAnswer(ANSWER) or "3.0" in text


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "subject is missing."),
        ({"subject": 5}, "subject "),
        ({"subject": "a\nb"}, "subject "),
        ({"subject": "a", "count": "3"}, "count "),
        ({"subject": "a", "other": 1}, "“other”"),
        ([1], "The answer is not a JSON object."),
    ],
)
def test_the_reason_names_the_field(answer: Value, reason: str) -> None:
    useless = read(json.dumps(answer))
    assert isinstance(useless, UselessAnswer)
    assert reason in useless.why
    assert (useless.ask_again, useless.final) == (True, False)


def test_null_is_none_of_an_optional_field() -> None:
    assert read('{"subject": "a", "count": null}') == UsableAnswer({"subject": "a", "count": None})
