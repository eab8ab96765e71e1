"""Approvals of several people that are each confirmed with a code of their own, through the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.domain import (
    Address,
    AlreadyVoted,
    AskCode,
    Assurance,
    Changed,
    CodeExpired,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    Expired,
    GiveCode,
    HandedOn,
    NeedsCode,
    Origin,
    ProvenIdentity,
    Reassign,
    Refusal,
    RequestState,
    Verdict,
    WrongCode,
)
from tests.integration.test_policies import GATED, KIM, MIA, names, state
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.fakes import people_reached_by

SLACK = Origin(surface="slack")
THREE = "confirm_with: code, approvers: [lee@example.com, kim@example.com, mia@example.com]"
CHAIN = "confirm_with: code, policy: {chain: [[lee@example.com, kim@example.com], [mia@example.com]]}"
WAYS = pytest.mark.parametrize("assurance", [Assurance.SLACK, Assurance.LINK])


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=people_reached_by("email")) as env:
        yield env


@pytest.fixture
async def stored(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    directory = people_reached_by("email")
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=directory) as env:
        yield env


async def start_run(env: EngineEnv, keys: str) -> str:
    await env.register(GATED.format(keys=keys))
    run = await env.start()
    await env.settle()
    return run


async def decision(
    env: EngineEnv,
    run: str,
    by: Address,
    assurance: Assurance = Assurance.SLACK,
    verdict: Verdict = Verdict.APPROVE,
    **edits: Any,
) -> Decide:
    """Return the decision on what is shown now. On a page, the link of the person proves who they are."""
    model = (await env.request(run)).model
    link = None
    if assurance is Assurance.LINK:
        link = env.mail.to(by.value, DeliveryKind.REQUEST)[-1].token
    return Decide(
        request=model.id,
        verdict=verdict,
        actor=by,
        content_version=model.content_version,
        digest=model.digest,
        origin=SLACK,
        assurance=assurance,
        link=link,
        edits=edits,
        reason="because",
        form=f"form of {by}",
    )


async def ask(env: EngineEnv, decide: Decide) -> CodeSent | Refusal:
    sent = await env.identity.ask_code(AskCode(decide=decide, holder=f"browser of {decide.actor}"))
    await env.settle()
    return sent


def code(env: EngineEnv, by: Address) -> str:
    """Return the code in the newest email to the person."""
    found = env.mail.to(by.value, DeliveryKind.CODE)[-1].code
    assert found is not None
    return found


async def give(env: EngineEnv, by: Address, sent: CodeSent | Refusal, typed: str) -> Any:
    """Give a code, and return what became of the decision."""
    assert isinstance(sent, CodeSent), sent
    command = GiveCode(challenge=sent.challenge, holder=f"browser of {by}", code=typed, label="Firefox")
    answer = await env.identity.give_code(command)
    await env.settle()
    return answer.answer if isinstance(answer, ProvenIdentity) else answer


async def vote(env: EngineEnv, run: str, by: Address, assurance: Assurance = Assurance.SLACK, **edits: Any) -> Any:
    """Approve, and confirm it with the code."""
    decide = await decision(env, run, by, assurance, **edits)
    assert isinstance(await env.engine.decide(decide), NeedsCode)
    sent = await ask(env, decide)
    return await give(env, by, sent, code(env, by))


async def signatures(env: EngineEnv, run: str) -> list[tuple[str, str, Any]]:
    """Return the kind, the name and the content version of each signature on the record."""
    signed = []
    for entry in await env.engine.story(run):
        if entry.content and "signature" in entry.content:
            signature, version = entry.content["signature"], entry.content["content_version"]
            assert isinstance(signature, dict)
            assert entry.content["confirmed_with"] == "code"
            signed.append((entry.kind.removeprefix("request."), str(signature["name"]).partition("@")[0], version))
    return signed


@WAYS
@pytest.mark.parametrize("keys", [f"{THREE}, policy: all", CHAIN])
async def test_each_approval_is_proven_afresh_and_signed(env: EngineEnv, keys: str, assurance: Assurance) -> None:
    run = await start_run(env, keys)
    voters = [LEE, KIM, MIA] if "all" in keys else [LEE, MIA]
    for person in voters:
        decided = await vote(env, run, person, assurance)
        assert isinstance(decided, Decided)
    assert await state(env, run) is RequestState.APPROVED
    who = [person.value.partition("@")[0] for person in voters]
    kinds = ["voted"] * (len(who) - 1) + ["approved"]
    assert await signatures(env, run) == [(kind, name, 1) for kind, name in zip(kinds, who, strict=True)]


@WAYS
async def test_a_code_that_was_sent_before_an_edit_of_another_confirms_nothing(
    stored: EngineEnv, assurance: Assurance
) -> None:
    env = stored
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}")
    early = await decision(env, run, MIA, assurance)
    waiting = await ask(env, early)
    old_code = code(env, MIA)
    assert isinstance(await vote(env, run, LEE, assurance), Decided)
    assert isinstance(await vote(env, run, KIM, assurance, text="goodbye"), Decided)
    assert await give(env, MIA, waiting, old_code) == Changed(content_version=2)
    assert await names(env, run) == ["lee", "mia"]
    # The code is used up, and confirms no other version.
    later = await decision(env, run, MIA, assurance)
    sent = await ask(env, later)
    assert isinstance(await give(env, MIA, sent, old_code), WrongCode)
    assert await give(env, MIA, waiting, code(env, MIA)) == CodeExpired()
    done = await give(env, MIA, sent, code(env, MIA))
    assert isinstance(done, Decided)
    assert done.state is RequestState.APPROVED
    assert await signatures(env, run) == [("voted", "lee", 1), ("changed", "kim", 1), ("approved", "mia", 2)]


async def test_a_code_counts_for_no_version_that_only_looks_the_same(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: all")
    waiting = await ask(env, await decision(env, run, MIA))
    old_code = code(env, MIA)
    await vote(env, run, LEE, text="goodbye")
    await vote(env, run, KIM, text="hello")
    model = (await env.request(run)).model
    assert (model.content_version, model.content.value["text"]) == (3, "hello")
    assert await give(env, MIA, waiting, old_code) == Changed(content_version=3)


async def test_the_code_of_an_approval_confirms_no_rejection_and_no_edit(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: all")
    await ask(env, await decision(env, run, LEE))
    of_approval = code(env, LEE)
    for other in (await decision(env, run, LEE, verdict=Verdict.REJECT), await decision(env, run, LEE, text="other")):
        sent = await ask(env, other)
        assert isinstance(await give(env, LEE, sent, of_approval), WrongCode)
    assert (await env.request(run)).model.votes == ()


async def test_one_who_has_approved_confirms_the_rejection_as_well(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: all")
    await vote(env, run, LEE)
    assert isinstance(await env.engine.decide(await decision(env, run, LEE)), AlreadyVoted)
    assert isinstance(await ask(env, await decision(env, run, LEE)), AlreadyVoted)
    reject = await decision(env, run, LEE, verdict=Verdict.REJECT)
    assert isinstance(await env.engine.decide(reject), NeedsCode)
    assert isinstance(await give(env, LEE, await ask(env, reject), code(env, LEE)), Decided)
    assert await signatures(env, run) == [("voted", "lee", 1), ("rejected", "lee", 1)]


async def test_an_approval_that_was_sent_twice_counts_once(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}")
    decide = await decision(env, run, LEE)
    first, again = await ask(env, decide), await ask(env, decide)
    assert first == again
    right = code(env, LEE)
    assert isinstance(await give(env, LEE, first, right), Decided)
    assert await give(env, LEE, first, right) == CodeExpired()
    assert isinstance(await env.engine.decide(decide), AlreadyVoted)
    assert len(await signatures(env, run)) == 1


async def test_a_code_confirms_nothing_after_the_place_was_passed_on_or_the_time_is_over(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}, expires: 5m")
    sent = await ask(env, await decision(env, run, LEE))
    of_lee = code(env, LEE)
    new = Address("email", "new@example.com")
    lee = next(row.person.id for row in (await env.request(run)).model.approvers if row.person.label == LEE.value)
    await env.engine.reassign(
        Reassign(
            request=(await env.request(run)).model.id,
            to=new,
            reason="on holiday",
            actor=SAM,
            origin=TERMINAL,
            assurance=Assurance.TERMINAL,
            place=lee,
        )
    )
    await env.settle()
    assert await give(env, LEE, sent, of_lee) == HandedOn(to=new.value)
    of_kim = await ask(env, await decision(env, run, KIM))
    env.pass_time(minutes=5)
    assert isinstance(await give(env, KIM, of_kim, code(env, KIM)), Expired)
    assert await signatures(env, run) == []


async def test_too_many_wrong_codes_leave_a_way_to_another_code(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: all")
    decide = await decision(env, run, LEE)
    sent = await ask(env, decide)
    wrong = "00000000" if code(env, LEE) != "00000000" else "11111111"
    answers = [await give(env, LEE, sent, wrong) for _ in range(5)]
    assert [type(answer) for answer in answers] == [WrongCode] * 4 + [CodeExpired]
    # The same form is sent again.
    another = await ask(env, decide)
    assert another != sent
    assert isinstance(await give(env, LEE, another, code(env, LEE)), Decided)
