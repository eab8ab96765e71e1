"""The labels of inputs, parameters and outputs, read from a registered file without compiling it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.errors import DefinitionError, ExpressionError
from engine.expressions import compile_value
from engine.fields import Field
from engine.json_values import Path, Value
from engine.workflowfile import yaml_tree
from engine.workflowfile.declarations import (
    NO_DECLARATIONS,
    Declarations,
    DeclarationSources,
    declarations_after_edits,
    declarations_of_fields,
    declarations_of_item,
    declarations_of_params,
)
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.draft_reader import read_draft
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.step_kinds import FORM, SET

Labels: TypeAlias = Mapping[Path, str]
"""The labels that the builder gave to parts of a value, by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLabels:
    """The labels of the values of a run. `params`, `outputs`: those of the steps by id."""

    inputs: Labels = field(default_factory=dict)
    params: Mapping[str, Labels] = field(default_factory=dict)
    outputs: Mapping[str, Labels] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    """The kinds of the steps by id."""
    repeats: Mapping[str, bool] = field(default_factory=dict)
    """Whether the file says of a step by id that repeating it is harmless."""


def load_value_labels(source: bytes) -> ValueLabels:
    """Return the labels of the values of runs of this file. A file that cannot be read any more has none."""
    try:
        draft = read_draft(ProblemReport(yaml_tree.read(source), registered=True))
    except DefinitionError:
        return ValueLabels()
    inputs = declarations_of_fields(draft.inputs or {})
    params, outputs, approved = dict[str, Declarations](), dict[str, Declarations](), dict[str, Declarations]()
    items = dict[int, Declarations]()
    sources = DeclarationSources(inputs=inputs, steps=outputs, approved=approved, items=items)
    for step in draft.steps:
        if step.id is not None:
            given = _declarations_of_params(step, sources.inside(step.frame))
            items[step.index] = declarations_of_item(given)
            params.setdefault(step.id, given)
            after = declarations_after_edits(step.edit or (), given)
            outputs.setdefault(step.id, _declarations_of_output(step, after))
            approved.setdefault(step.id, after)
    return ValueLabels(
        inputs=dict(_iter_labels(inputs)),
        params={step: dict(_iter_labels(declared)) for step, declared in params.items()},
        outputs={step: dict(_iter_labels(declared)) for step, declared in outputs.items()},
        uses={step.id: step.uses for step in draft.steps if step.id is not None and step.uses is not None},
        repeats={
            step.id: step.file.idempotent is True
            for step in draft.steps
            if step.id is not None and step.file is not None
        },
    )


def _declarations_of_params(step: StepDraft, sources: DeclarationSources) -> Declarations:
    if step.uses == FORM:
        return declarations_of_fields(step.fields)
    try:
        return declarations_of_params(compile_value(step.file.with_ if step.file is not None else {}), sources)
    except ExpressionError:
        return NO_DECLARATIONS


def _declarations_of_output(step: StepDraft, given: Declarations) -> Declarations:
    """Return what the file says of a step's output: of a kind with fields under `output`, such as `ai`, those."""
    if step.uses in (FORM, SET):
        return given
    output = step.file.with_.get("output") if step.file is not None else None
    return declarations_of_fields(dict(_iter_fields(output)) if isinstance(output, dict) else {})


def _iter_fields(output: Mapping[str, Value]) -> Iterator[tuple[str, Field]]:
    for name, declared in output.items():
        label = declared.get("label") if isinstance(declared, dict) else None
        if isinstance(label, str):
            yield name, Field.model_validate({"type": "json", "label": label})


def _iter_labels(declared: Declarations, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if declared.field is not None and declared.field.label:
        yield path, declared.field.label
    for key, child in declared.children.items():
        yield from _iter_labels(child, (*path, key))
