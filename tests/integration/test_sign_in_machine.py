"""Sign-ins with an account in any order of steps, browsers, people and time: at most one decides, and the right one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain import (
    Address,
    AskSignIn,
    Assurance,
    Decided,
    DeliveryKind,
    FinishSignIn,
    ProvenIdentity,
    RequestState,
    SignedInAsOther,
    SignInExpired,
    SignInStart,
    SignInView,
)
from tests.support.account_directory import AccountDirectory, account
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.examples import example_count

GATED: Final = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: set
    with: {n: 1}
    gate: {approvers: [lee@example.com, kim@example.com], assurance: sso, confirm_with: sso}
"""
PEOPLE: Final = {"ULEE": "lee@example.com", "UKIM": "kim@example.com", "UEVE": "eve@example.com"}
APPROVERS: Final = frozenset({"ULEE", "UKIM"})
MINUTES: Final = 10
"""How long a sign-in can be completed."""
BROWSERS = st.sampled_from(["one", "two"])
STEPS: Final = st.lists(
    st.tuples(st.just("begin"), BROWSERS)
    | st.tuples(st.just("come back"), BROWSERS, st.integers(0, 3), st.sampled_from(sorted(PEOPLE)))
    | st.tuples(st.just("wait"), st.sampled_from([1, 6, MINUTES])),
    max_size=12,
)


@dataclass
class Model:
    """What should be true of one sign-in. `states`: what the provider was sent, the newest last."""

    browser: str | None
    asked: frozenset[str]
    minutes: int = 0
    states: list[str] = field(default_factory=list)
    spent: set[str] = field(default_factory=set)
    decided_by: str | None = None

    def is_open_for(self, browser: str) -> bool:
        return self.decided_by is None and self.minutes < MINUTES and self.browser in (None, browser)


async def begin(env: EngineEnv, sign_in: str, model: Model, browser: str) -> None:
    start = await env.identity.begin_sign_in(sign_in, browser)
    assert isinstance(start, SignInStart) == model.is_open_for(browser)
    if isinstance(start, SignInStart):
        assert start.state not in model.states
        model.browser = browser
        model.states.append(start.state)


async def come_back(env: EngineEnv, sign_in: str, model: Model, browser: str, state: str, user: str) -> None:
    """Come back from the provider with a state, as a person, and go on if it is taken."""
    taken = await env.identity.take_state(state, browser)
    is_newest, is_mine = state == model.states[-1], browser == model.browser
    if not is_newest or not is_mine or (state not in model.spent and not model.is_open_for(browser)):
        assert isinstance(taken, SignInExpired)
        return
    if state in model.spent:
        assert isinstance(taken, SignInView)
        assert taken.used == (model.decided_by is not None)
        return
    model.spent.add(state)
    assert isinstance(taken, tuple)
    assert taken[1].state == state
    command = FinishSignIn(sign_in=sign_in, holder=browser, account=account(user), name=user)
    answer = await env.identity.finish_sign_in(command)
    if user in model.asked:
        assert isinstance(answer, ProvenIdentity)
        assert isinstance(answer.answer, Decided)
        model.decided_by = user
    else:
        assert isinstance(answer, SignedInAsOther)


async def walk(path: Path, steps: list[Any], *, in_messenger: bool) -> None:
    directory = AccountDirectory(**PEOPLE)
    async with open_engine(path, directory=directory) as env:
        await env.register(GATED)
        run = await env.start()
        await env.settle()
        # On a page the holder of the link is not known; in a messenger Lee clicked.
        browser, asked = (None, frozenset({"ULEE"})) if in_messenger else ("one", APPROVERS)
        link = None if in_messenger else env.mail.to("lee@example.com", DeliveryKind.REQUEST)[-1].token
        actor = account("ULEE") if in_messenger else Address("email", "lee@example.com")
        assurance = Assurance.SLACK if in_messenger else Assurance.LINK
        decision = await env.approval_by_link(run, link=link, actor=actor, assurance=assurance)
        sign_in = await env.identity.ask_sign_in(AskSignIn(decide=decision, holder=browser or ""))
        assert isinstance(sign_in, str)
        model = Model(browser=browser, asked=asked)
        for kind, *details in steps:
            if kind == "begin":
                await begin(env, sign_in, model, *details)
            elif kind == "wait":
                env.pass_time(minutes=details[0])
                model.minutes += details[0]
            elif model.states:
                state = model.states[-1 - details[1] % len(model.states)]
                await come_back(env, sign_in, model, details[0], state, details[2])
        request = await env.request(run)
        is_decided = request.model.state is RequestState.APPROVED
        assert is_decided == (model.decided_by is not None)
        if request.decision is not None and model.decided_by is not None:
            assert request.decision.person.email == PEOPLE[model.decided_by]
            assert request.decision.assurance == Assurance.SSO


@pytest.mark.parametrize("in_messenger", [False, True], ids=["page", "messenger"])
@settings(max_examples=example_count(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_sign_in_decides_once_and_as_the_person_who_may(
    tmp_path_factory: pytest.TempPathFactory, empty_database: bytes, in_messenger: bool, steps: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("machine") / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    asyncio.run(walk(path, steps, in_messenger=in_messenger))
