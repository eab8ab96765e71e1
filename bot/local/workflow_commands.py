"""The commands of this machine's operator about registered workflows: versions, states and owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from bot.local.arguments import optional_number, read_text
from bot.local.reply import CommandReply
from bot.presentation import workflow_changes
from engine.domain import Address, Origin, Refusal, Register, Registered
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    TransferWorkflow,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.json_values import Value
from engine.service import Engine


class WorkflowAct(Protocol):
    """Carries out one of these commands, with its arguments as JSON has them."""

    async def __call__(
        self, engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
    ) -> Registered | Proposed | WorkflowStateChanged | Refusal: ...


async def register(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> Registered | Proposed | Refusal:
    """Carry out `register`, with its arguments as JSON has them. Raises `DefinitionError`."""
    source = read_text(arguments, "source").encode()
    return await engine.register(Register(source=source, actor=actor, origin=origin))


async def roll_back(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> Registered | Proposed | Refusal:
    """Carry out `rollback`, with its arguments as JSON has them."""
    name, version = read_text(arguments, "workflow"), optional_number(arguments, "version")
    return await engine.roll_back(RollBack(workflow=name, version=version, actor=actor, origin=origin))


async def transfer(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> Registered | Proposed | Refusal:
    """Carry out `transfer`, with its arguments as JSON has them."""
    name, to = read_text(arguments, "workflow"), read_text(arguments, "to")
    return await engine.transfer(TransferWorkflow(workflow=name, to=to, actor=actor, origin=origin))


async def change_state(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> WorkflowStateChanged | Proposed | Refusal:
    """Carry out `disable`, `enable` or `delete`, with its arguments as JSON has them."""
    name, state = read_text(arguments, "workflow"), WorkflowState(read_text(arguments, "state"))
    return await engine.change_state(ChangeWorkflowState(workflow=name, state=state, actor=actor, origin=origin))


def reply(result: Registered | Proposed | WorkflowStateChanged) -> CommandReply:
    """Return what the operator is told."""
    return CommandReply(facts=_facts(result))


def _facts(result: Registered | Proposed | WorkflowStateChanged) -> dict[str, Value]:
    if isinstance(result, WorkflowStateChanged):
        return {
            "workflow": result.workflow,
            "state": result.state.value,
            "changed": result.changed,
            "open_runs": result.open_runs,
            "says": workflow_changes.state_changed(result),
        }
    if isinstance(result, Proposed):
        return {
            "workflow": result.workflow,
            "proposal": result.run,
            "was_open": result.was_open,
            "warnings": list[Value](result.warnings),
            "says": workflow_changes.proposed(result),
        }
    return {
        "workflow": result.workflow,
        "version": result.version,
        "changed": result.changed,
        "takes_asks": result.takes_asks,
        "warnings": list[Value](result.warnings),
        "plans": list[Value](result.plans),
    }


ACTS: Final[Mapping[str, WorkflowAct]] = {
    "register": register,
    "roll_back": roll_back,
    "transfer": transfer,
    "change_state": change_state,
}
