"""Workflows that a role or a group owns: who is asked, who may change them, who hears of failures. Both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from engine.access import may_build_workflow, may_see_workflow
from engine.domain import Address, Cancel, Decided, Done, NotAllowed, Person, Refusal, Register, Registered
from engine.domain.workflow_commands import Proposed, TransferWorkflow
from engine.store import reconciliation
from engine.store.port import Tx
from tests.integration.test_roles import KIM, LEE, LEE_KIM, ROLES, World, open_with_admin
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, TERMINAL

NOA: Final = Address("email", "noa@example.com")
FLOW: Final = """\
name: flow
owner: OWNER
steps:
  - {id: act, uses: set, with: {a: NUMBER}, gate: {approvers: [owner]}}
"""


@pytest.fixture
async def world(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[World]:
    async with open_with_admin(tmp_path / "signoff.db", open_database) as world:
        yield world


async def register(
    world: World, number: int = 1, *, by: Address = LEE, owner: str = "role:finance", more: str = ""
) -> Any:
    source = FLOW.replace("NUMBER", str(number)).replace("OWNER", f'"{owner}"') + more
    answer = await world.env.engine.register(Register(source=source.encode(), actor=by, origin=TERMINAL))
    await world.env.settle()
    return answer


async def contact(world: World) -> str:
    (view,) = await world.env.engine.workflows()
    return view.owner.label


@pytest.mark.parametrize("owner", ["role:finance", "group:leads"])
async def test_the_members_own_the_workflow_together(world: World, owner: str) -> None:
    assert isinstance(await register(world, owner=owner), Registered)
    assert await contact(world) == "Lee"
    run = await world.start(by=KIM)
    approvers = (await world.env.request(run)).approvers
    assert [(one.person.name, one.rule) for one in approvers] == [
        ("Lee", f"owner ({owner})"),
        ("Noa", f"owner ({owner})"),
    ]
    assert isinstance(await world.env.decide(run, by=NOA), Decided)
    assert isinstance(await register(world, 2, by=KIM, owner=owner), NotAllowed)
    assert isinstance(await register(world, 2, by=NOA, owner=owner), Registered)
    waiting = await world.start(by=KIM)
    assert isinstance(await world.env.engine.cancel(Cancel(run=waiting, actor=NOA, origin=TERMINAL)), Done)


async def test_another_member_is_the_contact_when_the_one_before_left_the_role(world: World) -> None:
    await register(world)
    assert await contact(world) == "Lee"
    world.text = world.text.replace('[lee@example.com, "group:leads"]', "[noa@example.com]")
    await world.start(by=KIM)
    assert await contact(world) == "Noa"
    assert isinstance(await register(world, 2, by=LEE), NotAllowed)


async def test_a_role_without_people_owns_nothing(world: World) -> None:
    answer = await register(world, owner="role:nobody")
    assert isinstance(answer, NotAllowed)
    assert "role" in answer.why
    world.accounts.groups["none"] = []
    assert isinstance(await register(world, owner="group:none"), NotAllowed)


async def test_another_member_approves_a_change_or_else_an_admin(world: World) -> None:
    more = "protected: true\n"
    await register(world, more=more)
    change = await register(world, 2, more=more)
    assert isinstance(change, Proposed)
    assert isinstance(await world.env.decide(change.run, by=LEE), Refusal)
    assert isinstance(await world.env.decide(change.run, by=NOA), Decided)
    world.text = world.text.replace('[lee@example.com, "group:leads"]', "[lee@example.com]")
    change = await register(world, 3, more=more)
    assert isinstance(change, Proposed), change
    assert isinstance(await world.env.decide(change.run, by=LEE), Refusal)
    assert isinstance(await world.env.decide(change.run, by=ANN), Decided)
    assert (await world.env.engine.workflows())[0].version == 3


async def test_a_workflow_is_transferred_to_a_role(world: World) -> None:
    await register(world, owner="kim@example.com", by=KIM)
    answer = await world.env.engine.transfer(
        TransferWorkflow(workflow="flow", to="role:finance", actor=KIM, origin=TERMINAL)
    )
    assert isinstance(answer, Registered), answer
    assert await contact(world) == "Lee"
    assert isinstance(await register(world, 2, by=NOA), Registered)


async def test_members_see_and_build_the_workflow_and_others_do_not(world: World) -> None:
    """What the pages and the forms in Slack ask before they show the file of a workflow."""
    await register(world)
    await world.env.register("name: own\nowner: kim@example.com\nsteps: [{id: a, uses: set, with: {a: 1}}]")
    engine, views = world.env.engine, await world.env.engine.workflows()
    for address, may_see in ((LEE, ["flow"]), (NOA, ["flow"]), (KIM, ["own"]), (ANN, ["flow", "own"])):
        person = await engine.person(address) or Person(id="none", name="", addresses=(address,))
        reader = engine.context.reader(person, address)
        reader = await engine.with_owners(reader, address, views)
        assert [view.name for view in views if may_see_workflow(reader, view)] == may_see
        assert [view.name for view in views if may_build_workflow(reader, view)] == may_see
        assert [view.name for view in views if await engine.may_build(address, view)] == may_see


def differences(tx: Tx) -> list[str]:
    return list(reconciliation.compare(tx.connection, "default"))


async def test_the_log_says_which_role_owns_a_workflow_and_that_its_contact_changed_is_no_difference(
    world: World,
) -> None:
    """`signoff audit verify` compares the owner with the entry of the present version."""

    def own_by(tx: Tx, rule: str | None) -> None:
        tx.connection.execute(text("UPDATE workflow SET owner_rule = :rule"), {"rule": rule})

    await register(world)
    world.text = world.text.replace('[lee@example.com, "group:leads"]', "[noa@example.com]")
    await world.start(by=KIM)
    assert await contact(world) == "Noa"
    transact = world.env.store.transact
    assert await transact(differences) == []
    await transact(lambda tx: own_by(tx, None))
    assert "the workflow flow belongs to a person, and entry" in "".join(await transact(differences))
    await transact(lambda tx: own_by(tx, "role:thieves"))
    assert "the workflow flow belongs to role:thieves, and entry" in "".join(await transact(differences))


@pytest.mark.parametrize("first", [LEE, LEE_KIM])
async def test_an_owner_who_turns_out_to_be_another_person_is_no_difference(world: World, first: Address) -> None:
    """The roles file says that two persons are one, after one of them became an owner."""
    world.text = "people: []"
    world.accounts.active = {}
    for address in (LEE, LEE_KIM):
        await register(world, owner=address.value, by=ANN)
    await register(world, 2, owner=first.value, by=ANN)
    world.text = ROLES
    await world.start(by=KIM)

    assert await world.env.store.transact(differences) == []
