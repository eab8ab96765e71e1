"""The command that registers the workflows of a folder: all of them in one unit of work, or none.

A trial of it is the same unit, which is taken back at its end: so it finds every problem that the real one would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.delivery.recipients import NeedsDirectory, Resolved
from engine.domain import Refusal, Register, Registered
from engine.domain.sync_commands import Synced, SyncedWorkflow, SyncOutcome, SyncWorkflows
from engine.domain.workflow_commands import ChangeWorkflowState, Proposed, WorkflowState
from engine.references import Reference
from engine.service import new_versions, workflow_changes
from engine.service.context import CommandContext
from engine.store import workflows
from engine.store.port import Tx
from engine.workflowfile import Workflow
from engine.workflowfile.step_kinds import RUN

_DISABLED: Final = "{name} is disabled, and stays so. Let it be started again with: signoff enable {name}."


class TakenBack(Exception):
    """The end of a unit whose changes are not to be kept."""

    def __init__(self, result: Synced) -> None:
        super().__init__("nothing is changed")
        self.result = result


def sync(
    context: CommandContext, tx: Tx, command: SyncWorkflows, files: Sequence[Workflow], resolved: Resolved
) -> Synced:
    """Register the workflows. Raises `TakenBack` with the result if nothing is to be changed."""
    workflows.take_turn(tx, command.workspace)
    unit = _SyncUnit(context, tx, command, resolved)
    done = [*map(unit.register, in_order(files)), *unit.others({workflow.name for workflow in files})]
    if unit.needed:
        # All references of all files at once: a round of questions for each file would take too long.
        raise NeedsDirectory([*unit.needed])
    if unit.refused:
        raise TakenBack(Synced(refused=tuple(sorted(unit.refused.items(), key=lambda one: one[0]))))
    result = Synced(workflows=tuple(sorted((one for one in done if one is not None), key=lambda one: one.workflow)))
    if not command.applies:
        raise TakenBack(result)
    return result


def in_order(files: Sequence[Workflow]) -> list[Workflow]:
    """Return the workflows, each after those that it runs: a workflow must be there before another one names it."""
    by_name = {workflow.name: workflow for workflow in files}
    ordered = dict[str, Workflow]()

    def add(workflow: Workflow, around: frozenset[str]) -> None:
        for name in called_names(workflow):
            called = by_name.get(name)
            if called is not None and name not in ordered and name not in around:
                add(called, around | {name})
        ordered.setdefault(workflow.name, workflow)

    for workflow in files:
        add(workflow, frozenset({workflow.name}))
    return [*ordered.values()]


def called_names(workflow: Workflow) -> Iterator[str]:
    """Yield the names of the workflows that a workflow runs."""
    for step in workflow.steps:
        if step.kind.name == RUN and isinstance(step.params.value, dict):
            yield str(step.params.value.get("workflow"))


class _SyncUnit:
    """One run of the unit. `refused`: why, by workflow. `needed`: what the directory has to be asked first."""

    def __init__(self, context: CommandContext, tx: Tx, command: SyncWorkflows, resolved: Resolved) -> None:
        self._context, self._tx, self._command, self._resolved = context, tx, command, resolved
        self.refused = dict[str, Refusal]()
        self.needed = set[Reference]()

    def register(self, workflow: Workflow) -> SyncedWorkflow | None:
        """Register one workflow, or propose it. Return None if it is refused."""
        command = self._command
        current = workflows.load_workflow(self._tx.connection, command.workspace, workflow.name)
        before = None if current is None or current.state == WorkflowState.DELETED else bytes(current.source)
        change = Register(
            source=workflow.source, actor=command.actor, origin=command.origin, workspace=command.workspace
        )
        try:
            answer = new_versions.register_or_propose(self._context, self._tx, change, workflow, self._resolved)
        except NeedsDirectory as needs:
            self.needed |= {*needs.references}
            return None
        doubts = [_DISABLED.format(name=workflow.name)] if current and current.state == WorkflowState.DISABLED else []
        return self._result(workflow.name, answer, before, workflow.source, doubts)

    def others(self, names: Iterable[str]) -> Iterator[SyncedWorkflow]:
        """Disable the workflows that have no file, if that is wanted; otherwise only name them."""
        kept = {*names}
        for current in workflows.load_workflows(self._tx.connection, self._command.workspace):
            if current.name in kept or current.state != WorkflowState.ACTIVE:
                continue
            if not self._command.disables_missing:
                yield SyncedWorkflow(workflow=current.name, outcome=SyncOutcome.MISSING, version=current.version)
            elif self._disable(current.name):
                yield SyncedWorkflow(workflow=current.name, outcome=SyncOutcome.DISABLED, version=current.version)

    def _disable(self, name: str) -> bool:
        command = self._command
        change = ChangeWorkflowState(
            workflow=name,
            state=WorkflowState.DISABLED,
            actor=command.actor,
            origin=command.origin,
            workspace=command.workspace,
        )
        try:
            answer = workflow_changes.change_state(self._context, self._tx, change, self._resolved)
        except NeedsDirectory as needs:
            self.needed |= {*needs.references}
            return False
        return not self._is_refused(name, answer)

    def _result(
        self,
        name: str,
        answer: Registered | Proposed | Refusal,
        before: bytes | None,
        after: bytes,
        doubts: Sequence[str],
    ) -> SyncedWorkflow | None:
        if self._is_refused(name, answer) or isinstance(answer, Refusal):
            return None
        if isinstance(answer, Proposed):
            outcome, version, run = SyncOutcome.PROPOSED, None, answer.run
        else:
            changed = SyncOutcome.NEW if before is None else SyncOutcome.CHANGED
            outcome, version, run = changed if answer.changed else SyncOutcome.UNCHANGED, answer.version, None
        return SyncedWorkflow(
            workflow=name,
            outcome=outcome,
            version=version,
            before=before,
            after=after,
            warnings=(*answer.warnings, *doubts),
            run=run,
        )

    def _is_refused(self, name: str, answer: object) -> bool:
        if isinstance(answer, Refusal):
            self.refused[name] = answer
        return isinstance(answer, Refusal)
