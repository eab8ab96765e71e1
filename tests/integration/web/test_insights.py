"""The page of insights: who sees what, in which time zone, and what is said where there is little or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.presentation import attention, owner_figures, seeded
from engine.domain import DEFAULT_WORKSPACE, Address, Decided, Register, Verdict
from engine.insights import InsightQuery
from engine.store import people, seeded_requests
from engine.store.port import Tx
from engine.store.seeded_requests import SeededResult
from tests.browser.insight_states import REFUNDS, REQUESTS, decide_many
from tests.support.engine_env import LEE, TERMINAL
from tests.support.insight_rows import recommend_changes
from tests.support.web_env import WebEnv, open_web

ADMIN, AUDITOR, OWNER = "boss@example.com", "aud@example.com", "sam@example.com"
PEOPLE = [f"{name}@example.com" for name in ("lee", "kim", "pat", "jo", "max")]
OTHER = REFUNDS.replace("name: refund", "name: other").replace("Refund an order", "Another one")


@pytest.fixture
async def web(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, admins=[ADMIN], auditors=[AUDITOR]) as env:
        yield env


async def test_owners_see_their_workflows_and_those_who_read_everything_see_all(web: WebEnv) -> None:
    await decide_many(web.engine_env)
    await web.engine_env.register(OTHER.replace("owner: sam@example.com", "owner: mia@example.com"))
    for person, sees in ((OWNER, (True, False)), ("mia@example.com", (False, True)), (ADMIN, (True, True))):
        text = (await (await web.sign_in(person)).get("/insights")).page.text
        assert ("Refund an order: Pay the refund" in text, "Another one: Pay the refund" in text) == sees
    auditor = await web.sign_in(AUDITOR)
    assert "Another one: Pay" not in (await auditor.get("/insights?workflow=refund")).page.text
    assert (
        "Refund an order: Pay"
        not in (await (await web.sign_in("mia@example.com")).get("/insights?workflow=refund")).page.text
    )


async def test_the_page_says_rates_with_intervals_and_draws_them(web: WebEnv) -> None:
    await decide_many(web.engine_env)
    answer = await (await web.sign_in(OWNER)).get("/insights")
    assert "96% (79–>99%)" in answer.page.text
    assert "4 of 24" not in answer.page.text
    for plot in ("decided after a time", "by the time until they expire", "after each reminder", "a field was changed"):
        assert plot in answer.text
    assert answer.text.count("<svg") >= 4
    assert "<style" not in answer.text
    assert "<script" not in answer.text.partition("<main")[2]
    assert "Pay the refund" in answer.page.text
    assert "No request was opened here in this time." in answer.page.text  # of the second gate


async def test_few_requests_are_numbers_and_no_rate(web: WebEnv) -> None:
    await decide_many(web.engine_env, 3)
    answer = await (await web.sign_in(OWNER)).get("/insights")
    assert "2 of 3" in answer.page.text
    assert "(" not in answer.page.text.partition("What people decided")[2].partition("Approved and rejected")[0]
    assert "<svg" not in answer.text


async def test_hours_are_those_of_the_readers_time_zone(web: WebEnv) -> None:
    await decide_many(web.engine_env, 3)
    in_utc = (await (await web.sign_in(OWNER)).get("/insights")).page.text
    assert "time zone UTC" in in_utc
    engine, now = web.engine_env.engine, web.engine_env.clock.now()
    utc = (await engine.insights(InsightQuery(), now)).by_hour
    for name, minutes in (("Asia/Kolkata", 330), ("America/New_York", -300), ("Asia/Kathmandu", 345)):
        found = (await engine.insights(InsightQuery(zone=ZoneInfo(name)), now)).by_hour
        assert {(at + minutes) % (24 * 60): times for at, times in utc.items()} == found


async def test_an_empty_server_and_people_without_a_workflow_are_told_so(web: WebEnv) -> None:
    await web.engine_env.register(REFUNDS)
    await web.engine_env.start("refund")
    await web.engine_env.settle()
    page = await (await web.sign_in("lee@example.com")).get("/insights")
    assert (page.status, "You do not own one yet." in page.page.text) == (200, True)
    unknown = await (await web.sign_in(OWNER)).get("/insights?weeks=nonsense&workflow=unknown")
    assert "No request was opened in this time." in unknown.page.text
    visitor = await web.browser().get("/insights")
    assert (visitor.status, visitor.page.headings) == (403, ["Sign in to see this page"])


SHARED = REFUNDS.replace("approvers: [lee@example.com]", f"approvers: [{', '.join(PEOPLE)}]", 1)


async def decided_by(web: WebEnv, people: Sequence[str]) -> None:
    """Have each of these people approve three refunds, each eight seconds after they were told."""
    env = web.engine_env
    for name in people:
        for _ in range(3):
            run = await env.start("refund")
            await env.settle()
            env.pass_time(seconds=8)
            assert isinstance(await env.decide(run, by=Address("email", name)), Decided)
            await env.settle()
            env.pass_time(seconds=600)


async def test_an_owner_reads_how_at_least_five_others_look_and_no_one_else_does(web: WebEnv) -> None:
    await web.engine_env.register(SHARED)
    await decided_by(web, PEOPLE[:4])
    owner = await web.sign_in(OWNER)
    assert attention.TOO_FEW in (await owner.get("/insights")).page.text
    await decided_by(web, PEOPLE[4:])
    told = "5 people made the last 15 decisions. Half of them took 8 s or less for half of theirs."
    page = (await owner.get("/insights")).page.text
    assert told in page
    assert owner_figures.NO_TESTS in page
    assert told not in (await owner.get("/insights?workflow=other")).page.text
    for other in (ADMIN, AUDITOR, PEOPLE[0]):
        assert told not in (await (await web.sign_in(other)).get("/insights")).page.text


async def test_an_owner_who_wants_tests_reads_how_many_were_caught(web: WebEnv) -> None:
    env = web.engine_env
    await env.register("seeded: 1 in 50\n" + SHARED)
    owner = await web.sign_in(OWNER)
    assert seeded.shared(None) in (await owner.get("/insights")).page.text
    ((workflow,),) = await env.rows("SELECT id FROM workflow WHERE name = 'refund'")
    runs = [await env.start("refund") for _ in PEOPLE]
    for at, name in enumerate(PEOPLE):
        await env.store.transact(partial(_catch, workflow, runs[at], name, at > 0))
    assert "People caught 4 of 5 tests." in (await owner.get("/insights")).page.text
    assert "of 5 tests" not in (await (await web.sign_in(ADMIN)).get("/insights")).page.text


def _catch(workflow: str, run: str, name: str, is_caught: bool, tx: Tx) -> None:
    one = people.need_person(tx, DEFAULT_WORKSPACE, Address("email", name), evidence="test")
    result = SeededResult(run=run, workflow=workflow, person=one.id, kind="ten_times", is_caught=is_caught)
    seeded_requests.insert_result(tx, result)


async def test_a_button_asks_for_a_recommended_change_once(web: WebEnv) -> None:
    env = web.engine_env
    actor = Address("email", ADMIN)
    await env.engine.register(Register(source=REFUNDS.encode(), actor=actor, origin=TERMINAL))
    await recommend_changes(env, "refund", "pay")
    owner = await web.sign_in(OWNER)
    page = await owner.get("/insights")
    assert page.page.text.count("Ask for this change") == 2
    form = page.page.form_with("kind")
    assert (await owner.send(form, nonce="x" * 24)).status == 422
    assert (await owner.post(form.action, form.fields, Sec_Fetch_Site="cross-site")).status == 403
    assert (await owner.send(form, kind="nonsense")).status == 409
    auditor = await web.sign_in(AUDITOR)
    theirs = await auditor.get("/insights")
    assert "Ask for this change" not in theirs.page.text
    assert (await auditor.send(form)).status == 422
    asked = await owner.send(form)
    assert (asked.status, asked.path.startswith("/runs/")) == (200, True)
    again = await owner.send(form)
    assert again.path == asked.path
    await env.settle()
    page = await owner.get("/insights")
    assert page.page.text.count("Ask for this change") == 1
    assert "See who is asked for this change" in page.page.text
    (request,) = await env.engine.requests_of_run(asked.path.rpartition("/")[2])
    card = await owner.get(f"/requests/{request.model.id}")
    assert "Signoff asks, because it recommends another gate." in card.page.text
    assert "autonomy: {clean: 100, sample: 10%, only_when: true}" in card.page.text


async def test_how_long_a_person_takes_is_on_no_page(web: WebEnv) -> None:
    await decide_many(web.engine_env)
    run = await web.engine_env.start("refund")
    await web.engine_env.decide(run, Verdict.APPROVE, by=LEE)
    text = (await (await web.sign_in(OWNER)).get("/insights")).page.text
    who = text.partition("Who decides")[2]
    assert "lee@example.com" in who
    assert str(REQUESTS + 1) in who
    assert not {"minute", "hour", "second"} & {*who.partition("How long a person takes is not shown here.")[0].split()}
