"""The gates of the current versions of workflows, beside what was counted: their titles, and which never opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from engine.domain import OnExpiry
from engine.errors import DefinitionError
from engine.insights import GateInsight, GateKey, Insights
from engine.workflowfile import Gate, Step, Workflow
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.workflow import ANY_ONE

ReadFile: TypeAlias = Callable[[bytes], Workflow]


def complete(read: ReadFile, counted: Insights, sources: Iterable[tuple[str, bytes]]) -> Insights:
    """Return the insights with the gates of these files, also those at which nothing opened.

    `read`: reads a registered file; raises `DefinitionError` for one that this server cannot run any more.
    """
    by_key = {(gate.gate.workflow, gate.gate.step): gate for gate in counted.gates}
    known = {workflow.id: workflow for workflow in counted.workflows}
    for workflow_id, source in sources:
        workflow, file = known[workflow_id], _file(read, source)
        if file is None:
            continue
        known[workflow_id] = replace(workflow, is_seeded=file.seeded is not None)
        for step in file.steps:
            if step.gate is None:
                continue
            key = GateKey(workflow=workflow_id, name=workflow.name, workflow_title=workflow.title, step=step.id)
            gate = by_key.get((workflow_id, step.id), GateInsight(gate=key))
            by_key[workflow_id, step.id] = _described(gate, step)
    gates = tuple(sorted(by_key.values(), key=_order))
    return replace(counted, gates=gates, workflows=tuple(known.values()))


def _file(read: ReadFile, source: bytes) -> Workflow | None:
    with contextlib.suppress(DefinitionError):
        return read(source)
    return None


def _described(gate: GateInsight, step: Step) -> GateInsight:
    assert step.gate is not None
    return replace(
        gate,
        label=step.label,
        is_current=True,
        is_form=step.kind.name == FORM,
        has_plan=step.gate.autonomy is not None,
        can_sample=_can_sample(step.gate),
        reminds=step.gate.clocks.remind is not None,
    )


def _can_sample(gate: Gate) -> bool:
    """Return whether the gate may have a sampling plan, as far as it tells (`engine.workflowfile.autonomy_checks`)."""
    is_alone = gate.alone is None and gate.confirm_with is None
    return is_alone and gate.policy == ANY_ONE and gate.policy_choice is None and gate.on_expiry != OnExpiry.CONTINUE


def _order(gate: GateInsight) -> tuple[object, ...]:
    return -gate.opened, gate.gate.name, gate.gate.step
