"""People who are away: their requests go to a delegate or to a backup, and the record shows both; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.presentation.dates import written
from engine.domain import (
    Address,
    Assurance,
    Away,
    Back,
    CannotTakeOver,
    CloseAccount,
    Decided,
    DeliveryKind,
    HandedOn,
    NotAllowed,
    Refusal,
    SetAway,
    SetBack,
)
from engine.ports import DirectoryPerson
from engine.service.absence import LOOKED_AT
from engine.store import absences, identities, people
from engine.store.port import Tx
from tests.integration.test_policies import KIM, MIA, THREE, copies, decide, names, start_run
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.store.transact(_know_people)
        yield env


def _know_people(tx: Tx) -> None:
    for person in (KIM, MIA, LEE, ANN):
        people.need_person(tx, "default", person, evidence="test")


async def away(
    env: EngineEnv, by: Address, delegate: Address | None = None, *, days: float = 2, starts: float = 0, **facts: Any
) -> SetAway | Refusal:
    now = env.clock.now()
    starts_at = now + timedelta(days=starts) if starts else None
    ends_at = now + timedelta(days=days)
    answer = await env.engine.set_away(
        Away(actor=by, origin=TERMINAL, starts_at=starts_at, ends_at=ends_at, delegate=delegate, **facts)
    )
    await env.settle()
    return answer


async def back(env: EngineEnv, by: Address) -> SetBack | Refusal:
    return await env.engine.set_back(Back(actor=by, origin=TERMINAL))


async def rules(env: EngineEnv, run: str) -> list[str]:
    return [approver.rule for approver in (await env.request(run)).model.eligible]


# -- at opening ----------------------------------------------------------------------------------------------


async def test_a_delegate_is_asked_instead_and_the_record_shows_both(env: EngineEnv) -> None:
    assert isinstance(await away(env, LEE, KIM), SetAway)
    run = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, run) == ["kim"]
    assert {copy.address for copy in await copies(env, run)} == {"kim@example.com"}
    (note,) = (await env.request(run)).notes
    assert note.startswith("lee@example.com is away until ")
    assert note.endswith(" UTC. kim@example.com decides in their place.")
    assert isinstance(await decide(env, run, KIM), Decided)
    story = {entry.kind: entry.content or {} for entry in await env.engine.story(run)}
    assert story["request.approved"]["rule"] == "for lee@example.com: lee@example.com"


async def test_without_a_delegate_the_backup_of_the_gate_is_asked(env: EngineEnv) -> None:
    await away(env, LEE)
    run = await start_run(env, "approvers: [lee@example.com], escalate: {after: 4h, to: [mia@example.com]}")
    assert await names(env, run) == ["mia"]


async def test_an_only_approver_who_is_away_stays_asked_and_the_owner_is_told(env: EngineEnv) -> None:
    await away(env, LEE)
    run = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, run) == ["lee"]
    (alert,) = await copies(env, run, DeliveryKind.ALERT)
    assert (alert.topic, alert.address) == ("absent", "sam@example.com")
    (card,) = [copy.card for copy in env.channel.posted.values() if copy.card.kind is DeliveryKind.ALERT]
    assert card.title == "lee@example.com, who can decide “Act”, is away"


async def test_a_request_that_does_not_move_says_once_who_is_away(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com]")
    await away(env, LEE)
    env.clock.pass_time(timedelta(minutes=1))
    await env.settle()
    (request,) = await env.engine.requests_of_run(run)
    assert request.notes == ("lee@example.com is away until Mar 4, 09:00 UTC.",)
    await away(env, MIA)
    (request,) = await env.engine.requests_of_run(run)
    assert len(request.notes) == 1, "no one is left who could decide; the owner is told"
    (alert,) = await copies(env, run, DeliveryKind.ALERT)
    assert alert.topic == "absent"


async def notes_and_cards(env: EngineEnv, run: str) -> tuple[tuple[str, ...], set[tuple[str, ...]]]:
    """Return the notes of a request, and the notes on its cards as they are shown."""
    request = await env.request(run)
    cards = [copy.card for copy in env.channel.posted.values() if copy.card.request == request.id]
    return request.notes, {tuple(written(note.text) for note in card.notes) for card in cards if card.actions}


async def test_a_person_who_is_back_is_no_longer_said_to_be_away(env: EngineEnv) -> None:
    before = await start_run(env, "approvers: [lee@example.com, mia@example.com]")
    await away(env, LEE)
    during = await start_run(env, "approvers: [lee@example.com, mia@example.com]")
    for run in (before, during):
        notes, shown = await notes_and_cards(env, run)
        assert notes == ("lee@example.com is away until Mar 4, 09:00 UTC.",)
        assert all(notes[0] in texts for texts in shown)
    env.pass_time(hours=1)
    await back(env, LEE)
    env.pass_time(seconds=1)
    await env.settle()
    for run in (before, during):
        notes, shown = await notes_and_cards(env, run)
        assert (notes, [text for texts in shown for text in texts if "away" in text]) == ((), [])


async def test_who_decides_in_the_place_of_a_person_who_is_back_is_still_said(env: EngineEnv) -> None:
    await away(env, LEE, KIM)
    run = await start_run(env, "approvers: [lee@example.com]")
    await back(env, LEE)
    env.pass_time(seconds=1)
    await env.settle()
    assert (await env.request(run)).notes == ("kim@example.com decides in the place of lee@example.com.",)


async def test_another_absence_replaces_what_is_said_of_the_first(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com]")
    await away(env, LEE)
    env.pass_time(minutes=2)
    await away(env, LEE, days=5)
    for _ in range(3):
        env.pass_time(minutes=1)
        await env.settle()
    assert (await env.request(run)).notes == ("lee@example.com is away until Mar 7, 09:02 UTC.",)


async def test_open_requests_are_corrected_and_closed_ones_stay(env: EngineEnv) -> None:
    runs = [await start_run(env, "approvers: [lee@example.com, mia@example.com]") for _ in range(4)]
    runs += [await env.start() for _ in range(LOOKED_AT)]
    await away(env, LEE)
    await decide(env, runs[3], MIA)
    await back(env, LEE)
    env.pass_time(seconds=1)
    await env.settle()
    said = {run: (await env.request(run)).notes for run in runs}
    closed = said.pop(runs[3])
    assert closed == ("lee@example.com is away until Mar 4, 09:00 UTC.",), "a closed request stays as it was"
    assert set(said.values()) == {()}


async def test_absences_begin_and_end_by_themselves(env: EngineEnv) -> None:
    await away(env, LEE, KIM, starts=1, days=3)
    runs = {}
    for day in range(4):
        run = await start_run(env, "approvers: [lee@example.com]")
        runs[day] = (await names(env, run))[0]
        await decide(env, run, KIM if runs[day] == "kim" else LEE)
        env.pass_time(days=1)
    assert runs == {0: "lee", 1: "kim", 2: "kim", 3: "lee"}


async def test_the_requester_is_never_the_stand_in(env: EngineEnv) -> None:
    await away(env, LEE, ANN)
    run = await start_run(env, "approvers: [lee@example.com], escalate: {after: 4h, to: [ann@example.com]}")
    assert await names(env, run) == ["lee"]
    allowed = await start_run(env, "approvers: [lee@example.com], exclude: []")
    assert await names(env, allowed) == ["ann"]


@pytest.mark.parametrize("policy", ["all", "{quorum: 2}"])
async def test_a_delegate_who_is_asked_already_does_not_count_twice(env: EngineEnv, policy: str) -> None:
    await away(env, LEE, KIM)
    run = await start_run(env, f"approvers: [lee@example.com, kim@example.com], policy: {policy}")
    assert await names(env, run) == ["lee", "kim"]
    either = await start_run(env, "approvers: [lee@example.com, kim@example.com]")
    assert await names(env, either) == ["kim"]


async def test_chains_of_delegates_end_and_circles_stand_in_for_no_one(env: EngineEnv) -> None:
    await away(env, LEE, KIM)
    await away(env, KIM, MIA)
    run = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, run) == ["mia"]
    await away(env, MIA, LEE)
    circle = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, circle) == ["lee"]


# -- what waits already --------------------------------------------------------------------------------------


async def test_what_waits_moves_when_the_absence_begins_and_stays_there(env: EngineEnv) -> None:
    runs = [await start_run(env, "approvers: [lee@example.com]") for _ in range(21)]
    await away(env, LEE, KIM)
    assert [await names(env, run) for run in runs] == [["kim"]] * 21
    assert await decide(env, runs[0], LEE) == HandedOn(to="kim@example.com")
    assert isinstance(await back(env, LEE), SetBack)
    assert await names(env, runs[1]) == ["kim"]
    later = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, later) == ["lee"]


async def test_what_waits_moves_at_a_later_beginning(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com]")
    await away(env, LEE, KIM, starts=1)
    assert await names(env, run) == ["lee"]
    env.pass_time(days=1)
    await env.settle()
    assert await names(env, run) == ["kim"]
    handed_on = [entry for entry in await env.engine.story(run) if entry.kind == "request.handed_on"]
    assert [str((entry.content or {})["why"]).partition(" until")[0] for entry in handed_on] == [
        "lee@example.com is away"
    ]


async def test_an_absence_that_was_withdrawn_moves_nothing(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com]")
    await away(env, LEE, KIM, starts=1)
    answer = await back(env, LEE)
    assert isinstance(answer, SetBack)
    assert answer.was_away
    env.pass_time(days=1)
    await env.settle()
    assert await names(env, run) == ["lee"]
    again = await back(env, LEE)
    assert isinstance(again, SetBack)
    assert not again.was_away


async def test_an_absence_that_no_process_saw_moves_nothing(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com]")
    await away(env, LEE, KIM, starts=1)
    env.pass_time(days=9)
    await env.settle()
    assert await names(env, run) == ["lee"]


async def test_a_request_that_opens_as_the_absence_begins_moves_a_moment_later(env: EngineEnv) -> None:
    """Another process may open it without knowing of the absence; so does one after the clock was set back."""
    await away(env, LEE, KIM)
    env.pass_time(seconds=-5)
    run = await start_run(env, "approvers: [lee@example.com]")
    await env.settle()
    assert await names(env, run) == ["lee"]
    env.pass_time(seconds=40)
    await env.settle()
    assert await names(env, run) == ["kim"]
    assert await decide(env, run, LEE) == HandedOn(to="kim@example.com")
    env.pass_time(hours=1)
    assert await env.engine.due(env.clock.now()) == []


async def test_a_person_who_is_back_keeps_what_comes_then(env: EngineEnv) -> None:
    await away(env, LEE, KIM)
    lee = await env.engine.person(LEE)
    assert lee is not None
    absence = await env.engine.absence(lee.id, env.clock.now())
    assert absence is not None
    await back(env, LEE)
    run = await start_run(env, "approvers: [lee@example.com]")
    # A process that was passing requests on when the person came back.
    now = env.clock.now()
    await env.store.transact(lambda tx: absences.set_moved(tx, absence.id, up_to="", next_at=now))
    await env.settle()
    assert await names(env, run) == ["lee"]


async def test_what_waits_does_not_move_to_a_person_whom_the_gate_leaves_out(env: EngineEnv) -> None:
    edited = await start_run(env, "approvers: [lee@example.com, kim@example.com], exclude: [editor]")
    await decide(env, edited, KIM, text="goodbye")
    own = await start_run(env, "approvers: [mia@example.com]")
    await away(env, LEE, KIM)
    await away(env, MIA, ANN)
    assert (await names(env, edited), await names(env, own)) == (["lee"], ["mia"])
    assert [alert.topic for alert in await copies(env, own, DeliveryKind.ALERT)] == ["absent"]


async def test_a_vote_that_was_given_stays_and_a_missing_one_moves(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, mia@example.com], policy: all")
    await decide(env, run, LEE)
    await away(env, LEE, KIM)
    await away(env, MIA, KIM)
    assert await names(env, run) == ["kim"]
    assert isinstance(await decide(env, run, KIM), Decided)


async def test_a_new_absence_replaces_the_earlier_one(env: EngineEnv) -> None:
    await away(env, LEE, KIM)
    await away(env, LEE, MIA)
    run = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, run) == ["mia"]
    now = env.clock.now()
    lee = await env.engine.person(LEE)
    assert lee is not None
    current = await env.engine.absence(lee.id, now)
    assert current is not None
    assert current.delegate is not None
    assert current.delegate.email == "mia@example.com"


async def test_an_absence_goes_with_the_person_whose_account_becomes_known(env: EngineEnv) -> None:
    await away(env, LEE, KIM)
    found = DirectoryPerson("Lee", (Address("slack", "U0LEE"), LEE))
    await env.store.transact(lambda tx: identities.adopt(tx, "default", found).id)
    run = await start_run(env, "approvers: [lee@example.com]")
    assert await names(env, run) == ["kim"]


# -- who may say so ------------------------------------------------------------------------------------------


async def test_it_is_refused_with_a_reason(env: EngineEnv) -> None:
    assert isinstance(await away(env, KIM, person=LEE), NotAllowed)
    assert isinstance(await env.engine.set_back(Back(actor=KIM, origin=TERMINAL, person=LEE)), NotAllowed)
    assert await away(env, LEE, LEE) == CannotTakeOver(name="lee@example.com", why="yourself")
    stranger = Address("email", "stranger@elsewhere.example")
    assert await away(env, LEE, stranger) == CannotTakeOver(name=stranger.value, why="unknown")
    assert isinstance(await away(env, LEE, KIM, days=400), NotAllowed)
    assert isinstance(await away(env, LEE, KIM, days=-1), NotAllowed)
    # A person may name themselves.
    assert isinstance(await away(env, LEE, KIM, person=LEE), SetAway)


async def test_a_person_with_an_account_names_a_delegate_with_it(env: EngineEnv) -> None:
    """A gate may want a sign-in. A code by email is less, so it must not choose who decides."""
    found = DirectoryPerson("Lee", (Address("slack", "U0LEE"), LEE))
    await env.store.transact(lambda tx: identities.adopt(tx, "default", found).id)
    refused = await away(env, LEE, KIM, assurance=Assurance.CODE)
    assert isinstance(refused, NotAllowed)
    assert isinstance(await away(env, LEE, assurance=Assurance.CODE), SetAway)
    assert isinstance(await away(env, LEE, KIM, assurance=Assurance.SSO), SetAway)
    # A person without an account has nothing but the code.
    assert isinstance(await away(env, MIA, KIM, assurance=Assurance.CODE), SetAway)


# -- accounts that are closed --------------------------------------------------------------------------------


async def test_a_person_who_leaves_hands_over_to_their_delegate_backup_or_the_owner(env: EngineEnv) -> None:
    slack = Address("slack", "U0LEE")
    await env.store.transact(lambda tx: people.give_address(tx, "default", slack, _id(tx, LEE), evidence="test"))
    alone = await start_run(env, "approvers: [lee@example.com]")
    with_backup = await start_run(env, "approvers: [lee@example.com], escalate: {after: 4h, to: [mia@example.com]}")
    either = await start_run(env, THREE)
    await env.engine.close_account(CloseAccount(account=slack))
    await env.settle()
    assert await names(env, alone) == ["sam"]
    assert await names(env, with_backup) == ["mia"]
    assert await names(env, either) == ["kim", "mia"]
    assert isinstance(await decide(env, alone, SAM), Decided)


def _id(tx: Tx, address: Address) -> str:
    return people.need_person(tx, "default", address, evidence="test").id
