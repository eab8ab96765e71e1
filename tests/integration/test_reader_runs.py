"""The runs that a person sees in a list, and the mark of an open page: through the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.access import Reader, may_see_run
from engine.domain import Address
from engine.read_models import PageQuery
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: NAME
owner: OWNER
steps:
  - id: ask
    uses: set
    with: {text: hello}
    gate: {approvers: [APPROVER]}
"""


WORKFLOWS = [
    ("four", LEE, SAM),
    ("one", LEE, SAM),
    ("three", KIM, SAM),
    ("two", KIM, KIM),
    ("unused", LEE, SAM),
]
"""Each with its name, its approver, and its owner."""


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db") as env:
        yield env


@pytest.fixture
async def on_each_database(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def register(env: EngineEnv, name: str, approver: Address, owner: Address = SAM) -> None:
    text = FLOW.replace("NAME", name).replace("OWNER", owner.value).replace("APPROVER", approver.value)
    await env.register(text)


async def start(env: EngineEnv, name: str) -> str:
    env.pass_time(seconds=1)
    return await env.start(name)


async def reader(env: EngineEnv, who: Address, *, everything: bool = False) -> Reader:
    person = await env.engine.person(who)
    assert person is not None
    return Reader(person=person, is_auditor=everything)


async def listed(env: EngineEnv, who: Address, page: PageQuery | None = None, *, everything: bool = False) -> list[str]:
    runs = await env.engine.runs_of(await reader(env, who, everything=everything), page or PageQuery())
    return [run.id for run in runs]


async def test_each_person_sees_the_runs_that_concern_them(on_each_database: EngineEnv) -> None:
    env = on_each_database
    await register(env, "one", LEE)
    await register(env, "two", KIM)
    first, second, third = [await start(env, name) for name in ("one", "two", "one")]
    assert await listed(env, ANN) == [third, second, first], "who started them; the newest first"
    assert await listed(env, SAM) == [third, second, first], "the owner"
    assert await listed(env, LEE) == [third, first]
    assert await listed(env, KIM) == [second]
    assert await listed(env, KIM, everything=True) == [third, second, first]
    await env.decide(first)
    await env.settle()
    assert await listed(env, LEE) == [third, first], "a run that the person decided stays"
    assert await listed(env, LEE, PageQuery(open_only=True)) == [third]
    for who in (ANN, SAM, LEE, KIM):
        known = await reader(env, who)
        for run in await listed(env, who):
            requests = tuple(await env.engine.requests_of_run(run))
            assert may_see_run(known, await env.view(run), requests), "nothing is listed that cannot be opened"


async def test_each_person_chooses_among_the_workflows_of_their_requests(on_each_database: EngineEnv) -> None:
    env = on_each_database
    for name, approver, owner in WORKFLOWS:
        await register(env, name, approver, owner)

    async def choices(who: Address, *, everything: bool = False) -> list[str]:
        known = await reader(env, who, everything=everything)
        return [one.name for one in await env.engine.workflows_of(known)]

    decided, *_ = [await start(env, name) for name in ("one", "four", "three")]
    await env.settle()
    assert await choices(ANN) == ["four", "one", "three"], "she started the runs"
    assert await choices(SAM) == ["four", "one", "three", "unused"], "he owns them"
    assert await choices(KIM) == ["three", "two"], "of one she is asked, and of the other the owner"
    assert await choices(LEE) == ["four", "one"]
    assert await choices(LEE, everything=True) == ["four", "one", "three", "two", "unused"]
    await env.decide(decided, by=LEE)
    await env.settle()
    assert await choices(LEE) == ["four", "one"], "he decided"


async def test_a_list_is_read_page_by_page(env: EngineEnv) -> None:
    await register(env, "one", LEE)
    runs = [await start(env, "one") for _ in range(5)][::-1]
    for who in (ANN, SAM, LEE):
        first = await listed(env, who, PageQuery(limit=2))
        rest = await listed(env, who, PageQuery(limit=9, before=first[-1]))
        assert [*first, *rest] == runs


async def test_the_mark_changes_with_the_run_its_requests_and_its_copies(on_each_database: EngineEnv) -> None:
    env = on_each_database
    await register(env, "one", LEE)
    run = await env.start("one")
    marks = [await env.engine.run_mark(run)]
    assert await env.engine.run_mark(run) == marks[0]
    await env.settle()
    marks.append(await env.engine.run_mark(run))
    await env.decide(run)
    marks.append(await env.engine.run_mark(run))
    await env.settle()
    marks.append(await env.engine.run_mark(run))
    assert len({*marks}) == 4
    assert await env.engine.run_mark("none") is None


async def test_the_workflow_of_a_run_is_the_version_that_it_started_with(env: EngineEnv) -> None:
    await register(env, "one", LEE)
    run = await env.start("one")
    await env.register(
        FLOW.replace("NAME", "one").replace("OWNER", SAM.value).replace("APPROVER", LEE.value).replace("ask", "answer")
    )
    workflow = await env.engine.workflow_of(run)
    assert workflow is not None
    assert [step.id for step in workflow.steps] == ["ask"]
    assert await env.engine.workflow_of("none") is None
