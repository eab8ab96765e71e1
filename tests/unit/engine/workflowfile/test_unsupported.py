"""Parts of the grammar that are not supported yet."""

from __future__ import annotations

import pytest

from engine.workflowfile import load
from engine.workflowfile.unsupported import AVAILABLE_VALUES
from tests.support.workflow_files import (
    FILES,
    KINDS,
    Page,
    gate_file,
    problems_of,
    step_file,
)


def test_the_example_of_the_format_is_supported() -> None:
    workflow = load((FILES / "outreach.yaml").read_bytes(), kinds=KINDS)
    assert [trigger.kind for trigger in workflow.triggers] == ["schedule", "webhook"]


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        (gate_file("assurance: sms"), "This must be `link`, `code` or `sso`, not `sms`. Did you mean `sso`?"),
        (gate_file("assurance: cod"), "This must be `link`, `code` or `sso`, not `cod`. Did you mean `code`?"),
        (gate_file("assurance: [link]"), "This must be `link`, `code` or `sso`, not a list."),
        (gate_file("holt: 1h"), "A gate has no key `holt`. Did you mean `hold`?"),
        (gate_file("expire: 1h"), "A gate has no key `expire`. Did you mean `expires`?"),
        (step_file("id: a\nuses: foreac"), "`run`, `set` and `wait`. Did you mean `foreach`?"),
    ],
)  # fmt: skip
def test_no_suggestion_leads_to_an_unsupported_key(source: str, sentences: str) -> None:
    (problem,) = problems_of(source)
    assert f"{problem.message} {problem.hint}".strip().endswith(sentences)


def test_the_keys_that_a_hint_lists_are_supported() -> None:
    (problem,) = problems_of(gate_file("xyz: 1"))
    assert "`expires`" in problem.hint
    assert not [
        key for key, available in AVAILABLE_VALUES["gate"].items() if not available and f"`{key}`" in problem.hint
    ]


def test_a_kind_that_a_distribution_brings_is_available() -> None:
    source = step_file("id: a\nuses: run\nwith: {to: x}").encode()
    page = Page()
    assert load(source, kinds=KINDS | {"run": page}).steps[0].kind is page
