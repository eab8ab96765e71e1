"""The parts of an inbox and who may see what, through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.access import Reader, may_see_request
from engine.domain import Address, RequestState, Verdict
from engine.inbox import InboxFilter, InboxPage, InboxPart, InboxQuery
from engine.service import Engine
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
MIA = Address("email", "mia@example.com")
GATED = """
name: {name}
owner: sam@example.com
inputs:
  amount: {{type: number, default: 5}}
steps:
  - id: act
    uses: played
    with: {{text: hello}}
    gate: {{title: "Pay {{{{ inputs.amount }}}}?", {keys}}}
"""
PAGE = 2


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def begin(env: EngineEnv, keys: str, *, name: str = "flow", **inputs: Any) -> str:
    """Start a run, a second after the one before it, and return its request."""
    env.pass_time(seconds=1)
    await env.register(GATED.format(name=name, keys=keys))
    run = await env.start(workflow=name, **inputs)
    await env.settle()
    return (await env.request(run)).id


async def decide(env: EngineEnv, request: str, by: Address, verdict: Verdict = Verdict.APPROVE) -> None:
    view = await env.engine.request(request)
    assert view is not None
    await env.decide(view.run, verdict, by=by, seen=view)
    await env.settle()
    env.pass_time(seconds=1)


async def reader(env: EngineEnv, address: Address, *, is_auditor: bool = False) -> Reader:
    person = await env.engine.person(address)
    assert person is not None
    return Reader(person=person, is_auditor=is_auditor)


async def pages(env: EngineEnv, by: Reader, part: InboxPart, **wanted: Any) -> list[InboxPage]:
    """Return every page of a part, as a person turns them."""
    turned, after = [], None
    while True:
        query = InboxQuery(reader=by, part=part, filter=InboxFilter(**wanted), after=after, limit=PAGE)
        turned.append(page := await env.engine.inbox(query))
        if (after := page.next) is None:
            return turned


async def listed(env: EngineEnv, by: Reader, part: InboxPart, **wanted: Any) -> list[str]:
    return [view.id for page in await pages(env, by, part, **wanted) for view in page.requests]


async def test_the_nearest_deadline_is_first_and_no_page_skips_or_repeats_one(env: EngineEnv) -> None:
    keys = "approvers: [lee@example.com]"
    later = await begin(env, f"{keys}, expires: 9d", name="later")
    never = [await begin(env, keys) for _ in range(3)]
    sooner = await begin(env, f"{keys}, expires: 2d", name="sooner")
    lee = await reader(env, LEE)
    assert await listed(env, lee, InboxPart.NEEDS_YOU) == [sooner, later, *never]
    assert [page.need_you for page in await pages(env, lee, InboxPart.NEEDS_YOU)] == [5, 5, 5]


async def test_a_request_moves_from_part_to_part_as_people_decide(env: EngineEnv) -> None:
    request = await begin(env, "approvers: [lee@example.com, kim@example.com, mia@example.com], policy: {quorum: 2}")
    lee, kim, ann = [await reader(env, address) for address in (LEE, KIM, ANN)]
    assert await listed(env, ann, InboxPart.WAITING) == [request]
    await decide(env, request, LEE)
    assert await listed(env, lee, InboxPart.NEEDS_YOU) == []
    assert await listed(env, lee, InboxPart.WAITING) == [request]
    assert await listed(env, lee, InboxPart.DECIDED) == [request]
    assert await listed(env, kim, InboxPart.NEEDS_YOU) == [request]
    await decide(env, request, KIM)
    assert [await listed(env, by, InboxPart.WAITING) for by in (lee, kim, ann)] == [[], [], []]
    assert await listed(env, kim, InboxPart.DECIDED) == [request]


async def test_each_person_sees_what_is_theirs_and_an_auditor_sees_all(env: EngineEnv) -> None:
    first = await begin(env, "approvers: [lee@example.com]")
    second = await begin(env, "approvers: [kim@example.com]", name="other")
    await begin(env, "approvers: [mia@example.com]", name="third")
    lee, kim, mia, sam, ann = [await reader(env, address) for address in (LEE, KIM, MIA, SAM, ANN)]
    assert await listed(env, lee, InboxPart.ALL) == [first]
    assert await listed(env, kim, InboxPart.ALL) == [second]
    assert len(await listed(env, sam, InboxPart.ALL)) == 3, "the owner of the workflows"
    assert len(await listed(env, ann, InboxPart.ALL)) == 3, "the person who started the runs"
    assert len(await listed(env, await reader(env, MIA, is_auditor=True), InboxPart.ALL)) == 3
    view = await env.engine.request(first)
    assert view is not None
    assert [may_see_request(by, view) for by in (lee, kim, mia, sam, ann)] == [True, False, False, True, True]


async def test_filters_by_workflow_person_state_date_and_words(env: EngineEnv) -> None:
    keys = "approvers: [lee@example.com]"
    approved = await begin(env, keys, amount=120)
    rejected = await begin(env, keys, amount=75)
    other = await begin(env, "approvers: [kim@example.com]", name="other", amount=75)
    await decide(env, approved, LEE)
    await decide(env, rejected, LEE, Verdict.REJECT)
    sam, lee = await reader(env, SAM), await reader(env, LEE)
    now = env.clock.now()
    assert await listed(env, sam, InboxPart.ALL, workflow="other") == [other]
    assert await listed(env, sam, InboxPart.ALL, person=lee.person.id) == [rejected, approved]
    assert await listed(env, sam, InboxPart.ALL, state=RequestState.REJECTED) == [rejected]
    assert await listed(env, sam, InboxPart.ALL, since=now + timedelta(days=1)) == []
    assert await listed(env, sam, InboxPart.ALL, until=now + timedelta(days=1)) == [other, rejected, approved]
    assert await listed(env, sam, InboxPart.ALL, search="PAY 75", workflow="flow") == [rejected]
    assert await listed(env, lee, InboxPart.DECIDED, search="120") == [approved]


@pytest.mark.parametrize(
    ("admin", "auditor", "reads"), [(True, False, True), (False, True, True), (False, False, False)]
)
async def test_the_settings_say_who_reads_everything(env: EngineEnv, admin: bool, auditor: bool, reads: bool) -> None:
    await begin(env, "approvers: [lee@example.com]")
    lee, named = (await reader(env, LEE)).person, frozenset({LEE})
    engine = Engine(
        env.store, env.advancer, admins=named if admin else frozenset(), auditors=named if auditor else frozenset()
    )
    assert engine.reader(lee).reads_everything is reads
    assert engine.reader(lee).is_admin is admin
