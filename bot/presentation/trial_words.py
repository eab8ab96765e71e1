"""What each step of a workflow would do in a trial, and who would be asked, as sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.presentation import characters, dates, labels, people, states
from engine import fields
from engine.domain import StepStatus
from engine.json_values import Value
from engine.references import OWNER
from engine.runs.examples import PlayedExample
from engine.runs.sample_inputs import sample_inputs
from engine.workflowfile import Step, Workflow
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.workflow import Example

MADE_UP: Final = "Made-up inputs"
_OF_A_STEP: Final = "steps."
_UNKNOWN: Final = "How the run ends depends on the answer of a call, and a trial calls nothing."
_ALONE: Final = "It would run without asking anyone."


@dataclass(frozen=True, slots=True)
class TrialStep:
    """What a step would do. `number`: as the steps are listed, from 1."""

    number: int
    title: str
    sentence: str


def example(workflow: Workflow) -> Example:
    """Return the first example of a workflow, or one with made-up inputs."""
    return next(iter(workflow.examples), None) or Example(name=MADE_UP, inputs=sample_inputs(workflow.inputs))


def own(workflow: Workflow, inputs: Mapping[str, Value]) -> Example:
    """Return an example with inputs of one's own. Calls return what the examples of the file say."""
    outputs: dict[str, Mapping[str, Value]] = {}
    for each in workflow.examples:
        outputs = {**each.outputs, **outputs}
    return Example(name="Your inputs", inputs=dict(inputs), outputs=outputs)


def steps(workflow: Workflow, played: PlayedExample, names: Mapping[str, str]) -> list[TrialStep]:
    """Return what each step would do. `names`: of the approvers that the file names, by their text."""
    return [
        TrialStep(number, labels.in_words(step.label), " ".join(_sentences(step, played, names)))
        for number, step in enumerate(workflow.steps, start=1)
        if not workflow.is_asked or step.id in played.statuses
    ]


def _sentences(step: Step, played: PlayedExample, names: Mapping[str, str]) -> Iterator[str]:
    rules, status = played.asked.get(step.id), played.statuses.get(step.id)
    if rules is not None:
        who = _who(rules, names)
        fills_in = step.kind.name == FORM
        yield f"Signoff would ask {who} to fill it in." if fills_in else f"Signoff would ask {who}."
    if step.id in played.called:
        yield "Then it would run." if rules is not None else _ALONE
    elif status is StepStatus.SKIPPED:
        yield "It would be skipped."
    elif status is StepStatus.STOPPED:
        yield "It is not approved here, so it would not run." if rules is not None else "It would not run."
    elif rules is None and status is StepStatus.SUCCEEDED:
        yield _ALONE
    elif rules is None and status is None:
        yield "The run would not come to it."
    if status is StepStatus.FAILED and played.error:
        yield _why(played.error)


def _who(rules: Sequence[str], names: Mapping[str, str]) -> str:
    return people.joined([_name(rule, names) for rule in rules], "and") if rules else "the owner"


def end(played: PlayedExample) -> str:
    """Return how the run ends, as a sentence; empty if a trial cannot say it."""
    if _OF_A_STEP in played.error:
        return f"{_UNKNOWN} An example in the file can say what the call would answer."
    failed_in_a_step = StepStatus.FAILED in played.statuses.values()
    why = f" {_why(played.error)}" if played.error and not failed_in_a_step else ""
    clause = "" if played.ends is None else f"The run {states.RUN_CLAUSES[played.ends]}."
    return f"{clause}{why}".strip()


def _why(error: str) -> str:
    if _OF_A_STEP in error:
        return "It uses the answer of a call, and a trial calls nothing."
    return characters.line(error)


def inputs(workflow: Workflow, given: Mapping[str, Value]) -> list[str]:
    """Return the inputs with their labels: “Amount: 20 EUR”."""
    known = {name: value for name, value in given.items() if name in workflow.inputs and value not in (None, "")}
    return [
        f"{labels.of_field(workflow.inputs[name].label, name)}: "
        f"{dates.in_words(fields.show(workflow.inputs[name].type, value))}"
        for name, value in known.items()
    ]


def _name(rule: str, names: Mapping[str, str]) -> str:
    """Return an approver by name, or as the file names them; of an expression, what it is about."""
    bare = rule.removeprefix("{{").removesuffix("}}").strip()
    if bare.startswith((_OF_A_STEP, "inputs.")):
        what = f"the person in “{labels.in_words(bare.rpartition('.')[2])}”"
        return f"{what}, as “{labels.in_words(bare.split('.')[1])}” answers" if bare.startswith(_OF_A_STEP) else what
    return characters.line(names.get(rule) or ("the owner" if rule == OWNER else rule))
