"""A request is passed on: another person decides in the place of an approver, and the record shows both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.domain import (
    Address,
    AlreadyVoted,
    Assurance,
    CannotTakeOver,
    Decided,
    DeliveryKind,
    HandedOn,
    NotAllowed,
    NotFound,
    Reassign,
    Reassigned,
    Refusal,
    RequestState,
    Verdict,
    WhosePlace,
)
from engine.store import people
from tests.integration.test_policies import GATED, KIM, MIA, copies, decide, names, start_run, state
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.store.transact(lambda tx: people.need_person(tx, "default", KIM, evidence="test"))
        yield env


async def pass_on(env: EngineEnv, run: str, by: Address, to: Address, **facts: Any) -> Reassigned | Refusal:
    request = (await env.request(run)).model.id
    command = Reassign(
        request=facts.pop("request", request),
        to=to,
        reason=facts.pop("reason", "on holiday"),
        actor=by,
        origin=TERMINAL,
        assurance=facts.pop("assurance", Assurance.TERMINAL),
        **facts,
    )
    answer = await env.engine.reassign(command)
    await env.settle()
    return answer


async def test_an_approver_passes_their_own_place_on_and_the_record_shows_both(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com]")
    passed = await pass_on(env, run, LEE, KIM)
    assert isinstance(passed, Reassigned)
    assert await names(env, run) == ["kim"]
    cards = {copy.address: copy.card for copy in env.channel.posted.values()}
    assert ("kim@example.com decides in your place.",) in cards["lee@example.com"].lead
    assert cards["lee@example.com"].actions == ()
    assert cards["kim@example.com"].actions
    assert await decide(env, run, LEE) == HandedOn(to="kim@example.com")
    assert isinstance(await decide(env, run, KIM), Decided)
    story = {entry.kind: entry for entry in await env.engine.story(run)}
    handed_on, approved = story["request.handed_on"].content, story["request.approved"].content
    assert handed_on is not None
    assert approved is not None
    assert (handed_on["name"], handed_on["why"]) == ("lee@example.com", "on holiday")
    assert approved["rule"] == "for lee@example.com: lee@example.com"


async def test_the_new_person_can_give_it_back(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com]")
    await pass_on(env, run, LEE, KIM)
    assert isinstance(await pass_on(env, run, KIM, LEE), Reassigned)
    assert await names(env, run) == ["lee"]
    assert await decide(env, run, KIM) == HandedOn(to="lee@example.com")
    assert isinstance(await decide(env, run, LEE), Decided)


async def test_it_is_refused_with_a_reason(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com], policy: {quorum: 2}, exclude: [editor]")
    assert isinstance(await pass_on(env, run, LEE, KIM, request="none"), NotFound)
    assert isinstance(await pass_on(env, run, KIM, KIM), NotAllowed)
    assert isinstance(await pass_on(env, run, LEE, KIM, reason=" "), NotAllowed)
    assert await pass_on(env, run, LEE, ANN) == CannotTakeOver(name="ann@example.com", why="requester")
    assert await pass_on(env, run, LEE, MIA) == CannotTakeOver(name="mia@example.com", why="decides")
    stranger = Address("email", "stranger@elsewhere.example")
    assert await pass_on(env, run, LEE, stranger) == CannotTakeOver(name=stranger.value, why="unknown")
    assert await pass_on(env, run, SAM, KIM) == WhosePlace(names=("lee@example.com", "mia@example.com"))
    # The owner's address of a page proves nothing by itself.
    assert isinstance(await pass_on(env, run, LEE, KIM, assurance=Assurance.LINK), NotAllowed)
    lee = (await env.request(run)).model.approvers[0].person.id
    assert isinstance(await pass_on(env, run, MIA, KIM, place=lee), NotAllowed)
    await decide(env, run, LEE)
    assert isinstance(await pass_on(env, run, LEE, KIM), AlreadyVoted)
    await decide(env, run, MIA, Verdict.REJECT)
    assert (await pass_on(env, run, MIA, KIM)).__class__.__name__ == "AlreadyDecided"


async def test_an_editor_takes_over_no_place_of_a_strict_gate(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com], exclude: [editor]")
    await decide(env, run, LEE, text="goodbye")
    assert await pass_on(env, run, MIA, LEE) == CannotTakeOver(name="lee@example.com", why="editor")


async def test_the_owner_passes_any_place_on(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com], policy: all")
    mia = (await env.request(run)).model.approvers[1].person.id
    anyone = Address("email", "new@example.com")
    assert isinstance(await pass_on(env, run, SAM, anyone, place=mia), Reassigned)
    assert await names(env, run) == ["lee", "new"]


async def test_the_owner_names_a_person_for_an_approval_that_no_one_can_give(env: EngineEnv) -> None:
    await env.register(GATED.format(keys="approvers: [ann@example.com], exclude: [requester]").replace("sam@", "ann@"))
    run = await env.start()
    await env.settle()
    assert [alert.topic for alert in await copies(env, run, DeliveryKind.ALERT)] == ["short"]
    assert await pass_on(env, run, ANN, ANN) == CannotTakeOver(name="ann@example.com", why="requester")
    assert isinstance(await pass_on(env, run, ANN, KIM), Reassigned)
    assert await names(env, run) == ["kim"]
    assert isinstance(await decide(env, run, KIM), Decided)
    assert await state(env, run) is RequestState.APPROVED


async def test_a_place_of_a_later_group_is_asked_when_its_turn_comes(env: EngineEnv) -> None:
    run = await start_run(env, "policy: {chain: [[lee@example.com], [mia@example.com]]}")
    assert isinstance(await pass_on(env, run, MIA, KIM), Reassigned)
    assert {copy.address for copy in await copies(env, run)} == {"lee@example.com"}
    await decide(env, run, LEE)
    assert await names(env, run) == ["kim"]
    assert isinstance(await decide(env, run, KIM), Decided)


async def test_a_place_that_is_not_open_is_not_passed_on(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com], policy: all")
    lee, mia = [row.person.id for row in (await env.request(run)).model.approvers]
    await decide(env, run, LEE)
    for place in ("", lee, "none"):
        assert isinstance(await pass_on(env, run, SAM, KIM, place=place), NotAllowed)
    assert isinstance(await pass_on(env, run, MIA, KIM, place=""), NotAllowed)
    assert isinstance(await pass_on(env, run, MIA, KIM, place=mia), Reassigned)
    assert await pass_on(env, run, MIA, KIM, place=mia) == HandedOn(to="kim@example.com")
    # Only one place is open, so the owner need not say which.
    assert isinstance(await pass_on(env, run, SAM, MIA), Reassigned)
    assert await names(env, run) == ["mia"]
