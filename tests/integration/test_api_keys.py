"""API keys: who makes them, whose call is recognized, and what the record says, on every database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import json_values
from engine.code_derivation import hashed
from engine.domain import Address, ErasePerson, NotAllowed, NotFound, PersonErased, Refusal
from engine.domain.api_keys import (
    ApiAction,
    ApiKeyEnded,
    ApiKeyMade,
    ApiKeyRefused,
    ApiKeyRevoked,
    ApiKeyRotated,
    ApiPrincipal,
    CreateApiKey,
    InvalidApiKey,
    RevokeApiKey,
    RotateApiKey,
    may,
)
from engine.service import ApiKeys, Engine, Erasures
from engine.service.api_authentication import FRESH
from engine.store import people
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = an_engine(env)
        yield env


def an_engine(env: EngineEnv) -> Engine:
    """Return an engine on the database, as a process of its own has one."""
    return Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock)


def creation(name: str = "Support agent", **limits: Any) -> CreateApiKey:
    return CreateApiKey(**{"name": name, "actor": SAM, "origin": TERMINAL, **limits})


async def create(env: EngineEnv, name: str = "Support agent", **limits: Any) -> ApiKeyMade:
    made = await ApiKeys(env.engine).create(creation(name, **limits))
    assert isinstance(made, ApiKeyMade), made
    return made


async def rotate(env: EngineEnv, key: str, **how: Any) -> ApiKeyMade | Refusal:
    return await ApiKeys(env.engine).rotate(RotateApiKey(**{"key": key, "actor": SAM, "origin": TERMINAL, **how}))


async def revoke(env: EngineEnv, key: str, *, actor: Address = SAM) -> ApiKeyRevoked | Refusal:
    return await ApiKeys(env.engine).revoke(RevokeApiKey(key=key, actor=actor, origin=TERMINAL))


async def entries(env: EngineEnv) -> list[tuple[str, dict[str, Any]]]:
    """Return the kind and the content of each entry about keys."""
    rows = await env.rows("SELECT leaf, content FROM audit ORDER BY seq")
    leaves: list[tuple[Any, Any]] = [(json_values.loads(leaf), json_values.loads(content)) for leaf, content in rows]
    return [(str(leaf["kind"]), content) for leaf, content in leaves if str(leaf["kind"]).startswith("api_key.")]


async def kinds(env: EngineEnv) -> list[str]:
    return [kind.removeprefix("api_key.") for kind, _ in await entries(env)]


# -- making keys --------------------------------------------------------------------------------------------


async def test_a_key_is_recognized_with_its_limits(env: EngineEnv) -> None:
    limits = {"actions": (ApiAction.ASK, ApiAction.READ), "workflows": ("refund*",), "acts_for": "lee@example.com"}
    made = await create(env, "  Support agent ", per_minute=10, **limits)
    principal = await env.engine.authenticate(f" {made.text}\n")
    assert principal == ApiPrincipal(
        id=made.view.id,
        name="Support agent",
        address=Address("api", made.view.id),
        actions=frozenset({ApiAction.ASK, ApiAction.READ}),
        workflows=("refund*",),
        acts_for="lee@example.com",
        per_minute=10,
    )
    person = await env.engine.person(principal.address)
    assert person is not None
    assert (person.label, person.is_human, person.email) == ("Support agent", False, None)


async def test_only_an_admin_makes_rotates_and_revokes_keys(env: EngineEnv) -> None:
    made = await create(env)
    keys = ApiKeys(env.engine)
    refused = [
        await keys.create(creation("Other", actor=ANN)),
        await keys.rotate(RotateApiKey(key="Support agent", actor=ANN, origin=TERMINAL)),
        await revoke(env, made.view.id, actor=ANN),
        await keys.create(creation("Other", actor=Address("api", made.view.id))),
    ]
    assert [type(refusal) for refusal in refused] == [NotAllowed] * 4
    assert await kinds(env) == ["created"]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"name": " "}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "Support agent"}, "name_taken"),
        ({"actions": ()}, "action"),
        ({"workflows": ()}, "workflow"),
        ({"workflows": ("a b",)}, "workflow"),
        ({"acts_for": "role:finance"}, "acts_for"),
        ({"per_minute": 0}, "per_minute"),
        ({"lifetime": timedelta(0)}, "lifetime"),
        ({"lifetime": timedelta(days=4000)}, "lifetime"),
    ],
)
async def test_a_key_with_wrong_limits_is_refused(env: EngineEnv, limits: dict[str, Any], why: str) -> None:
    await create(env)
    refused = await ApiKeys(env.engine).create(creation(**{"name": "New", **limits}))
    assert isinstance(refused, InvalidApiKey)
    assert refused.why == why


async def test_patterns_that_fit_no_workflow_are_told(env: EngineEnv) -> None:
    await env.register("name: refund-eu\nowner: sam@example.com\nsteps: [{id: a, uses: set, with: {n: 1}}]")
    made = await create(env, workflows=("refund*", "approvls"))
    assert made.unmatched == ("approvls",)


async def test_no_table_and_no_entry_has_the_text_of_a_key(env: EngineEnv) -> None:
    made = await create(env)
    await env.engine.authenticate(made.text)
    await env.engine.authenticate(made.text[:-1] + "~")
    secret = made.text.rpartition("_")[2] if "_" not in made.text[-43:] else made.text[-43:]
    found = repr([*await env.rows("SELECT * FROM api_key"), *await env.rows("SELECT leaf, content FROM audit")])
    assert secret not in found
    assert secret not in repr(made)
    assert made.view.id in found
    ((stored,),) = await env.rows("SELECT hash FROM api_key")
    assert bytes(stored) == hashed(made.text[-43:])


# -- whose call it is ---------------------------------------------------------------------------------------


async def test_a_caller_without_the_secret_learns_nothing_of_a_key(env: EngineEnv) -> None:
    made = await create(env)
    await revoke(env, made.view.id)
    wrong = made.text[:-43] + "x" * 43
    other = f"sgn_{'0' * 17}_{made.text[-43:]}"
    assert [await env.engine.authenticate(text) for text in (wrong, other)] == [ApiKeyRefused(why="unknown")] * 2


async def test_an_expired_key_says_so_and_works_again_after_a_rotation(env: EngineEnv) -> None:
    made = await create(env, lifetime=timedelta(days=90))
    assert isinstance(await env.engine.authenticate(made.text), ApiPrincipal)
    env.pass_time(days=90)
    assert await env.engine.authenticate(made.text) == ApiKeyRefused(why="expired", at=made.view.expires_at)
    rotated = await rotate(env, "Support agent")
    assert isinstance(rotated, ApiKeyMade)
    assert rotated.view.previous_until is None, "an expired text does not come back"
    assert isinstance(await env.engine.authenticate(rotated.text), ApiPrincipal)
    assert rotated.view.expires_at == env.clock.now() + timedelta(days=90)


async def test_both_texts_work_during_the_overlap_of_a_rotation(env: EngineEnv) -> None:
    old = await create(env)
    new = await rotate(env, old.view.id, overlap=timedelta(hours=2))
    assert isinstance(new, ApiKeyMade)
    assert new.text != old.text
    assert [type(await env.engine.authenticate(made.text)) for made in (old, new)] == [ApiPrincipal] * 2
    env.pass_time(hours=2)
    assert await env.engine.authenticate(old.text) == ApiKeyRefused(why="replaced", at=new.view.previous_until)
    assert isinstance(await env.engine.authenticate(new.text), ApiPrincipal)


async def test_of_two_rotations_at_once_one_wins_and_the_text_in_use_goes_on(env: EngineEnv) -> None:
    old = await create(env)
    first, second = await asyncio.gather(rotate(env, old.view.id), rotate(env, old.view.id))
    made, refused = (first, second) if isinstance(first, ApiKeyMade) else (second, first)
    assert isinstance(made, ApiKeyMade)
    assert isinstance(refused, ApiKeyRotated)
    assert refused.until == made.view.previous_until
    assert [type(await env.engine.authenticate(text)) for text in (old.text, made.text)] == [ApiPrincipal] * 2
    assert await kinds(env) == ["created", "rotated", "first_used"]


async def test_a_rotation_without_overlap_ends_every_older_text_at_once(env: EngineEnv) -> None:
    texts = [(await create(env)).text]
    for overlap in (timedelta(hours=1), timedelta(0)):
        made = await rotate(env, "Support agent", overlap=overlap)
        assert isinstance(made, ApiKeyMade)
        texts.append(made.text)
    known = [type(await env.engine.authenticate(text)) for text in texts]
    assert known == [ApiKeyRefused, ApiKeyRefused, ApiPrincipal]


async def test_a_revoked_key_works_in_no_process_two_seconds_later(env: EngineEnv) -> None:
    made = await create(env)
    elsewhere = an_engine(env)
    assert isinstance(await elsewhere.authenticate(made.text), ApiPrincipal)
    assert isinstance(await env.engine.authenticate(made.text), ApiPrincipal)
    revoked = await revoke(env, "Support agent")
    assert isinstance(revoked, ApiKeyRevoked)
    refused = ApiKeyRefused(why="revoked", at=revoked.view.revoked_at)
    assert await env.engine.authenticate(made.text) == refused, "at once where it was revoked"
    env.pass_time(seconds=FRESH.total_seconds())
    assert await elsewhere.authenticate(made.text) == refused


async def test_a_key_is_revoked_once_and_never_comes_back(env: EngineEnv) -> None:
    made = await create(env)
    first = await revoke(env, made.view.id)
    env.pass_time(minutes=5)
    again = await revoke(env, made.view.id)
    assert isinstance(first, ApiKeyRevoked)
    assert isinstance(again, ApiKeyRevoked)
    assert (first.already, again.already) == (False, True)
    assert again.view.revoked_at == first.view.revoked_at
    assert await rotate(env, made.view.id) == ApiKeyEnded(name="Support agent", at=made.view.created_at)
    assert await rotate(env, "nothing") == NotFound(what="API key", name="nothing")
    assert await kinds(env) == ["created", "revoked"]


async def test_the_name_of_a_revoked_key_is_free_and_means_the_new_one(env: EngineEnv) -> None:
    old = await create(env)
    await revoke(env, "Support agent")
    new = await create(env)
    revoked = await revoke(env, "Support agent")
    assert isinstance(revoked, ApiKeyRevoked)
    assert (revoked.view.id, revoked.already) == (new.view.id, False)
    assert new.view.id != old.view.id


# -- the record ---------------------------------------------------------------------------------------------


async def test_the_first_use_is_on_the_record_once_and_later_uses_cost_one_write_a_minute(env: EngineEnv) -> None:
    made = await create(env)
    processes = [an_engine(env) for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(engine.authenticate(made.text) for engine in processes))
    first = env.clock.now()
    assert await kinds(env) == ["created", "first_used"]
    env.pass_time(seconds=40)
    await processes[0].authenticate(made.text)
    assert await used_at(env) == [str(first)]
    env.pass_time(seconds=20)
    await asyncio.gather(*(engine.authenticate(made.text) for engine in processes))
    assert await used_at(env) == [str(env.clock.now())]
    assert await kinds(env) == ["created", "first_used"]


async def used_at(env: EngineEnv) -> list[str]:
    return [str(key.used_at) for key in await env.engine.api_keys()]


async def test_refused_uses_are_on_the_record_once_an_hour(env: EngineEnv) -> None:
    made = await create(env)
    wrong = made.text[:-43] + "x" * 43
    for _ in range(4):
        for engine in (env.engine, an_engine(env)):
            for text in (wrong, made.text.replace("sgn_", "sgn"), f"sgn_{'0' * 17}_{'x' * 43}"):
                assert isinstance(await engine.authenticate(text), ApiKeyRefused)
        env.pass_time(minutes=20)
    assert [content for kind, content in await entries(env) if kind == "api_key.refused"] == [
        {"key": made.view.id, "name": "Support agent", "why": "wrong secret"}
    ] * 2


async def test_a_call_beyond_the_limits_of_a_key_is_on_the_record_with_its_program(env: EngineEnv) -> None:
    made = await create(env)
    principal = await env.engine.authenticate(made.text)
    assert isinstance(principal, ApiPrincipal)
    await env.engine.authentication.note_refusal(principal.id, "may not start refund")
    assert (await entries(env))[-1] == (
        "api_key.refused",
        {
            "key": made.view.id,
            "name": "Support agent",
            "why": "may not start refund",
            "actor_name": "Support agent",
        },
    )


# -- people -------------------------------------------------------------------------------------------------


async def erase(env: EngineEnv, person: str) -> PersonErased | Refusal:
    """Erase a person, part by part."""
    after: str | None = ""
    while True:
        command = ErasePerson(person=person, reason="asked to", actor=SAM, origin=TERMINAL, after=str(after))
        part = await Erasures(env.engine).erase_person(command)
        if isinstance(part, Refusal) or part.after is None:
            return part
        after = part.after


async def test_a_person_for_whom_a_key_acts_is_erased_once_it_is_revoked(env: EngineEnv) -> None:
    made = await create(env, "Agent of Lee Miller", acts_for="Lee@Example.com")
    await env.store.transact(lambda tx: people.need_person(tx, "default", LEE, name="Lee Miller"))
    refused = await erase(env, "lee@example.com")
    assert isinstance(refused, NotAllowed)
    assert refused.why == "The API key “Agent of Lee Miller” belongs to Lee Miller or acts for them. Revoke it first."
    await revoke(env, made.view.id)
    erased = await erase(env, "lee@example.com")
    assert isinstance(erased, PersonErased)
    (key,) = await env.engine.api_keys()
    assert (key.name, key.acts_for) == (f"Agent of {erased.pseudonym}", None)
    rows = [*await env.rows("SELECT * FROM person"), *await env.rows("SELECT leaf, content FROM audit")]
    assert "Miller" not in repr(rows)


async def test_the_maker_of_a_key_is_erased_and_the_key_goes_on(env: EngineEnv) -> None:
    keys = ApiKeys(Engine(env.store, env.advancer, admins=frozenset({SAM, ANN}), clock=env.clock))
    made = await keys.create(creation(actor=ANN))
    assert isinstance(made, ApiKeyMade)
    erased = await erase(env, "ann@example.com")
    assert isinstance(erased, PersonErased)
    (key,) = await env.engine.api_keys()
    assert key.created_by == erased.pseudonym
    assert isinstance(await env.engine.authenticate(made.text), ApiPrincipal)


async def test_a_program_is_erased_like_a_person_once_its_key_is_revoked(env: EngineEnv) -> None:
    made = await create(env)
    person = await env.engine.person(Address("api", made.view.id))
    assert person is not None
    assert isinstance(await erase(env, person.id), NotAllowed)
    await revoke(env, made.view.id)
    erased = await erase(env, person.id)
    assert isinstance(erased, PersonErased)
    assert [key.name for key in await env.engine.api_keys()] == [erased.pseudonym]


# -- what a key may do --------------------------------------------------------------------------------------


def test_a_key_may_do_its_actions_with_its_workflows_and_nothing_else() -> None:
    key = ApiPrincipal(id="k", name="k", address=Address("api", "k"), actions=frozenset({ApiAction.ASK}))
    limited = ApiPrincipal(
        id="k", name="k", address=Address("api", "k"), actions=frozenset(ApiAction), workflows=("refund*", "a?c")
    )
    assert [may(key, action, "any") for action in ApiAction] == [True, False, False, False]
    assert [may(key, action) for action in ApiAction] == [True, False, False, False]
    names = ("refund", "refund-eu", "Refund", "abc", "ac", "my-refund")
    assert [may(limited, ApiAction.START, name) for name in names] == [True, True, False, True, False, False]
    assert may(limited, ApiAction.PROVISION)
