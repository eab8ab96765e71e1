"""The contents of old runs and the names of a person are erased in parts, and the log says how many and who did it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import verify_audit
from engine.domain import (
    Address,
    AskQuestion,
    Assurance,
    Erase,
    ErasedRuns,
    EraseOld,
    ErasePerson,
    NotAllowed,
    NotFound,
    Origin,
    PersonErased,
    Register,
    Start,
    Started,
    Verdict,
)
from engine.inbox import InboxFilter, InboxPart, InboxQuery
from engine.service import Engine, Erasures, erase
from engine.store import audit_log, person_erasure, person_texts, reconciliation
from engine.store.connection import Connection
from engine.store.metadata import METADATA
from tests.integration.test_policies import MIA
from tests.integration.test_policies import decide as vote
from tests.integration.test_reconciliation import COUNTED
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: {name}
owner: sam@example.com
inputs:
  text: {{type: text, default: hello}}
steps:
  - id: act
    uses: played
    with: {{text: "{{{{ inputs.text }}}}"}}
    gate: {{title: "Send it?", approvers: [{approver}], edit: [text]}}
"""
PLACE = Origin(surface="slack", place={"user": "U0ANN1234", "channel": "D123"})


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def begin(env: EngineEnv, text: str, *, name: str = "flow", by: Address = ANN, approver: str = "lee") -> str:
    source = FLOW.format(name=name, approver=f"{approver}@example.com")
    await env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))
    started = await env.engine.start(
        Start(workflow=name, inputs={"text": text}, actor=by, origin=PLACE if by == ANN else TERMINAL)
    )
    assert isinstance(started, Started)
    await env.settle()
    return started.run


async def reject(env: EngineEnv, run: str, by: Address = LEE) -> None:
    await env.decide(run, Verdict.REJECT, by=by)
    await env.settle()


def admin(env: EngineEnv, **settings: Any) -> Erasures:
    return Erasures(Engine(env.store, env.advancer, admins=frozenset({SAM}), **settings))


async def erase_old(env: EngineEnv, **wanted: Any) -> list[ErasedRuns]:
    """Erase all that is older than a day, part by part."""
    before, parts, after = env.clock.now() - timedelta(days=1), list[ErasedRuns](), ""
    while True:
        command = EraseOld(before=before, reason="old", actor=SAM, origin=TERMINAL, after=after, **wanted)
        part = await admin(env).erase_old(command)
        assert isinstance(part, ErasedRuns)
        parts.append(part)
        if part.reached is None:
            return parts
        after = part.reached


def erasure_of(person: str, *, actor: Address = SAM, after: str = "") -> ErasePerson:
    return ErasePerson(person=person, reason="asked to", actor=actor, origin=TERMINAL, after=after)


async def erase_person(env: EngineEnv, person: str, after: str = "") -> list[PersonErased]:
    parts: list[PersonErased] = []
    while True:
        part = await admin(env).erase_person(erasure_of(person, after=after))
        assert isinstance(part, PersonErased), part
        parts.append(part)
        if part.after is None:
            return parts
        after = part.after


async def everything(env: EngineEnv) -> str:
    """Return every value of every table but the files of workflows, as one text."""

    def read(connection: Connection) -> str:
        tables = [table for table in METADATA.sorted_tables if table.name != "workflow_version"]
        return "\n".join(repr(tuple(row)) for table in tables for row in connection.execute(table.select()).all())

    return await env.store.read(read)


async def check(env: EngineEnv) -> verify_audit.Log:
    """Return the verified log, after comparing it with the tables."""

    def read(connection: Connection) -> verify_audit.Log:
        log = verify_audit.Log()
        lines = audit_log.export(connection, "default")
        findings = [str(finding) for line in lines for finding in log.read(line)]
        assert findings + [str(finding) for finding in log.finish()] == []
        assert [*reconciliation.compare(connection, "default")] == []
        assert log.unexplained == ()
        return log

    return await env.store.read(read)


# -- old runs -----------------------------------------------------------------------------------------------


async def test_only_old_ended_runs_of_the_workflow_are_erased(env: EngineEnv) -> None:
    old, other = await begin(env, "Mallory"), await begin(env, "Mallory", name="other")
    waiting = await begin(env, "Trudy")
    late = await begin(env, "Oscar")
    for run in (old, other):
        await reject(env, run)
    env.pass_time(days=2)
    new = await begin(env, "Peggy")
    for run in (new, late):
        await reject(env, run)
    (part,) = await erase_old(env, workflow="flow")
    assert (part.runs, part.entries > 0) == (1, True)
    assert (await env.view(old)).inputs == {}
    for run, text in ((other, "Mallory"), (waiting, "Trudy"), (new, "Peggy"), (late, "Oscar")):
        assert (await env.view(run)).inputs == {"text": text}
    assert [part.runs for part in await erase_old(env)] == [1]
    assert "Mallory" not in await everything(env)
    assert [part.runs for part in await erase_old(env)] == [0]
    assert (await check(env)).erased == part.entries * 2


async def test_many_old_runs_are_erased_in_parts(env: EngineEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.old_runs.LOOKED_AT", 3)
    monkeypatch.setattr("engine.service.erase.MOST_TOGETHER", 2)
    runs = [await begin(env, f"Mallory {number}") for number in range(5)]
    for run in runs[:4]:
        await reject(env, run)
    env.pass_time(days=2)
    assert sum(part.runs for part in await erase_old(env)) == 4
    assert "Mallory 4" in (text := await everything(env))
    assert "Mallory 3" not in text


async def test_only_an_admin_erases_old_runs(env: EngineEnv) -> None:
    await reject(env, await begin(env, "Mallory"))
    env.pass_time(days=2)
    command = EraseOld(before=env.clock.now(), reason="old", actor=LEE, origin=TERMINAL)
    assert isinstance(await admin(env).erase_old(command), NotAllowed)
    assert "Mallory" in await everything(env)


async def test_a_failed_run_that_was_tried_again_is_erased_again(env: EngineEnv) -> None:
    run = await begin(env, "Mallory")
    await reject(env, run)
    env.pass_time(days=2)
    await erase_old(env)

    def end_again(tx: Any) -> None:
        tx.connection.exec_driver_sql("UPDATE run SET ended_at = '2999-01-01 00:00:00.000000'")

    await env.store.transact(end_again)
    env.clock.pass_time(timedelta(days=365 * 1000))
    assert [part.runs for part in await erase_old(env)] == [1]


async def test_the_retention_erases_old_contents_every_day_by_itself(env: EngineEnv) -> None:
    env.engine = Engine(env.store, env.advancer, retention=timedelta(days=30))
    kept = Erasures(env.engine)
    await reject(env, await begin(env, "Mallory"))
    await kept.begin_retention()
    await env.settle()
    assert "Mallory" in await everything(env)
    env.pass_time(days=31)
    await begin(env, "Trudy")
    await kept.begin_retention()
    assert "Mallory" not in (text := await everything(env))
    assert "Trudy" in text
    log = await check(env)
    assert "by 'SIGNOFF_RETENTION'" in log.explanations[0]
    assert await env.rows("SELECT reached FROM retention") == [("",)]


async def test_the_retention_erases_as_much_as_is_due_and_nothing_else(env: EngineEnv) -> None:
    env.engine = Engine(env.store, env.advancer, retention=timedelta(days=30))
    old = [await begin(env, f"Mallory {number}") for number in range(2 * erase.AT_ONCE + 1)]
    waiting = await begin(env, "Trudy")
    for run in old:
        await reject(env, run)
    env.pass_time(days=20)
    new = await begin(env, "Peggy")
    await reject(env, new)
    env.pass_time(days=11)
    await Erasures(env.engine).begin_retention()
    await env.settle()
    assert "Mallory" not in (text := await everything(env))
    assert ("Trudy" in text, "Peggy" in text) == (True, True)
    await reject(env, waiting)
    env.pass_time(days=20)
    await env.settle()
    assert ("Trudy" in (text := await everything(env)), "Peggy" in text) == (True, False)
    await check(env)


async def test_without_the_setting_the_retention_ends(env: EngineEnv) -> None:
    await admin(env, retention=timedelta(days=1)).begin_retention()
    await reject(env, await begin(env, "Mallory"))
    env.pass_time(days=3)
    await env.settle()
    assert await env.rows("SELECT * FROM retention") == []
    assert "Mallory" in await everything(env)


async def test_a_server_without_the_setting_begins_no_retention(env: EngineEnv) -> None:
    await admin(env).begin_retention()
    assert await env.rows("SELECT * FROM retention") == []


# -- a person -----------------------------------------------------------------------------------------------


async def test_no_name_and_no_address_of_an_erased_person_is_left(env: EngineEnv) -> None:
    started = await begin(env, "for Ann, ann@example.com", by=ANN)
    await reject(env, started)
    decided = await begin(env, "for Kim", by=SAM, approver="ann")
    await reject(env, decided, by=ANN)
    named = await begin(env, "write to ANN@example.com", by=SAM, approver="kim")
    asked = AskQuestion(
        request=(await env.request(named)).id,
        text="Does ann@example.com know?",
        actor=KIM,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )
    await env.engine.ask_question(asked)
    await reject(env, named, by=KIM)
    untouched = await begin(env, "for Kim alone", by=SAM, approver="kim")
    await reject(env, untouched, by=KIM)
    before = await env.engine.person(ANN)
    assert before is not None
    parts = await erase_person(env, "ann@example.com")
    assert sum(part.runs for part in parts) == 3
    text = await everything(env)
    for name in ("ann@example.com", "ANN@example.com", "U0ANN1234"):
        assert name not in text, name
    assert await env.engine.person(ANN) is None
    assert (await env.view(started)).requester.label == parts[0].pseudonym
    assert await env.rows(f"SELECT verdict FROM decision WHERE person = '{before.id}'") == [("rejected",)]
    assert (await env.view(untouched)).inputs == {"text": "for Kim alone"}
    log = await check(env)
    assert log.erased == sum(part.entries for part in parts)
    assert all("by 'sam@example.com'" in line and "'asked to'" in line for line in log.explanations)
    assert (await env.rows("SELECT leaf FROM audit ORDER BY seq DESC LIMIT 1"))[0][0].count('"person.erased"') == 1


async def test_an_erased_person_cannot_be_searched_for_and_others_can(env: EngineEnv) -> None:
    run = await begin(env, "invoice 4711 of ann@example.com", by=ANN)
    await reject(env, run)
    await erase_person(env, "ann@example.com")
    sam = await env.engine.person(SAM)
    assert sam is not None
    reader = Engine(env.store, env.advancer, admins=frozenset({SAM})).reader(sam)
    for search, wanted in (("4711", 1), ("ann", 0), ("erased", 1)):
        query = InboxQuery(reader=reader, part=InboxPart.ALL, filter=InboxFilter(search=search))
        assert len((await env.engine.inbox(query)).requests) == wanted, search
    assert await env.rows("SELECT word FROM search_word WHERE word = 'ann'") == []


async def test_words_of_what_was_edited_away_are_gone_as_well(env: EngineEnv) -> None:
    run = await begin(env, "ann@example.com", by=SAM)
    await env.decide(run, edits={"text": "no name"})
    await env.settle()
    ann = await known(env, ANN)
    await env.settle()
    assert await env.rows("SELECT word FROM search_word WHERE word = 'ann'") != []
    await erase_person(env, ann.id)
    assert await env.rows("SELECT word FROM search_word WHERE word = 'ann'") == []


async def test_a_name_that_an_approver_typed_is_erased_with_all_that_the_request_was_about(env: EngineEnv) -> None:
    await env.register(COUNTED)
    run = await env.start("counted")
    await env.settle()
    await vote(env, run, LEE)
    await vote(env, run, MIA, text="for ann@example.com")
    await vote(env, run, KIM)
    await vote(env, run, LEE)
    await env.settle()
    ann = await known(env, ANN)
    await erase_person(env, ann.id)
    assert "ann@example.com" not in await everything(env)
    assert str((await env.request(run)).model.content.value["text"]).startswith("for Erased person ")
    assert (await check(env)).unexplained == ()


async def known(env: EngineEnv, address: Address) -> Any:
    """Let a person become known, and return them."""
    await reject(env, await begin(env, "x", by=address))
    return await env.engine.person(address)


async def test_an_erasure_that_was_stopped_goes_on(env: EngineEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.person_erasure.RUNS", 1)
    monkeypatch.setattr("engine.service.erasures.PAGES", 1)
    for number in range(3):
        await reject(env, await begin(env, f"{number} for ann@example.com"))
    first = await admin(env).erase_person(erasure_of("ann@example.com"))
    assert isinstance(first, PersonErased)
    assert (first.runs, first.after is not None) == (1, True)
    # The process was killed, and the command begins anew.
    await erase_person(env, "ann@example.com")
    assert "ann@example.com" not in await everything(env)
    assert (await check(env)).unexplained == ()


async def test_open_runs_that_name_a_person_keep_their_row_until_they_end(env: EngineEnv) -> None:
    await reject(env, await begin(env, "for ann@example.com"))
    waiting = await begin(env, "write to ann@example.com", by=SAM)
    last = (await erase_person(env, "ann@example.com"))[-1]
    assert last.unfinished == 1
    ann = await env.engine.person(ANN)
    assert ann is not None
    assert (await env.view(waiting)).inputs == {"text": "write to ann@example.com"}
    await reject(env, waiting)
    assert (await erase_person(env, ann.id))[-1].unfinished == 0
    assert "ann@example.com" not in await everything(env)


async def test_a_person_who_is_still_needed_is_not_erased(env: EngineEnv) -> None:
    erasures = admin(env)

    async def refusal(person: str, **by: Any) -> str:
        result = await erasures.erase_person(erasure_of(person, **by))
        assert isinstance(result, NotAllowed), result
        return result.why

    run = await begin(env, "hello")
    request = await env.request(run)
    assert await refusal("ann@example.com") == (
        f"Run {run} of ann@example.com has not ended. Cancel it, or wait until it ends."
    )
    assert (await refusal("lee@example.com")).startswith(f"lee@example.com is asked about request {request.id}. ")
    assert await refusal("sam@example.com") == (
        "You cannot erase yourself: the log names who erased a person. Ask another admin."
    )
    boss = Address("email", "boss@example.com")
    erasures = Erasures(Engine(env.store, env.advancer, admins=frozenset({SAM, boss})))
    assert await refusal("sam@example.com", actor=boss) == (
        "sam@example.com owns the workflow flow. Register it with another owner first."
    )
    assert await refusal("ann@example.com", actor=LEE) == "Only an admin can erase a person."
    assert isinstance(await erasures.erase_person(erasure_of("eve@example.com")), NotFound)
    await reject(env, run)
    blank = ErasePerson(person="ann@example.com", reason=" ", actor=SAM, origin=TERMINAL)
    assert isinstance(await erasures.erase_person(blank), NotAllowed)


async def test_a_person_who_comes_back_is_a_new_one(env: EngineEnv) -> None:
    before = await known(env, ANN)
    await erase_person(env, "ann@example.com")
    after = await known(env, ANN)
    assert after.id != before.id
    assert (await check(env)).unexplained == ()


async def test_a_run_that_names_an_erased_person_can_be_erased_as_a_whole(env: EngineEnv) -> None:
    run = await begin(env, "for Ann and Kim")
    await reject(env, run)
    await erase_person(env, "ann@example.com")
    engine = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    await engine.erase(Erase(run=run, reason="all", actor=SAM, origin=TERMINAL))
    assert "Kim" not in await everything(env)
    assert (await check(env)).unexplained == ()


# -- what is looked at --------------------------------------------------------------------------------------

NAMELESS = {
    *(
        "asked_code",
        "channel_rest",
        "item_list",
        "kept_turn",
        "pace",
        "reminder",
        "retention",
        "search_progress",
        "workspace",
    ),
    # The address of a program, which its operator sets up like a file, and why a call to it failed.
    "callback_endpoint",
    # Encrypted values of secrets, with the id of the person who set them.
    "secret",
    # What a builder typed into a form, by a hash of their account. It is deleted after a day.
    "kept_form",
    # Its words are deleted with the texts of its request.
    "search_word",
    # Counts, by the ids of people and by the names of fields in workflow files.
    *("insight_progress", "insight_gate", "insight_times", "insight_hours", "insight_open", "insight_reminded"),
    *("insight_reminder", "insight_field", "insight_copy", "insight_load", "insight_evidence"),
    # Counts, too. The page of workflows says that the class of a plan names no people.
    *("sampling_plan", "gate_draw"),
    # Names of files, of which the page of the command says that they stay. What a schedule gives is from the file, too.
    *("workflow", "workflow_version", "proposed_version", "trigger"),
}
"""Tables whose rows name no one, or not for long."""
OF_PERSON = {"absence", "api_key", "attachment", "audit", "form_draft", "last_view", "person", "run_attachment"}
"""Tables with a rule of their own."""
NAMELESS_TEXTS = {"delivery.receipt", "request.clocks", "approver.chain_groups", "ask.calls"}
"""Long texts that hold ids, numbers and hashes only."""


def test_every_table_and_every_text_that_may_name_a_person_is_looked_at() -> None:
    texts = {table.table.name: {*table.texts, *table.json} for table in person_texts.TABLES}
    known = {*texts, *NAMELESS, *OF_PERSON, *(table.name for table in person_erasure.OF_PERSON)}
    assert {table.name for table in METADATA.sorted_tables} - known == set()
    for name, columns in texts.items():
        long = {column.name for column in METADATA.tables[name].columns if str(column.type) == "TEXT"}
        assert {f"{name}.{column}" for column in long - columns} - NAMELESS_TEXTS == set()
