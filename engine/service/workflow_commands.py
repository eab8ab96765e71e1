"""What people do to registered workflows: register a version, go back to one, change the state or the owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import structs

from engine.access import Reader
from engine.delivery.recipients import Resolved
from engine.domain import DEFAULT_WORKSPACE, Address, Refusal, Register, Registered
from engine.domain.sync_commands import Synced, SyncWorkflows
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    TransferWorkflow,
    WorkflowStateChanged,
)
from engine.read_models import WorkflowView
from engine.service import new_versions, owners, register, sync, workflow_changes
from engine.service.ask_commands import AskCommands
from engine.store import workflow_versions as version_rows
from engine.store.port import Tx
from engine.version_views import VersionView
from engine.workflowfile import Workflow

_SYNC_LOOKUP_SECONDS: Final = 20.0
"""Time for directory lookups about many files, for which no person waits at a screen."""
NewVersionAnswer: TypeAlias = Registered | Proposed | Refusal


class WorkflowCommands(AskCommands):
    """The commands about registered workflows. What changes a protected one is only proposed: see `Proposed`."""

    async def register(self, command: Register) -> NewVersionAnswer:
        """Register a workflow file as the current version of its workflow, or propose it.

        Raises `DefinitionError` with every problem of the file.
        """
        workflow = self.context.advancer.compiled(command.source)
        await self.context.advancer.secrets.prepare((), workflow.name)
        answer = await self._change(
            lambda tx, resolved: new_versions.register_or_propose(self.context, tx, command, workflow, resolved)
        )
        return await self._with_doubts(answer, workflow)

    async def roll_back(self, command: RollBack) -> NewVersionAnswer:
        """Register the file of an older version as the next version, or propose it."""
        return await self._change(lambda tx, resolved: workflow_changes.roll_back(self.context, tx, command, resolved))

    async def transfer(self, command: TransferWorkflow) -> NewVersionAnswer:
        """Give a workflow another owner, which is a new version of its file, or propose it."""
        return await self._change(lambda tx, resolved: workflow_changes.transfer(self.context, tx, command, resolved))

    async def change_state(self, command: ChangeWorkflowState) -> WorkflowStateChanged | Proposed | Refusal:
        """Disable, enable or delete a workflow, or propose it. Disabling never waits for an approval."""
        return await self.transact_with_directory(
            lambda tx, resolved: workflow_changes.change_state(self.context, tx, command, resolved), required=False
        )

    async def sync(self, command: SyncWorkflows) -> Synced:
        """Make the registered workflows those of some files, all or none. Raises `DefinitionError` for one file."""
        files = [self.context.advancer.compiled(source) for source in command.sources]
        unit = self.transact_with_directory(
            lambda tx, resolved: sync.sync(self.context, tx, command, files, resolved),
            required=False,
            seconds=_SYNC_LOOKUP_SECONDS,
        )
        try:
            return await unit
        except sync.TakenBack as end:
            return end.result

    async def versions(self, name: str, *, workspace: str = DEFAULT_WORKSPACE) -> Sequence[VersionView]:
        """Return the versions of a workflow, the newest first; none, if there is no such workflow."""
        return await self.store.read(lambda connection: version_rows.version_views(connection, workspace, name))

    async def may_build(self, actor: Address, workflow: WorkflowView, *, workspace: str = DEFAULT_WORKSPACE) -> bool:
        """Return whether a person may change a workflow, as the commands that change it see it."""
        return await self.transact_with_directory(
            lambda tx, resolved: owners.may_build(self.context, tx, resolved, workspace, actor, workflow),
            required=False,
        )

    async def is_named(self, actor: Address, named: Sequence[str], *, workspace: str = DEFAULT_WORKSPACE) -> bool:
        """Return whether texts such as those of the approvers of a gate name a person, also as a member of a group."""
        return await self.transact_with_directory(
            lambda tx, resolved: owners.is_named(self.context, tx, resolved, workspace, actor, named), required=False
        )

    async def with_owners(self, reader: Reader, address: Address, workflows: Sequence[WorkflowView]) -> Reader:
        """Return the reader with the roles and groups that own these workflows and of which they are a member.

        `address`: from which they act. If the directory does not answer, they count as no member.
        """
        rules = frozenset(view.owner_rule for view in workflows if view.owner_rule is not None)
        if not rules:
            return reader
        return await self.transact_with_directory(
            lambda tx, resolved: owners.memberships(self.context, tx, resolved, reader, address, rules), required=False
        )

    async def _change(self, unit: Callable[[Tx, Resolved], NewVersionAnswer]) -> NewVersionAnswer:
        return await self.transact_with_directory(unit, required=False)

    async def _with_doubts(self, answer: NewVersionAnswer, workflow: Workflow) -> NewVersionAnswer:
        """Add what other services say. They are asked after the workflow is saved: their answers are only warnings."""
        if isinstance(answer, Refusal):
            return answer
        doubts = await register.doubts(self.context, workflow)
        return structs.replace(answer, warnings=(*answer.warnings, *doubts))
