"""Gates that people decide with an account: a person without one is never asked, and takes no place over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.presentation.refusals import phrase
from engine.domain import (
    Address,
    Assurance,
    Away,
    CannotTakeOver,
    Decide,
    Decided,
    DeliveryKind,
    NotAllowed,
    Reassign,
    Reassigned,
    Refusal,
    Register,
    Registered,
    SetAway,
    Verdict,
)
from engine.store import people
from tests.integration.test_policies import GATED, KIM, MIA, copies, names
from tests.support.account_directory import AccountDirectory, account
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

WITHOUT = "mia@example.com has no Slack account to sign in with and is not asked."
KEYS = pytest.mark.parametrize("proof", ["assurance: sso", "confirm_with: sso"])
SLACK = {name: account(name) for name in ("ann", "lee", "kim", "sam")}


@pytest.fixture
def directory() -> AccountDirectory:
    return AccountDirectory(**{name: f"{name}@example.com" for name in SLACK})


@pytest.fixture
async def env(tmp_path: Path, directory: AccountDirectory) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=directory) as env:
        # Mia is known here, and has no account.
        await env.store.transact(lambda tx: people.need_person(tx, "default", MIA, evidence="test"))
        yield env


async def start_run(env: EngineEnv, keys: str, **inputs: Any) -> str:
    """Start a run. Names of people come from an input where the file could not name them."""
    source = GATED.format(keys=keys).replace("inputs:\n", "inputs:\n  who: {type: text, default: ''}\n")
    await env.register(source)
    run = await env.start(**inputs)
    await env.settle()
    return run


async def vote(env: EngineEnv, run: str, by: str) -> Decided | Refusal:
    """Approve by a click in Slack, as far as the gate believes it."""
    model = (await env.request(run)).model
    command = Decide(
        request=model.id,
        verdict=Verdict.APPROVE,
        actor=SLACK[by],
        content_version=model.content_version,
        digest=model.digest,
        origin=TERMINAL,
        assurance=Assurance.SLACK,
    )
    decided = await env.engine.decide(command)
    await env.settle()
    return decided


async def pass_on(
    env: EngineEnv, run: str, by: Address, to: Address, assurance: Assurance = Assurance.SLACK
) -> Reassigned | Refusal:
    request = (await env.request(run)).model.id
    command = Reassign(request=request, to=to, reason="on holiday", actor=by, origin=TERMINAL, assurance=assurance)
    answer = await env.engine.reassign(command)
    await env.settle()
    return answer


# -- opening -------------------------------------------------------------------------------------------------


@KEYS
@pytest.mark.parametrize("policy", ["any", "all", "{quorum: 2}"])
async def test_a_person_without_an_account_is_not_asked(env: EngineEnv, proof: str, policy: str) -> None:
    approvers = '["{{ inputs.who }}", lee@example.com]'
    run = await start_run(env, f"{proof}, approvers: {approvers}, policy: {policy}", who=MIA.value)
    short = policy == "{quorum: 2}"
    assert await names(env, run) == (["Lee", "Sam"] if short else ["Lee"])
    assert WITHOUT in (await env.request(run)).notes
    assert MIA.value not in {copy.address for copy in await copies(env, run)}


@KEYS
async def test_the_owner_decides_if_no_one_else_has_an_account(env: EngineEnv, proof: str) -> None:
    run = await start_run(env, f'{proof}, approvers: "{{{{ inputs.who }}}}"', who=MIA.value)
    assert await names(env, run) == ["Sam"]


@KEYS
async def test_an_owner_without_an_account_is_told_and_can_pass_it_on(
    env: EngineEnv, directory: AccountDirectory, proof: str
) -> None:
    del directory.active["sam"]
    run = await start_run(env, f'{proof}, approvers: "{{{{ inputs.who }}}}"', who=MIA.value)
    assert await names(env, run) == []
    assert [alert.topic for alert in await copies(env, run, DeliveryKind.ALERT)] == ["short"]


@KEYS
async def test_backups_without_an_account_are_not_asked(env: EngineEnv, proof: str) -> None:
    escalate = 'escalate: {after: 1h, to: ["{{ inputs.who }}", kim@example.com]}'
    run = await start_run(env, f"{proof}, approvers: [lee@example.com], {escalate}", who=MIA.value)
    assert WITHOUT in (await env.request(run)).notes
    env.pass_time(hours=2)
    await env.settle()
    assert await names(env, run) == ["Lee", "Kim"]


@KEYS
async def test_a_backup_without_an_account_leaves_it_to_the_owner(env: EngineEnv, proof: str) -> None:
    escalate = 'escalate: {after: 1h, to: "{{ inputs.who }}"}'
    run = await start_run(env, f"{proof}, approvers: [lee@example.com], {escalate}", who=MIA.value)
    env.pass_time(hours=2)
    await env.settle()
    assert await names(env, run) == ["Lee", "Sam"]


async def test_no_account_is_needed_for_a_code(env: EngineEnv) -> None:
    run = await start_run(env, 'confirm_with: code, approvers: "{{ inputs.who }}"', who=MIA.value)
    assert await names(env, run) == ["mia"]


# -- passing on ----------------------------------------------------------------------------------------------


@KEYS
async def test_a_place_passes_only_to_a_person_with_an_account(env: EngineEnv, proof: str) -> None:
    run = await start_run(env, f"{proof}, approvers: [lee@example.com]")
    before = await env.kinds(run)
    for by in (SLACK["lee"], SLACK["sam"]):
        refused = await pass_on(env, run, by, MIA)
        assert refused == CannotTakeOver(name=MIA.value, why="account")
        assert str(phrase(refused)[0]).startswith("mia@example.com has no Slack account, and people sign in with Slack")
    # The owner may name an address that Signoff does not know, but not here.
    unknown = Address("email", "new@example.com")
    assert await pass_on(env, run, SLACK["sam"], unknown) == CannotTakeOver(name=unknown.value, why="account")
    assert (await env.kinds(run), await names(env, run)) == (before, ["Lee"])
    assert isinstance(await pass_on(env, run, SLACK["lee"], KIM), Reassigned)
    assert await names(env, run) == ["Kim"]


@KEYS
async def test_a_terminal_passes_nothing_on_that_needs_an_account(env: EngineEnv, proof: str) -> None:
    run = await start_run(env, f"{proof}, approvers: [lee@example.com]")
    for by in (LEE, SAM):
        refused = await pass_on(env, run, by, KIM, Assurance.TERMINAL)
        assert isinstance(refused, NotAllowed)
        assert "Pass it on in Slack" in refused.why
    assert await names(env, run) == ["Lee"]


@KEYS
@pytest.mark.parametrize("delegate", [MIA, KIM])
async def test_a_delegate_without_an_account_does_not_stand_in(env: EngineEnv, proof: str, delegate: Address) -> None:
    open_run = await start_run(env, f"{proof}, approvers: [lee@example.com]")
    until = env.clock.now() + timedelta(days=2)
    away = Away(actor=SLACK["lee"], origin=TERMINAL, ends_at=until, delegate=delegate, assurance=Assurance.SLACK)
    assert isinstance(await env.engine.set_away(away), SetAway)
    await env.settle()
    later_run = await env.start()
    await env.settle()
    stays = delegate == MIA
    for run in (open_run, later_run):
        assert await names(env, run) == (["Lee"] if stays else ["Kim"])
        topics = [alert.topic for alert in await copies(env, run, DeliveryKind.ALERT)]
        assert topics == (["absent"] if stays else [])


@KEYS
async def test_votes_of_people_with_accounts_count(env: EngineEnv, proof: str) -> None:
    run = await start_run(env, f"{proof}, approvers: [lee@example.com, kim@example.com], policy: all")
    decided = [await vote(env, run, name) for name in ("lee", "kim")]
    if proof.startswith("assurance"):
        assert [one.state for one in decided if isinstance(one, Decided)] == ["pending", "approved"]
    else:
        assert [type(one).__name__ for one in decided] == ["NeedsSignIn", "NeedsSignIn"]


# -- registration --------------------------------------------------------------------------------------------


@KEYS
@pytest.mark.parametrize("keys", ["approvers: [owner]", "title: Go?"])
async def test_an_owner_without_an_account_who_has_to_decide_is_refused(
    env: EngineEnv, directory: AccountDirectory, proof: str, keys: str
) -> None:
    source = GATED.format(keys=f"{proof}, {keys}")
    del directory.active["sam"]
    refused = await env.engine.register(Register(source=source.encode(), actor=ANN, origin=TERMINAL))
    assert isinstance(refused, NotAllowed)
    assert refused.why.startswith("The gate of step act: owner (sam@example.com) has no Slack account")
    directory.active["sam"] = SAM.value
    assert isinstance(
        await env.engine.register(Register(source=source.encode(), actor=ANN, origin=TERMINAL)), Registered
    )
