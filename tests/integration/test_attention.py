"""How long people looked is measured with each decision, on both databases, and told to themselves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import attention as sentences
from bot.presentation import decision_records
from bot.presentation.request_card import request_card
from engine.domain import DEFAULT_WORKSPACE, Address, Assurance, Decided, ErasePerson, Person, PersonErased, Verdict
from engine.read_models import DecisionFilter
from engine.service import Engine
from engine.service.erasures import Erasures
from engine.store import decision_export
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine

PEOPLE = [Address("email", f"{name}@example.com") for name in ("lee", "kim", "pat", "jo", "max", "uma")]
FLOW = """
name: flow
owner: sam@example.com
inputs: {amount: money, note: text}
steps:
  - id: act
    uses: set
    with: {note: "{{ inputs.note }}", amount: "{{ inputs.amount }}"}
    gate:
      approvers: [lee@example.com, kim@example.com, pat@example.com, jo@example.com, max@example.com, uma@example.com]
      edit: [note]
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(FLOW)
        yield env


async def ask(env: EngineEnv) -> str:
    run = await env.start(amount={"amount": "12", "currency": "EUR"}, note="hi")
    await env.settle()
    env.pass_time(seconds=30)
    return run


async def person(env: EngineEnv, address: Address = LEE) -> Person:
    found = await env.engine.person(address)
    assert found is not None
    return found


async def look_and_approve(env: EngineEnv, seconds: float, by: Address = LEE, **edits: Any) -> str:
    run = await ask(env)
    request = await env.request(run)
    await env.engine.save_view(request.id, (await person(env, by)).id, "web")
    env.pass_time(seconds=seconds)
    assert isinstance(await env.decide(run, by=by, edits=edits), Decided)
    return run


async def records(env: EngineEnv) -> list[dict[str, Any]]:
    everything = DecisionFilter(since=datetime.fromisoformat("2020-01-01T00:00:00Z"))
    export = decision_export.export
    found = await env.store.read(lambda connection: [*export(connection, DEFAULT_WORKSPACE, everything)])
    return [decision_records.record(decision) for decision in found]


async def attention_of(env: EngineEnv) -> list[tuple[Any, Any]]:
    return [(str(line["attention_seconds"]), line["attention_known"]) for line in await records(env)]


async def test_the_first_view_counts_and_a_later_one_changes_nothing(env: EngineEnv) -> None:
    run = await ask(env)
    request, lee = await env.request(run), await person(env)
    await env.engine.save_view(request.id, lee.id, "web")
    env.pass_time(seconds=4.25)
    await env.engine.save_view(request.id, lee.id, "slack")
    env.pass_time(seconds=2)
    assert isinstance(await env.decide(run), Decided)
    assert await attention_of(env) == [("6.2", True)]
    (view,) = await env.rows("SELECT surface FROM request_view")
    assert view == ("web",)
    story = {entry.kind: entry.content for entry in await env.engine.story(run)}
    decided = story["request.approved"]
    assert decided is not None
    assert (str(decided["attention_seconds"]), decided["attention_known"]) == ("6.2", True)


async def test_an_export_says_who_looked_and_did_not_decide(env: EngineEnv) -> None:
    run = await ask(env)
    request, lee, kim = await env.request(run), await person(env), await person(env, PEOPLE[1])
    await env.engine.save_view(request.id, kim.id, "slack")
    env.pass_time(seconds=40)
    await env.engine.save_view(request.id, lee.id, "web")
    env.pass_time(seconds=5)
    assert isinstance(await env.decide(run), Decided)
    (line,) = await records(env)
    assert [
        (one["name"], one["surface"], one["seconds_until_decision"], one["is_decider"]) for one in line["seen_by"]
    ] == [("kim@example.com", "slack", 45, False), ("lee@example.com", "web", 5, True)]
    cells = decision_records.csv_row(line)
    names = decision_records.csv_head().strip().split(",")
    assert json.loads(cells[names.index("seen_by")]) == line["seen_by"]


async def test_without_a_view_it_is_at_most_the_time_since_they_were_told_or_decided_last(env: EngineEnv) -> None:
    first, second = await ask(env), await ask(env)
    assert isinstance(await env.decide(first), Decided)
    env.pass_time(seconds=3)
    assert isinstance(await env.decide(second), Decided)
    assert await attention_of(env) == [("60.0", False), ("3.0", False)]


async def test_only_an_approver_of_a_waiting_request_has_a_view(env: EngineEnv) -> None:
    run = await ask(env)
    request = await env.request(run)
    await env.engine.save_view(request.id, request.requester.id, "web")
    assert isinstance(await env.decide(run), Decided)
    await env.engine.save_view(request.id, (await person(env)).id, "web")
    assert await env.rows("SELECT * FROM request_view") == []


async def test_what_is_decided_together_has_no_time_of_its_own(env: EngineEnv) -> None:
    runs = [await ask(env), await ask(env)]
    commands = [replace(await env.approval_by_link(run), assurance=Assurance.TERMINAL) for run in runs]
    results = await env.engine.decide_together(commands)
    assert [type(result) for result in results] == [Decided, Decided]
    assert await attention_of(env) == [("None", False), ("None", False)]
    figures = await env.engine.figures((await person(env)).id)
    assert (figures.decisions, figures.timed) == (2, 0)


async def test_a_person_reads_their_own_figures_in_one_sentence(env: EngineEnv) -> None:
    lee = await person_after(env, 4)
    assert sentences.own(await env.engine.figures(lee.id)) == "", "too few to say anything"
    await look_and_approve(env, 9, note="hello")
    assert sentences.own(await env.engine.figures(lee.id)) == (
        "Half of your last 5 decisions took 6 s or less, and none less than 5 s. You changed 1."
    )
    run = await ask(env)
    assert isinstance(await env.decide(run), Decided)
    assert sentences.own(await env.engine.figures(lee.id)) == (
        "Half of your last 6 decisions took at most 6 s, and none less than 5 s. You changed 1."
    )


async def person_after(env: EngineEnv, count: int, *, seconds: float = 6) -> Person:
    for _ in range(count):
        await look_and_approve(env, seconds)
    return await person(env)


def notes(env_request: Any, reader: Person) -> list[str]:
    return [str(fact.text[0]) for fact in request_card(env_request, reader).notes if fact.label == "Before you decide"]


async def test_the_card_after_twenty_quick_approvals_names_what_matters_most_once(env: EngineEnv) -> None:
    lee = await person_after(env, 19, seconds=3)
    run = await ask(env)
    assert notes(await env.engine.request((await env.request(run)).id), lee) == []
    assert isinstance(await env.decide(run, verdict=Verdict.APPROVE, by=PEOPLE[1]), Decided)
    await look_and_approve(env, 3)
    run = await ask(env)
    request = await env.engine.request((await env.request(run)).id)
    line = "Half of your last 20 approvals took 3 s or less. Look at “Amount” once more."
    assert notes(request, lee) == [line]
    assert notes(request, await person(env, PEOPLE[1])) == [], "it is told to the person alone"
    copies = [copy for copy in env.channel.posted.values() if "Before you decide" in str(copy.card)]
    assert [copy.address for copy in copies] == ["lee@example.com"], "the copy of this person alone"
    assert isinstance(await env.decide(run), Decided)
    assert notes(await env.engine.request((await env.request(await ask(env))).id), lee) == [], "and not again before 40"


async def test_a_change_or_a_rejection_begins_a_new_row(env: EngineEnv) -> None:
    await look_and_approve(env, 3)
    await look_and_approve(env, 3)
    assert (await env.engine.figures((await person(env)).id)).in_a_row == 2
    await look_and_approve(env, 3, note="other")
    assert (await env.engine.figures((await person(env)).id)).in_a_row == 0
    await look_and_approve(env, 3)
    run = await ask(env)
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    assert (await env.engine.figures((await person(env)).id)).in_a_row == 0


async def test_an_owner_sees_figures_of_at_least_five_other_people_together(env: EngineEnv) -> None:
    sam = await person(env, SAM)
    for by in PEOPLE[:4]:
        for _ in range(3):
            await look_and_approve(env, 8, by)
    assert sentences.shared(await env.engine.shared_figures("flow", sam.id)) == sentences.TOO_FEW
    for _ in range(3):
        await look_and_approve(env, 2, PEOPLE[4])
    assert sentences.shared(await env.engine.shared_figures("flow", sam.id)) == (
        "5 people made the last 15 decisions. Half of them took 8 s or less for half of theirs. On average, a person "
        "decided 20% within 5 s, and changed 0%."
    )
    jo = await person(env, PEOPLE[3])
    assert await env.engine.shared_figures("flow", jo.id) is None, "who is one of them could take their part away"


async def test_an_erased_person_leaves_no_time(env: EngineEnv) -> None:
    await look_and_approve(env, 8)
    await env.settle()
    assert (await env.engine.figures((await person(env)).id)).decisions == 1
    erasures = Erasures(Engine(env.store, env.advancer, admins=frozenset({SAM})))
    after: str | None = ""
    while after is not None:
        command = ErasePerson(person="lee@example.com", reason="asked", actor=SAM, origin=TERMINAL, after=after)
        part = await erasures.erase_person(command)
        assert isinstance(part, PersonErased), part
        after = part.after
    assert await env.rows("SELECT * FROM attention") == []
    assert await env.rows("SELECT * FROM request_view") == []
