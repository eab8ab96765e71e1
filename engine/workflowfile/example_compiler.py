"""Compiler of the examples of a workflow file. It checks that they name steps of the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from engine.domain import RequestState, RunStatus
from engine.json_values import Path
from engine.workflowfile import ask_names
from engine.workflowfile.grammar import ExampleAnswerFile, ExampleFile
from engine.workflowfile.phrases import cite, suggest
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.workflow import Example, ExampleAnswer, Step

_STATES: Final = {
    "approve": RequestState.APPROVED,
    "reject": RequestState.REJECTED,
    "expire": RequestState.EXPIRED,
}
_FAILURE_STATES: Final = {
    "retry": RequestState.APPROVED,
    "skip": RequestState.SKIPPED,
    "stop": RequestState.REJECTED,
}


def compile_examples(
    report: ProblemReport, examples: Sequence[ExampleFile], steps: Sequence[Step]
) -> tuple[Example, ...]:
    """Return the examples of a file. Report names of steps that it does not have, or that have no gate."""
    seen: set[str] = set()
    for index, example in enumerate(examples):
        if example.name in seen:
            report.add(("examples", index, "name"), f"There are two examples with the name `{cite(example.name)}`.")
        seen.add(example.name)
        _check_steps(report, ("examples", index), example, steps)
    return tuple(_compile(example) for example in examples)


def _check_steps(report: ProblemReport, at: Path, example: ExampleFile, steps: Sequence[Step]) -> None:
    names, gated = [step.id for step in steps], [step.id for step in steps if step.gates]
    _check_names(report, (*at, "outputs"), example.outputs, names, "There is no step")
    _check_names(report, (*at, "failures"), example.failures, names, "There is no step")
    _check_failure_answers(report, (*at, "answers"), example, steps)
    _check_names(report, (*at, "answers"), example.answers, gated, "There is no step with a gate")
    _check_names(report, (*at, "expect", "asks"), example.expect.asks or (), gated, "There is no step with a gate")
    for name in example.ask:
        if name not in ask_names.NAMES:
            report.add((*at, "ask", name), f"An ask has no `{cite(name)}`.", suggest(name, ask_names.NAMES), at="key")
    for place, step in enumerate(example.expect.calls or ()):
        if step not in names:
            report.add((*at, "expect", "calls", place), f"There is no step `{cite(step)}`.", suggest(step, names))


def _check_failure_answers(report: ProblemReport, at: Path, example: ExampleFile, steps: Sequence[Step]) -> None:
    """Report answers to a failure of a step that asks no one about it, and others of a step without a gate."""
    for step in (step for step in steps if step.id in example.answers and step.gates):
        answers = [_answer(answer) for answer in example.answers[step.id]]
        if step.failure_gate is None and any(answer.about_failure for answer in answers):
            hint = "Add `on_error: ask` to the step."
            report.add((*at, step.id), "This step asks no one when it fails.", hint, at="key")
        if step.gate is None and not all(answer.about_failure for answer in answers):
            message = "This step has no gate, and asks only when it fails."
            report.add((*at, step.id), message, "Its answers are `retry`, `skip` and `stop`.", at="key")


def _check_names(report: ProblemReport, at: Path, named: Iterable[str], known: Sequence[str], sentence: str) -> None:
    for name in named:
        if name not in known:
            report.add((*at, name), f"{sentence} `{cite(name)}`.", suggest(name, known), at="key")


def _compile(example: ExampleFile) -> Example:
    expect = example.expect
    asks = None
    if expect.asks is not None:
        asks = {step: None if people is True else tuple(people) for step, people in expect.asks.items()}
    return Example(
        name=example.name,
        inputs=example.inputs,
        ask=example.ask,
        outputs=example.outputs,
        failures={step: tuple(errors) for step, errors in example.failures.items()},
        answers={step: tuple(map(_answer, answers)) for step, answers in example.answers.items()},
        asks=asks,
        calls=None if expect.calls is None else tuple(expect.calls),
        ends=RunStatus(expect.ends) if expect.ends is not None else None,
    )


def _answer(answer: str | ExampleAnswerFile) -> ExampleAnswer:
    if isinstance(answer, str) and answer in _FAILURE_STATES:
        return ExampleAnswer(state=_FAILURE_STATES[answer], about_failure=True)
    if isinstance(answer, str):
        return ExampleAnswer(state=_STATES[answer])
    if answer.retry:
        return ExampleAnswer(edits=answer.retry, about_failure=True)
    if answer.edit:
        return ExampleAnswer(edits=answer.edit)
    state = RequestState.REJECTED if answer.reject is not None else RequestState.CHANGES_REQUESTED
    return ExampleAnswer(state=state, reason=answer.reject if answer.reject is not None else answer.revise)
