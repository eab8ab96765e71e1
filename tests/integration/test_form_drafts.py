"""Forms that are kept while their persons fetch a code: for one browser, for a day, and only so many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain import FormDraft
from engine.store import challenges, form_drafts
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.examples import example_count

FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com]}}
"""
LARGE = form_drafts.MOST_BYTES // 3


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


@pytest.fixture
async def draft(env: EngineEnv) -> FormDraft:
    await env.register(FLOW)
    run = await env.start()
    return FormDraft(about="request 1", run=run, digest="d", typed={"f-a": ("one", "two"), "reason": ("\0 \ud800 é",)})


async def save(env: EngineEnv, holder: str, draft: FormDraft) -> None:
    await env.store.transact(lambda tx: form_drafts.save(tx, holder, draft))


async def holders(env: EngineEnv, about: str, *, of: int) -> set[str]:
    """Return the browsers, of so many, that find what they typed."""
    names = [f"browser {number}" for number in range(of)]
    return {name for name in names if await env.identity.draft(name, about) is not None}


async def test_a_browser_finds_what_it_typed_and_no_other_does(env: EngineEnv, draft: FormDraft) -> None:
    await save(env, "mine", draft)
    assert await env.identity.draft("mine", "request 1") == replace(
        draft, typed={"f-a": ["one", "two"], "reason": ["\0 \ufffd é"]}
    )
    assert await env.identity.draft("other", "request 1") is None
    assert await env.identity.draft("mine", "request 2") is None
    newer = replace(draft, digest="e", typed={"f-a": ["three"]})
    await save(env, "mine", newer)
    assert await env.identity.draft("mine", "request 1") == newer
    assert "three" not in repr(newer)
    assert b"mine" not in (await env.rows("SELECT holder FROM form_draft"))[0]


async def test_one_request_cannot_push_out_the_drafts_of_others(env: EngineEnv, draft: FormDraft) -> None:
    await save(env, "mine", replace(draft, about="other request"))
    for number in range(form_drafts.MOST + 2):
        env.pass_time(seconds=1)
        await save(env, f"browser {number}", draft)
    newest = {f"browser {number}" for number in range(2, form_drafts.MOST + 2)}
    assert await holders(env, "request 1", of=form_drafts.MOST + 2) == newest
    assert await env.identity.draft("mine", "other request") is not None


async def test_large_drafts_are_fewer_and_one_that_is_too_large_is_not_kept(env: EngineEnv, draft: FormDraft) -> None:
    for number in range(4):
        env.pass_time(seconds=1)
        await save(env, f"browser {number}", replace(draft, typed={"f-a": ["x" * (LARGE - 100)]}))
    assert await holders(env, "request 1", of=4) == {"browser 1", "browser 2", "browser 3"}
    await save(env, "browser 4", replace(draft, typed={"f-a": ["x" * form_drafts.MOST_BYTES]}))
    assert await holders(env, "request 1", of=5) == {"browser 1", "browser 2", "browser 3"}


async def test_a_draft_lasts_a_day_and_what_has_expired_is_deleted_in_portions(
    env: EngineEnv, draft: FormDraft
) -> None:
    for number in range(form_drafts.PORTION + 5):
        await save(env, "mine", replace(draft, about=f"request {number}"))
    env.pass_time(hours=23, minutes=59)
    assert await env.identity.draft("mine", "request 1") is not None
    env.pass_time(minutes=1)
    assert await env.identity.draft("mine", "request 1") is None
    remaining = []
    await save(env, "mine", replace(draft, about="newest"))
    for _ in range(2):
        await env.store.transact(challenges.sweep)
        remaining.append((await env.rows("SELECT count(*) FROM form_draft"))[0][0])
    assert remaining == [6, 1]


async def test_a_draft_of_a_clock_that_was_ahead_is_not_kept_for_years(env: EngineEnv, draft: FormDraft) -> None:
    env.clock.pass_time(timedelta(days=3_650))
    await save(env, "mine", draft)
    env.clock.pass_time(-timedelta(days=3_650))
    assert await env.identity.draft("mine", "request 1") is None
    await env.store.transact(challenges.sweep)
    assert await env.rows("SELECT count(*) FROM form_draft") == [(0,)]


@settings(max_examples=example_count(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([1, 1, 1, 1_300_000, 3_000_000])), max_size=20))
async def test_the_newest_drafts_are_kept_and_no_more_than_the_limits(
    env: EngineEnv, draft: FormDraft, saves: list[tuple[int, int]]
) -> None:
    about, model = f"request {env.clock.now()}", list[tuple[str, int]]()
    for number, size in saves:
        env.pass_time(seconds=1)
        holder = f"browser {number}"
        await save(env, holder, replace(draft, about=about, typed={"f-a": ["x" * size]}))
        model = [(holder, size), *(kept for kept in model if kept[0] != holder)][: form_drafts.MOST]
        while sum(size for _, size in model) > form_drafts.MOST_BYTES:
            model.pop()
    env.pass_time(seconds=1)
    assert await holders(env, about, of=13) == {holder for holder, _ in model}
