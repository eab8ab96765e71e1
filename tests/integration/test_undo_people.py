"""Who may undo an approval, when people join, stand in for others, leave a group, or lose their account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import (
    Address,
    ApprovalUndone,
    Assurance,
    CannotUndo,
    Decide,
    Decided,
    NoLink,
    RequestState,
    Undo,
    Verdict,
)
from engine.store import people
from tests.support.account_directory import AccountDirectory, account
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine

LEE = Address("email", "lee@example.com")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}, gate: {approvers: APPROVERS, hold: 10m, KEYS}}
"""


@pytest.fixture
def book() -> AccountDirectory:
    return AccountDirectory(ULEE="lee@example.com", UKIM="kim@example.com")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore, book: AccountDirectory) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=book) as env:
        yield env


async def approved(env: EngineEnv, by: Address, approvers: str, keys: str = "reason_required: never") -> str:
    await env.register(FLOW.replace("APPROVERS", approvers).replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    request = (await env.request(run)).id
    assert isinstance(await env.decide(run, by=by), Decided)
    await env.settle()
    env.pass_time(seconds=1)
    return request


def undo(request: str, by: Address, assurance: Assurance = Assurance.SLACK) -> Undo:
    return Undo(request=request, actor=by, origin=TERMINAL, assurance=assurance)


@pytest.mark.parametrize("address", [account("ULEE"), LEE])
async def test_one_person_undoes_it_from_any_of_their_addresses(env: EngineEnv, address: Address) -> None:
    request = await approved(env, account("ULEE"), "[lee@example.com, kim@example.com]")
    assert isinstance(await env.engine.undo(undo(request, address)), ApprovalUndone)


async def test_who_turned_out_to_be_the_decider_undoes_it(env: EngineEnv, book: AccountDirectory) -> None:
    email = book.active.pop("ULEE")
    request = await approved(env, LEE, "[lee@example.com, kim@example.com], policy: {quorum: 1}")
    await env.store.transact(lambda tx: people.need_person(tx, "default", account("ULEE")))
    book.active["ULEE"] = email
    await env.start()
    await env.settle()
    view = await env.engine.request(request)
    assert view is not None
    assert view.is_held
    assert isinstance(await env.engine.undo(undo(request, account("UKIM"))), CannotUndo)
    assert isinstance(await env.engine.undo(undo(request, account("ULEE"))), ApprovalUndone)


async def test_who_left_the_group_may_undo_and_who_lost_their_account_may_not(
    env: EngineEnv, book: AccountDirectory
) -> None:
    book.groups["team"] = ["ULEE", "UKIM"]
    first = await approved(env, account("ULEE"), "['group:team']")
    book.groups["team"] = ["UKIM"]
    assert isinstance(await env.engine.undo(undo(first, account("ULEE"))), ApprovalUndone)
    book.groups["team"] = ["ULEE", "UKIM"]
    second = await approved(env, account("ULEE"), "['group:team']")
    book.closed["ULEE"] = book.active.pop("ULEE")
    for address in account("ULEE"), LEE:
        assert await env.engine.undo(undo(second, address)) == CannotUndo(why="inactive")
    book.down = True
    assert isinstance(await env.engine.undo(undo(second, account("ULEE"))), ApprovalUndone), "in doubt, nothing is done"


async def test_a_gate_with_accounts_wants_one_for_an_undo_as_well(env: EngineEnv) -> None:
    await env.register(FLOW.replace("APPROVERS", "[lee@example.com]").replace("KEYS", "assurance: sso"))
    run = await env.start()
    await env.settle()
    model = (await env.request(run)).model
    approval = Decide(
        request=model.id,
        verdict=Verdict.APPROVE,
        actor=account("ULEE"),
        content_version=model.content_version,
        digest=model.digest,
        origin=TERMINAL,
        assurance=Assurance.SLACK,
    )
    assert isinstance(await env.engine.decide(approval), Decided)
    await env.settle()
    refused = await env.engine.undo(undo(model.id, LEE, Assurance.TERMINAL))
    assert refused == CannotUndo(why="elsewhere")
    assert await env.engine.undo(undo(model.id, LEE, Assurance.CODE)) == NoLink()
    assert isinstance(await env.engine.undo(undo(model.id, account("ULEE"))), ApprovalUndone)


async def test_the_owner_of_today_undoes_it_and_the_requester_does_not(env: EngineEnv) -> None:
    request = await approved(env, account("ULEE"), "[lee@example.com]")
    refused = await env.engine.undo(undo(request, Address("email", "ann@example.com"), Assurance.TERMINAL))
    assert isinstance(refused, CannotUndo)
    assert refused.why == "not_yours"
    assert isinstance(await env.engine.undo(undo(request, SAM, Assurance.TERMINAL)), ApprovalUndone)
    view = await env.engine.request(request)
    assert view is not None
    assert view.model.state is RequestState.UNDONE
