"""The titles of steps, read without compiling the file."""

from __future__ import annotations

import pytest

from engine.workflowfile import load_step_labels
from tests.support.workflow_files import load_workflow

FILE = """\
name: refund
steps:
  - {id: pay, uses: http, title: Pay the refund, with: {url: "https://example.com"}}
  - {id: tell_them, uses: set, with: {text: hello}}
  - {id: ask, uses: form, title: "How long, {{ run.requester }}?", fields: {days: integer}, approvers: [owner]}
"""


def test_the_labels_are_those_of_the_compiled_workflow() -> None:
    labels = load_step_labels(FILE.encode())
    assert labels == {"pay": "Pay the refund", "tell_them": "Tell them", "ask": "Ask"}
    assert labels == {step.id: step.label for step in load_workflow(FILE).steps}


@pytest.mark.parametrize(
    "source",
    ["", "[", "[1]", "name: x", "steps: 1", "steps: [1, {title: No id}, {id: 2}]", "steps: [{id: [a]}]"],
)
def test_a_file_that_cannot_be_read_any_more_has_no_labels(source: str) -> None:
    assert load_step_labels(source.encode()) == {}


def test_a_title_that_is_no_text_is_not_a_title() -> None:
    assert load_step_labels(b"steps: [{id: pay, title: [a]}]") == {"pay": "Pay"}


def test_steps_inside_steps_have_their_titles_too() -> None:
    source = b"""
name: a
steps:
  - id: size
    title: How much?
    uses: branch
    paths:
      large: {when: true, steps: [{id: one, title: The first, uses: set}, {id: two_of_it, uses: set}]}
    otherwise: [{id: rest, title: The rest, uses: set}]
  - {id: each, uses: foreach, steps: [{id: pay, title: Pay, uses: set}]}
"""
    assert load_step_labels(source) == {
        "size": "How much?",
        "one": "The first",
        "two_of_it": "Two of it",
        "rest": "The rest",
        "each": "Each",
        "pay": "Pay",
    }
