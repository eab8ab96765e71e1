"""Whatever people do: each version was registered without a protection, or another person approved its bytes."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain import Address, Decided, Register, Registered, Verdict
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    TransferWorkflow,
    WorkflowState,
)
from engine.service import Engine
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

KIM: Final = Address("email", "kim@example.com")
FLOW: Final = """\
name: flow
owner: {owner}
protected: {protected}
steps:
  - {{id: pay, uses: set, with: {{amount: {amount}}}, gate: {{approvers: [ann@example.com]}}}}
"""
PERSONS: Final = st.sampled_from([SAM, KIM, LEE])
NAMES: Final = st.sampled_from(["sam@example.com", "kim@example.com"])
SOURCES: Final = st.builds(
    lambda owner, protected, amount: FLOW.format(owner=owner, protected=protected, amount=amount).encode(),
    owner=NAMES,
    protected=st.sampled_from(["true", "false"]),
    amount=st.integers(1, 3),
)
ACTS: Final = st.one_of(
    st.tuples(st.just("register"), PERSONS, SOURCES),
    st.tuples(st.just("roll_back"), PERSONS, st.integers(1, 3)),
    st.tuples(st.just("transfer"), PERSONS, NAMES),
    st.tuples(st.just("state"), PERSONS, st.sampled_from(WorkflowState)),
    st.tuples(st.just("decide"), PERSONS, st.sampled_from([Verdict.APPROVE, Verdict.APPROVE, Verdict.REJECT])),
    st.tuples(st.just("decide first"), PERSONS, st.just(Verdict.APPROVE)),
    st.tuples(st.just("wait"), PERSONS, st.integers(1, 15)),
)


@dataclass
class World:
    """What the test knows: who proposed what, and which versions may be there."""

    env: EngineEnv
    proposals: list[tuple[str, Address]] = field(default_factory=list)
    sources: list[bytes] = field(default_factory=list)
    """The source of each version, as it may be."""

    @property
    def is_protected(self) -> bool:
        return bool(self.sources) and b"protected: true" in self.sources[-1]

    async def act(self, name: str, by: Address, what: Any) -> None:
        self.env.pass_time(seconds=1)
        if name == "wait":
            self.env.pass_time(days=what)
        elif name.startswith("decide"):
            await self.decide(by, what, first=name == "decide first")
        else:
            await self.change(name, by, what)
        await self.env.settle()
        versions = await self.env.engine.versions("flow")
        assert [view.source for view in reversed(versions)] == self.sources

    async def change(self, name: str, by: Address, what: Any) -> None:
        engine, was_protected = self.env.engine, self.is_protected
        before = len(await engine.versions("flow"))
        answer: Any
        if name == "register":
            answer = await engine.register(Register(source=what, actor=by, origin=TERMINAL))
        elif name == "roll_back":
            answer = await engine.roll_back(RollBack(workflow="flow", version=what, actor=by, origin=TERMINAL))
        elif name == "transfer":
            answer = await engine.transfer(TransferWorkflow(workflow="flow", to=what, actor=by, origin=TERMINAL))
        else:
            answer = await engine.change_state(
                ChangeWorkflowState(workflow="flow", state=what, actor=by, origin=TERMINAL)
            )
        if isinstance(answer, Proposed) and not answer.was_open:
            self.proposals.append((answer.run, by))
        if isinstance(answer, Registered) and answer.changed:
            (view, *_) = await engine.versions("flow")
            assert view.version == before + 1
            # One person alone registered it: then nothing was protected, neither before nor after.
            assert not was_protected
            assert before == 0 or b"protected: true" not in view.source
            self.sources.append(view.source)

    async def decide(self, by: Address, verdict: Verdict, *, first: bool) -> None:
        if not self.proposals:
            return
        run, author = self.proposals[0 if first else -1]
        proposed = await self.env.rows(f"SELECT source FROM proposed_version WHERE run = '{run}'")
        before = len(await self.env.engine.versions("flow"))
        answer = await self.env.decide(run, verdict, by=by)
        if not isinstance(answer, Decided):
            return
        assert by != author
        if len(await self.env.engine.versions("flow")) > before:
            assert verdict is Verdict.APPROVE
            self.sources.append(bytes(proposed[0][0]))


@settings(max_examples=example_count(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=SOURCES, acts=st.lists(ACTS, min_size=3, max_size=14))
def test_each_version_was_unprotected_or_approved_by_another_person(first: bytes, acts: list[Any]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_engine(Path(folder) / "signoff.db") as env:
                env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM, LEE}), clock=env.clock)
                world = World(env)
                await world.act("register", SAM, first)
                for act in acts:
                    await world.act(*act)

    asyncio.run(play())
