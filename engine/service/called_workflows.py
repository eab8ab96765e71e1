"""Checks of the workflows that the `run` steps of a workflow name, made when it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from engine import fields
from engine.errors import DefinitionError, InvalidValue, about
from engine.json_values import Value
from engine.store import workflows
from engine.store.port import Tx
from engine.workflowfile import Step, Workflow
from engine.workflowfile.phrases import list_names
from engine.workflowfile.step_kinds import RUN

Load = Callable[[Tx, str, int], Workflow]
_ABSENT: Final = "and there is no workflow of this name here. Register it first."
_NOT_TRIED: Final = (
    "and no file beside it has this name. Name its file with --with, or give this one `examples` and play them: "
    "signoff check --examples."
)
_MOST_READ: Final = 100
"""Maximum number of workflows that are read to find out whether one runs itself."""


def check(tx: Tx, load: Load, workspace: str, workflow: Workflow, *, is_trial: bool = False) -> list[str]:
    """Return a sentence for each `run` step that can never work. `is_trial`: only workflows in files are there."""
    wrong: dict[str, None] = {}
    for step in _run_steps(workflow):
        name = _called(step)
        try:
            target = _find(tx, load, workspace, name)
        except DefinitionError:
            wrong[f"The step {step.id} runs {name}, whose file this server cannot read any more."] = None
            continue
        if target is None:
            wrong[f"The step {step.id} runs {name}, {_NOT_TRIED if is_trial else _ABSENT}"] = None
        else:
            wrong |= dict.fromkeys(_wrong_inputs(step, target))
    circle = _find_circle(tx, load, workspace, workflow) if not wrong else ()
    if circle:
        wrong[f"{workflow.name} would run itself and never end: {_chain((*circle, workflow.name))}."] = None
    return list(wrong)


def _run_steps(workflow: Workflow) -> Iterator[Step]:
    return (step for step in workflow.steps if step.kind.name == RUN)


def _params(step: Step) -> Mapping[str, Value]:
    assert isinstance(step.params.value, dict)
    return step.params.value


def _called(step: Step) -> str:
    return str(_params(step)["workflow"])


def _find(tx: Tx, load: Load, workspace: str, name: str) -> Workflow | None:
    current = workflows.load_current_cached(tx, workspace, name)
    return None if current is None else load(tx, current.id, current.version)


def _wrong_inputs(step: Step, target: Workflow) -> Iterator[str]:
    """Yield a sentence for each input that the workflow does not take as the file gives it."""
    inputs = _params(step).get("inputs", {})
    if not isinstance(inputs, dict):
        return
    evaluated = {str(path[1]) for path, _ in step.params.templates if len(path) > 1}
    for name in inputs:
        if name not in target.inputs:
            known = f" It has {list_names(list(target.inputs), 'and')}." if target.inputs else ""
            yield f"The step {step.id} gives {target.name} the input {name}, which it does not have.{known}"
    for name, declared in target.inputs.items():
        if name in evaluated:
            continue
        try:
            if name in inputs:
                fields.validate(declared, inputs[name])
            else:
                fields.absent(declared)
        except InvalidValue as error:
            yield about(f"The step {step.id} runs {target.name}, whose input {name}", str(error))


def _find_circle(tx: Tx, load: Load, workspace: str, workflow: Workflow) -> tuple[str, ...]:
    """Return the workflows through which a workflow would run itself, beginning with it, or nothing."""
    paths: list[tuple[str, ...]] = [(workflow.name, _called(step)) for step in _run_steps(workflow)]
    seen: set[str] = set()
    while paths and len(seen) < _MOST_READ:
        path = paths.pop()
        if path[-1] == workflow.name:
            return path[:-1]
        if path[-1] in seen:
            continue
        seen.add(path[-1])
        try:
            called = _find(tx, load, workspace, path[-1])
        except DefinitionError:
            continue
        paths += [(*path, _called(step)) for step in _run_steps(called)] if called is not None else []
    return ()


def _chain(names: tuple[str, ...]) -> str:
    """Return which workflow runs which, as clauses."""
    return ", ".join(f"{above} runs {below}" for above, below in pairwise(names))
