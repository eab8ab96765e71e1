"""Drafts: the parts of a workflow file, as far as they could be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.fields import Field
from engine.json_values import Path
from engine.workflowfile.grammar import (
    GateFile,
    StepFile,
    TriggerFile,
    WorkflowFile,
)
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.rule import Rule
from engine.workflowfile.schema_errors import locate
from engine.workflowfile.step_kinds import ASK
from engine.workflowfile.step_lists import PathDraft


@dataclass(slots=True, kw_only=True)
class EditDraft:
    """One entry of `edit`."""

    name: str
    type: Field | None
    """The type, or None if the value decides it."""
    at: Path
    """The path of the entry in the file."""


@dataclass(slots=True, kw_only=True)
class StepDraft:
    """A step, as far as it could be read. `id` and `uses` may be known even if `file` could not be read."""

    index: int
    at: Path
    id: str | None
    uses: str | None
    file: StepFile | None = None
    gate: GateFile | None = None
    gate_at: Path = ()
    """The path of the mapping with the gate's keys."""
    edit: list[EditDraft] | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    """The fields of a form that could be read."""
    paths: Sequence[PathDraft] = ()
    """The paths of a branch that could be read."""
    body: range | None = None
    """The indexes of the steps that a foreach repeats, those inside other steps included."""
    frame: int | None = None
    """The index of the foreach that repeats this step."""
    following: int = 0
    """The index of the step that comes after this one, or the number of all steps."""
    rule: Rule | None = None
    """The rule that the step stands for, in a file with rules."""
    with_at: Path = ()
    """The path of the mapping with its parameters."""

    def __post_init__(self) -> None:
        self.with_at = self.with_at or (*self.at, "with")

    @property
    def list_at(self) -> Path:
        """The path of the list that has this step."""
        return self.at[:-1]


@dataclass(slots=True, kw_only=True)
class TriggerDraft:
    """An entry of `triggers`, as far as it could be read."""

    index: int
    at: Path
    file: TriggerFile


@dataclass(slots=True, kw_only=True)
class WorkflowDraft:
    """A whole file, as far as it could be read."""

    file: WorkflowFile | None
    inputs: Mapping[str, Field | None] | None = None
    """None if `inputs` could not be read. The value of an input is None if its declaration could not be read."""
    steps: list[StepDraft] = field(default_factory=list)
    triggers: list[TriggerDraft] = field(default_factory=list)
    has_rules: bool = False
    """Whether the steps stand for the rules of the file."""

    @property
    def asks(self) -> bool:
        """Whether asks start the workflow."""
        return any(step.uses == ASK for step in self.steps)


def item_path(report: ProblemReport, at: Path, index: int) -> Path:
    """Return the path of item `index` of a list, or of the list itself if the file has one text in its place."""
    return locate(report, (*at, index))
