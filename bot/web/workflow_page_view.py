"""What the pages of workflows show, pure: the workflow as a picture, its gates in words, and its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.presentation import characters, labels, people, step_words, workflow_changes
from bot.web import workflow_diagram
from bot.web.workflow_diagram import Diagram
from engine.domain import PolicyKind, Tone
from engine.domain.workflow_commands import WorkflowState
from engine.expressions import Template
from engine.read_models import WorkflowView
from engine.references import OWNER, REQUESTER
from engine.version_views import VersionView
from engine.workflowfile import Gate, Workflow, condition_words

_NAMED: Final = {OWNER: "the owner of the workflow", REQUESTER: "the person who starts the run"}
_TONES: Final = {WorkflowState.ACTIVE: Tone.DONE}
STATE_WORDS: Final = workflow_changes.STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorkflow:
    """A workflow in the list."""

    name: str
    title: str
    version: int
    owner: str
    updated_at: datetime
    next_at: datetime | None
    state: str
    tone: Tone | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInWords:
    """A gate: its step, who is asked, and on which condition."""

    step: str
    people: str
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInWords:
    """A step, and who is asked when."""

    title: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """A version. `before`: the one before it that it can be compared with."""

    version: int
    registered_by: str
    registered_at: datetime
    is_current: bool
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPage:
    """One workflow. `problem`: why the file cannot be read any more."""

    row: ListedWorkflow
    description: str
    is_protected: bool
    diagram: Diagram | None
    gates: tuple[GateInWords, ...]
    plans: tuple[str, ...]
    versions: tuple[ListedVersion, ...]
    source: str


def row(view: WorkflowView) -> ListedWorkflow:
    """Return a workflow as the list shows it."""
    return ListedWorkflow(
        name=view.name,
        title=characters.line(view.title),
        version=view.version,
        owner=view.owner.label,
        updated_at=view.updated_at,
        next_at=view.next_at,
        state=STATE_WORDS[view.state],
        tone=_TONES.get(view.state),
    )


def page(
    view: WorkflowView, workflow: Workflow | None, versions: Sequence[VersionView], plans: Sequence[str]
) -> WorkflowPage:
    """Return the page of a workflow. `workflow`: None if this version of Signoff cannot read its file.

    `plans`: what goes through without review, in words.
    """
    return WorkflowPage(
        row=row(view),
        description=characters.line(workflow.description) if workflow is not None and workflow.description else "",
        is_protected=workflow is not None and workflow.protected,
        diagram=workflow_diagram.plan(workflow, short) if workflow is not None else None,
        gates=tuple(_gates(workflow)) if workflow is not None else (),
        plans=tuple(plans),
        versions=_versions(versions),
        source=view.source.decode("utf-8-sig", "replace"),
    )


def _versions(versions: Sequence[VersionView]) -> tuple[ListedVersion, ...]:
    numbers = sorted(one.version for one in versions)
    return tuple(
        ListedVersion(
            version=one.version,
            registered_by=one.registered_by.label,
            registered_at=one.registered_at,
            is_current=one.is_current,
            before=next((number for number in reversed(numbers) if number < one.version), None),
        )
        for one in versions
    )


def steps_in_words(workflow: Workflow) -> tuple[StepInWords, ...]:
    """Return each step with when it runs and who is asked."""
    return tuple(
        StepInWords(
            title=characters.line(labels.in_words(step.label)),
            sentence="".join(words.text for words in step_words.of_step(workflow, step, {})),
        )
        for step in workflow.steps
    )


def _gates(workflow: Workflow) -> list[GateInWords]:
    return [
        GateInWords(
            step=characters.line(step.label), people=_asked(step.gate), condition=_condition(step.gate, workflow)
        )
        for step in workflow.steps
        if step.gate is not None
    ]


def _condition(gate: Gate, workflow: Workflow) -> str:
    if gate.when is None:
        return ""
    said = condition_words.condition(gate.when, workflow)
    return said.text


def _asked(gate: Gate) -> str:
    if gate.policy.chain:
        groups = [people.joined([_name(one) for one in group], "or") for group in gate.policy.chain]
        return f"first {', then '.join(groups)}"
    named = [*gate.approvers, *(gate.route.people if gate.route is not None else ())]
    words = "and" if gate.policy.kind is PolicyKind.ALL else "or"
    return people.joined([_name(one) for one in named] or [_NAMED[OWNER]], words)


def short(gate: Gate) -> str:
    """Return who a gate asks, as the diagram shows it."""
    return f"asks {_asked(gate)}"


def _name(template: Template) -> str:
    if not template.is_literal:
        return characters.line(condition_words.code(template))
    return characters.line(_NAMED.get(template.source, template.source))
