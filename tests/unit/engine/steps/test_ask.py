"""`ask`: what its `with` may hold, and that only the engine runs it."""

from __future__ import annotations

import pytest

from engine import workflowfile
from engine.errors import DefinitionError
from engine.steps import registry
from engine.steps.ask import AskStep
from engine.steps.set import SetParams
from tests.support.http_calls import context

FILE = "name: approvals\nowner: sam@example.com\nsteps:\n  - {id: call, uses: ask, with: WITH}\n"


@pytest.mark.parametrize(
    ("with_", "sentence"),
    [
        ("{valid: 1h}", "An ask has no `valid`; under `with` it has `valid_for`, `outcome_within` and `refuse`."),
        ("{valid_for: 60}", "This must be a text."),
        ("{outcome_within: soon}", "Here 'soon' is not a duration; write it like 90s, 15m, 4h, 2d, 1w or 1h30m."),
        ('{valid_for: "{{ ask.risk }}"}', "This is plain text; expressions do not work here."),
        ('{refuse: "{{ ask.color }}"}', "`ask` has no `color`."),
    ],
)
def test_what_an_ask_cannot_have_is_said(with_: str, sentence: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        workflowfile.load(FILE.replace("WITH", with_).encode(), kinds=registry.builtin())
    assert [problem.message for problem in raised.value.problems][:1] == [sentence]


def test_all_of_it_together() -> None:
    with_ = '{valid_for: 1h30m, outcome_within: 90s, refuse: "No {{ ask.tool }}."}'
    workflow = workflowfile.load(FILE.replace("WITH", with_).encode(), kinds=registry.builtin())
    assert workflow.is_asked


async def test_only_the_engine_runs_it() -> None:
    step = AskStep()
    assert step.content({"amount": 1}) == {"amount": None}
    with pytest.raises(TypeError, match="is run by the engine itself"):
        await step.run(SetParams(), context())
