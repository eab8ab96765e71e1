"""A clock that was ahead leaves nothing behind: no code that still works, no limit and no life of years."""

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
    Verdict,
    WrongCode,
)
from engine.store.takeover import take_over
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
async def home(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    """A house whose clock is ten years ahead."""
    async with open_engine(tmp_path / "signoff.db", directory=people_reached_by("email")) as made:
        made.clock.at = START + AHEAD
        yield made


async def asked(home: EngineEnv) -> str:
    await home.register(GATED)
    run = await home.start()
    await home.settle()
    return run


def link(home: EngineEnv) -> str:
    return home.mail.to(LEE, DeliveryKind.REQUEST)[-1].token or ""


def code(home: EngineEnv) -> str:
    return home.mail.to(LEE, DeliveryKind.CODE)[-1].code or ""


async def command(home: EngineEnv, run: str, form: str, *, browser: str | None = None) -> Decide:
    view = (await home.request(run)).model
    return Decide(
        request=view.id,
        verdict=Verdict.APPROVE,
        actor=Address("email", LEE),
        content_version=view.content_version,
        digest=view.digest,
        origin=Origin(surface="web"),
        assurance=Assurance.LINK,
        form=form,
        link=link(home) if browser is None else None,
        browser=browser,
    )


async def ask(home: EngineEnv, run: str, form: str) -> CodeSent:
    sent = await home.identity.ask_code(AskCode(decide=await command(home, run, form), holder=form))
    assert isinstance(sent, CodeSent)
    await home.settle()
    return sent


async def give(home: EngineEnv, challenge: str, holder: str, given: str) -> ProvenIdentity | WrongCode | CodeExpired:
    return await home.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=given, label="Firefox"))


async def sign_in(home: EngineEnv, holder: str) -> CodeSent:
    sent = await home.identity.sign_in(SignIn(email=LEE, holder=holder, form=holder))
    await home.settle()
    return sent


async def correct_clock(home: EngineEnv, *, restarts: bool) -> None:
    home.clock.at = START + timedelta(minutes=1)
    if restarts:
        await home.store.transact(take_over)


@pytest.mark.parametrize("restarts", [False, True])
async def test_codes_of_a_clock_that_was_ahead_neither_work_nor_count(home: EngineEnv, restarts: bool) -> None:
    run = await asked(home)
    old = [await ask(home, run, f"ahead {number}") for number in range(8)]
    mail = [one.code or "" for one in home.mail.to(LEE, DeliveryKind.CODE)]
    old_sign_in = await sign_in(home, "ahead")
    await correct_clock(home, restarts=restarts)
    for sent, given in zip(old, mail, strict=False):
        assert await give(home, sent.challenge, sent.challenge and f"ahead {old.index(sent)}", given) == CodeExpired()
    assert await give(home, old_sign_in.challenge, "ahead", code(home)) == CodeExpired()
    before = len(home.mail.to(LEE, DeliveryKind.CODE))
    run = await asked(home)
    sent = await ask(home, run, "now")
    assert len(home.mail.to(LEE, DeliveryKind.CODE)) == before + 1
    assert isinstance(await give(home, sent.challenge, "now", code(home)), ProvenIdentity)
    signs_in = await sign_in(home, "now too")
    assert isinstance(await give(home, signs_in.challenge, "now too", code(home)), ProvenIdentity)
    home.clock.at = START + AHEAD + timedelta(minutes=1)
    assert await give(home, old[0].challenge, "ahead 0", mail[0]) == CodeExpired(), "nor when that time has come"


@pytest.mark.parametrize("restarts", [False, True])
async def test_links_and_browsers_of_a_clock_that_was_ahead_last_as_long_as_others(
    home: EngineEnv, restarts: bool
) -> None:
    run = await asked(home)
    sent = await ask(home, run, "ahead")
    known = await give(home, sent.challenge, "ahead", code(home))
    assert isinstance(known, ProvenIdentity)
    token = link(home)
    await correct_clock(home, restarts=restarts)
    found, browser = await home.identity.link(token), await home.identity.browser(known.browser)
    assert found is not None
    assert browser is not None
    assert (found.state, found.until) == (LinkState.LIVE, home.clock.now() + timedelta(days=30))
    assert browser.until == home.clock.now() + timedelta(days=30)
    run = await asked(home)
    assert isinstance(await home.engine.decide(await command(home, run, "x", browser=known.browser)), Decided)
    home.pass_time(hours=2)
    seen = await home.identity.browser(known.browser)
    assert seen is not None
    again = await home.identity.browser(known.browser)
    assert again is not None
    assert again.seen_at == home.clock.now(), "when it was seen is written down again"
    home.pass_time(days=30)
    found = await home.identity.link(token)
    assert found is not None
    assert found.state is LinkState.EXPIRED
    home.pass_time(hours=3)
    assert await home.identity.browser(known.browser) is None


async def test_a_clock_that_is_set_back_a_little_spoils_no_code(home: EngineEnv) -> None:
    run = await asked(home)
    sent = await ask(home, run, "mine")
    home.clock.at -= timedelta(seconds=30)
    assert isinstance(await give(home, sent.challenge, "mine", code(home)), ProvenIdentity)
