"""Who owns a new version: a file that names no owner keeps the one before. On both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from engine.domain import Address, CloseAccount, Decided, Register, Registered
from engine.domain.sync_commands import Synced, SyncWorkflows
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    TransferWorkflow,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.store import left_owners
from tests.integration.test_roles import KIM, LEE, World, open_with_admin
from tests.support.account_directory import account
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, TERMINAL

BARE: Final = """\
name: flow
steps:
  - {id: act, uses: set, with: {a: NUMBER}, gate: {approvers: [owner]}}
"""


@pytest.fixture
async def world(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[World]:
    """Return a server with the members of a role, on which Ann is an admin."""
    async with open_with_admin(tmp_path / "signoff.db", open_database) as world:
        yield world


def source(number: int, owner: str = "", more: str = "") -> bytes:
    named = f'owner: "{owner}"\n' if owner else ""
    return f"{BARE.replace('NUMBER', str(number))}{named}{more}".encode()


async def register(world: World, number: int, *, by: Address = KIM, owner: str = "", more: str = "") -> Any:
    command = Register(source=source(number, owner, more), actor=by, origin=TERMINAL)
    return await world.env.engine.register(command)


async def owner_of(world: World) -> tuple[str, str | None, int]:
    (view,) = await world.env.engine.workflows()
    return view.owner.label, view.owner_rule, view.version


async def roll_back(world: World) -> Any:
    return await world.env.engine.roll_back(RollBack(workflow="flow", version=1, actor=ANN, origin=TERMINAL))


async def sync(world: World) -> Any:
    command = SyncWorkflows(sources=(source(9),), applies=True, disables_missing=False, actor=ANN, origin=TERMINAL)
    return await world.env.engine.sync(command)


async def register_as_admin(world: World) -> Any:
    return await register(world, 9, by=ANN)


CHANGES: Final[dict[str, Callable[[World], Awaitable[Any]]]] = {
    "register": register_as_admin,
    "rollback": roll_back,
    "sync": sync,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("owner", "label", "rule"), [("", "Kim", None), ("role:finance", "Lee", "role:finance")])
async def test_a_file_without_an_owner_keeps_the_one_before(
    world: World, change: str, owner: str, label: str, rule: str | None
) -> None:
    by = LEE if owner else KIM
    await register(world, 1, by=by)
    assert isinstance(await register(world, 2, by=by, owner=owner), Registered)
    assert await owner_of(world) == (label, rule, 2)
    assert isinstance(await CHANGES[change](world), Registered | Synced)
    assert await owner_of(world) == (label, rule, 3)
    run = await world.start(by=account("eve"))
    assert "ann@example.com" not in {one.person.label for one in (await world.env.request(run)).approvers}


async def test_a_new_workflow_belongs_to_the_person_who_registers_it(world: World) -> None:
    await register(world, 1)
    assert await owner_of(world) == ("Kim", None, 1)


async def test_the_file_and_a_transfer_change_the_owner(world: World) -> None:
    await register(world, 1)
    assert isinstance(await register(world, 2, owner="sam@example.com"), Registered)
    assert await owner_of(world) == ("sam@example.com", None, 2)
    transferred = TransferWorkflow(workflow="flow", to="role:finance", actor=ANN, origin=TERMINAL)
    assert isinstance(await world.env.engine.transfer(transferred), Registered)
    assert await owner_of(world) == ("Lee", "role:finance", 3)
    # The file in git does not know of it.
    assert isinstance(await register(world, 4, by=ANN), Registered)
    assert await owner_of(world) == ("Lee", "role:finance", 4)


async def test_a_deleted_workflow_belongs_to_the_person_who_registers_it_anew(world: World) -> None:
    await register(world, 1)
    deleted = ChangeWorkflowState(workflow="flow", state=WorkflowState.DELETED, actor=KIM, origin=TERMINAL)
    assert isinstance(await world.env.engine.change_state(deleted), WorkflowStateChanged)
    assert isinstance(await register(world, 2, by=ANN), Registered)
    assert await owner_of(world) == ("ann@example.com", None, 2)


async def test_a_disabled_workflow_keeps_its_owner(world: World) -> None:
    await register(world, 1)
    disabled = ChangeWorkflowState(workflow="flow", state=WorkflowState.DISABLED, actor=KIM, origin=TERMINAL)
    await world.env.engine.change_state(disabled)
    await register(world, 2, by=ANN)
    assert await owner_of(world) == ("Kim", None, 2)


async def test_an_approved_change_of_an_admin_keeps_the_owner(world: World) -> None:
    more = "protected: true\n"
    await register(world, 1, more=more)
    change = await register(world, 2, by=ANN, more=more)
    assert isinstance(change, Proposed)
    await world.env.settle()
    assert isinstance(await world.env.decide(change.run, by=KIM), Decided)
    await world.env.settle()
    assert await owner_of(world) == ("Kim", None, 2)


async def test_the_line_that_is_removed_changes_no_owner_and_the_card_says_so(world: World) -> None:
    more = "protected: true\n"
    await register(world, 1, more=more, owner="kim@example.com")
    change = await register(world, 2, by=ANN, more=more)
    assert isinstance(change, Proposed)
    assert "Owner: not in the file any more, so it stays kim@example.com" in str(await world.env.request(change.run))


async def test_an_owner_who_left_stays_and_the_admin_is_told_once(world: World) -> None:
    kim = account("kim")
    await register(world, 1, by=kim)
    await world.env.engine.close_account(CloseAccount(account=kim))
    left = [one.owner for one in await world.env.store.read(left_owners.left_owners)]
    answer = await register(world, 2, by=ANN)
    assert isinstance(answer, Registered)
    assert any("has left, and stays the owner" in warning for warning in answer.warnings)
    assert (await owner_of(world))[0] == left[0]
    assert [one.owner for one in await world.env.store.read(left_owners.left_owners)] == left
    # Who registers a version of their own is there again.
    assert isinstance(await register(world, 3, by=kim), Registered)
    assert await world.env.store.read(left_owners.left_owners) == []
