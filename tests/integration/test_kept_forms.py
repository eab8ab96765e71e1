"""Forms of a messenger that people left: each finds only their own, for a day, and only so many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import Address
from engine.service import KeptForms
from engine.store import challenges, kept_forms
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine

ADA, BEN = Address("slack", "U1"), Address("slack", "U2")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


@pytest.fixture
def forms(env: EngineEnv) -> KeptForms:
    return KeptForms(env.engine, env.clock)


async def entries(forms: KeptForms, account: Address, form: str) -> object:
    kept = await forms.find(account, form)
    return kept.entries if kept is not None else None


async def test_people_find_what_they_entered_last_and_no_one_else_does(forms: KeptForms) -> None:
    await forms.keep(ADA, "new/refund", {"a": {"value": {"value": "on"}}})
    await forms.keep(ADA, "new/refund", {"a": {"value": {"value": "one \0 \ud800"}}})
    assert await entries(forms, ADA, "new/refund") == {"a": {"value": {"value": "one \0 \ufffd"}}}
    assert await entries(forms, BEN, "new/refund") is None
    assert await entries(forms, ADA, "new/payment") is None
    await forms.forget(ADA, "new/refund")
    assert await entries(forms, ADA, "new/refund") is None


async def test_the_oldest_forms_of_a_person_go_and_one_that_is_too_large_is_not_kept(
    env: EngineEnv, forms: KeptForms
) -> None:
    await forms.keep(BEN, "form 0", {"a": 1})
    for number in range(kept_forms.MOST + 2):
        env.pass_time(seconds=1)
        await forms.keep(ADA, f"form {number}", {"a": number})
    found = [number for number in range(kept_forms.MOST + 2) if await forms.find(ADA, f"form {number}")]
    assert found == [*range(2, kept_forms.MOST + 2)]
    assert await entries(forms, BEN, "form 0") == {"a": 1}
    await forms.keep(ADA, "form 5", {"a": "x" * kept_forms.MOST_BYTES})
    assert await entries(forms, ADA, "form 5") == {"a": 5}


async def test_forms_go_after_a_day_even_if_no_other_one_is_kept(env: EngineEnv, forms: KeptForms) -> None:
    await forms.keep(ADA, "new/refund", {"a": 1})
    env.pass_time(days=1)
    assert await entries(forms, ADA, "new/refund") is None
    await env.store.transact(challenges.sweep)
    assert await env.rows("SELECT count(*) FROM kept_form") == [(0,)]
