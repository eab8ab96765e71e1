"""After a clock that was years ahead, no code still works, and no limit or link lasts for years."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain import (
    Address,
    AskCode,
    Assurance,
    CodeExpired,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    GiveCode,
    LinkState,
    Origin,
    ProvenIdentity,
    SignIn,
    TooManyCodes,
    Verdict,
    WrongCode,
)
from engine.store.asked_codes import MOST, SPAN
from engine.store.takeover import take_over
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.fakes import START, people_reached_by

LEE = "lee@example.com"
GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com]}}
"""
AHEAD = timedelta(days=3_650)


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    """Run an engine whose clock is ten years ahead."""
    async with open_engine(
        tmp_path / "signoff.db", open_store=open_database, directory=people_reached_by("email")
    ) as env:
        env.clock.at = START + AHEAD
        yield env


async def start_run(env: EngineEnv) -> str:
    await env.register(GATED)
    run = await env.start()
    await env.settle()
    return run


def link(env: EngineEnv) -> str:
    return env.mail.to(LEE, DeliveryKind.REQUEST)[-1].token or ""


def code(env: EngineEnv) -> str:
    return env.mail.to(LEE, DeliveryKind.CODE)[-1].code or ""


async def command(env: EngineEnv, run: str, form: str, *, browser: str | None = None) -> Decide:
    view = (await env.request(run)).model
    return Decide(
        request=view.id,
        verdict=Verdict.APPROVE,
        actor=Address("email", LEE),
        content_version=view.content_version,
        digest=view.digest,
        origin=Origin(surface="web"),
        assurance=Assurance.LINK,
        form=form,
        link=link(env) if browser is None else None,
        browser=browser,
    )


async def ask_code(env: EngineEnv, run: str, form: str) -> CodeSent:
    sent = await env.identity.ask_code(AskCode(decide=await command(env, run, form), holder=form))
    assert isinstance(sent, CodeSent)
    await env.settle()
    return sent


async def give_code(
    env: EngineEnv, challenge: str, holder: str, typed: str
) -> ProvenIdentity | WrongCode | CodeExpired:
    return await env.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=typed, label="Firefox"))


async def sign_in(env: EngineEnv, holder: str) -> CodeSent:
    sent = await env.identity.sign_in(SignIn(email=LEE, holder=holder, form=holder))
    assert isinstance(sent, CodeSent)
    await env.settle()
    return sent


async def correct_clock(env: EngineEnv, *, restarts: bool) -> None:
    env.clock.at = START + timedelta(minutes=1)
    if restarts:
        await env.store.transact(take_over)


@pytest.mark.parametrize("restarts", [False, True])
async def test_codes_of_a_clock_that_was_ahead_neither_work_nor_count(env: EngineEnv, restarts: bool) -> None:
    run = await start_run(env)
    challenges = [await ask_code(env, run, f"ahead {number}") for number in range(8)]
    mail = [email.code or "" for email in env.mail.to(LEE, DeliveryKind.CODE)]
    old_sign_in = await sign_in(env, "ahead")
    await correct_clock(env, restarts=restarts)
    for number, (sent, typed) in enumerate(zip(challenges, mail, strict=False)):
        assert await give_code(env, sent.challenge, f"ahead {number}", typed) == CodeExpired()
    assert await give_code(env, old_sign_in.challenge, "ahead", code(env)) == CodeExpired()
    before = len(env.mail.to(LEE, DeliveryKind.CODE))
    run = await start_run(env)
    sent = await ask_code(env, run, "now")
    assert len(env.mail.to(LEE, DeliveryKind.CODE)) == before + 1
    assert isinstance(await give_code(env, sent.challenge, "now", code(env)), ProvenIdentity)
    signs_in = await sign_in(env, "now too")
    assert isinstance(await give_code(env, signs_in.challenge, "now too", code(env)), ProvenIdentity)
    env.clock.at = START + AHEAD + timedelta(minutes=1)
    assert await give_code(env, challenges[0].challenge, "ahead 0", mail[0]) == CodeExpired(), "nor does it later"


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_client_that_asked_while_the_clock_was_ahead_does_not_wait_for_it(
    env: EngineEnv, restarts: bool
) -> None:
    ask = SignIn(email="no@example.com", holder="browser", client="192.0.2.7")
    ahead = [await env.identity.sign_in(ask) for _ in range(MOST + 1)]
    assert ahead[MOST] == TooManyCodes(wait=SPAN)
    await correct_clock(env, restarts=restarts)
    now = [await env.identity.sign_in(ask) for _ in range(MOST + 1)]
    assert now[MOST] == TooManyCodes(wait=SPAN)
    assert all(isinstance(sent, CodeSent) for sent in (*ahead[:MOST], *now[:MOST]))
    env.clock.at = START + AHEAD + timedelta(minutes=1)
    assert isinstance(await env.identity.sign_in(ask), CodeSent), "nor do those codes count later"


async def test_a_clock_that_is_set_back_a_little_makes_a_client_wait_a_little_longer(env: EngineEnv) -> None:
    ask = SignIn(email="no@example.com", holder="browser", client="192.0.2.7")
    for _ in range(MOST):
        await env.identity.sign_in(ask)
    env.clock.pass_time(-timedelta(seconds=20))
    assert await env.identity.sign_in(ask) == TooManyCodes(wait=SPAN + timedelta(seconds=20))


@pytest.mark.parametrize("restarts", [False, True])
async def test_links_and_browsers_of_a_clock_that_was_ahead_last_as_long_as_others(
    env: EngineEnv, restarts: bool
) -> None:
    run = await start_run(env)
    sent = await ask_code(env, run, "ahead")
    proof = await give_code(env, sent.challenge, "ahead", code(env))
    assert isinstance(proof, ProvenIdentity)
    token = link(env)
    await correct_clock(env, restarts=restarts)
    link_seen, browser = await env.identity.link(token), await env.identity.browser(proof.browser)
    assert link_seen is not None
    assert browser is not None
    assert (link_seen.state, link_seen.until) == (LinkState.LIVE, env.clock.now() + timedelta(days=30))
    assert browser.until == env.clock.now() + timedelta(days=30)
    run = await start_run(env)
    assert isinstance(await env.engine.decide(await command(env, run, "x", browser=proof.browser)), Decided)
    env.pass_time(hours=2)
    browser_seen = await env.identity.browser(proof.browser)
    assert browser_seen is not None
    browser_later = await env.identity.browser(proof.browser)
    assert browser_later is not None
    assert browser_later.seen_at == env.clock.now(), "the time of its last use is saved again"
    env.pass_time(days=30)
    link_seen = await env.identity.link(token)
    assert link_seen is not None
    assert link_seen.state is LinkState.EXPIRED
    env.pass_time(hours=3)
    assert await env.identity.browser(proof.browser) is None


async def test_a_clock_that_is_set_back_a_little_spoils_no_code(env: EngineEnv) -> None:
    run = await start_run(env)
    sent = await ask_code(env, run, "mine")
    env.clock.at -= timedelta(seconds=30)
    assert isinstance(await give_code(env, sent.challenge, "mine", code(env)), ProvenIdentity)
