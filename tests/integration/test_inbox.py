"""The parts of an inbox and who may see what, through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from engine import search_words
from engine.access import Reader, may_see_request
from engine.domain import Address, Erase, RequestState, Start, Started, Verdict
from engine.inbox import InboxFilter, InboxPage, InboxPart, InboxQuery
from engine.read_models import PageQuery, RequestView
from engine.service import Engine
from engine.store import inbox_queries, inbox_rows
from engine.store.request_search import MOST_BEGINNINGS
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
MIA = Address("email", "mia@example.com")
GATED = """
name: {name}
owner: sam@example.com
inputs:
  amount: {{type: number, default: 5}}
  text: {{type: text, default: hello}}
steps:
  - id: act
    uses: played
    with: {{text: "{{{{ inputs.text }}}}"}}
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
    assert [await listed(env, by, InboxPart.NEEDS_YOU) for by in (lee, kim)] == [[first], [second]]
    assert [await listed(env, by, InboxPart.ALL) for by in (lee, kim)] == [[], []], "they started and own nothing"
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


async def test_days_among_the_decisions_of_a_person_are_those_of_the_decisions(env: EngineEnv) -> None:
    requests = [await begin(env, "approvers: [lee@example.com]") for _ in range(3)]
    moments = []
    for request in requests:
        env.pass_time(hours=30)
        moments.append(env.clock.now())
        await decide(env, request, LEE)
    lee, second = await reader(env, LEE), timedelta(seconds=1)
    first, middle, last = requests
    assert await listed(env, lee, InboxPart.DECIDED, since=moments[1]) == [last, middle]
    assert await listed(env, lee, InboxPart.DECIDED, until=moments[1]) == [first], "the end is exclusive"
    assert await listed(env, lee, InboxPart.DECIDED, since=moments[1], until=moments[1] + second) == [middle]
    assert await listed(env, lee, InboxPart.DECIDED, since=moments[1] + second, until=moments[2]) == []
    assert await listed(env, lee, InboxPart.DECIDED, since=moments[1], search="pay") == [last, middle]


TWICE = """
name: {name}
owner: sam@example.com
inputs:
  amount: {{type: number, default: 5}}
steps:
  - {{id: first, uses: played, with: {{text: hello}}, gate: {{title: "Begin {{{{ inputs.amount }}}}?", {keys}}}}}
  - {{id: second, uses: played, with: {{text: hello}}, gate: {{title: "Go on {{{{ inputs.amount }}}}?", {keys}}}}}
"""


async def fill(env: EngineEnv) -> list[RequestView]:
    """Start runs with one or two requests each, decide most, and return all requests."""
    for name in ("flow", "other"):
        await env.register(TWICE.format(name=name, keys="approvers: [lee@example.com, kim@example.com]"))
    for number in range(9):
        env.pass_time(minutes=1)
        run = await env.start(workflow="other" if number % 3 == 0 else "flow", amount=number % 4)
        await env.settle()
        for _ in range(number % 3):
            verdict = Verdict.REJECT if number % 4 == 1 else Verdict.APPROVE
            await decide(env, (await env.request(run)).id, KIM if number % 2 else LEE, verdict)
    return await env.engine.requests(PageQuery(limit=100))


def decided_by(view: RequestView, person: str) -> bool:
    return view.decision is not None and view.decision.person.id == person


def look_at_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page check few rows, so that a few requests are more than one page looks at."""
    monkeypatch.setattr(inbox_queries, "FIRST_LOOK", 3)
    monkeypatch.setattr(inbox_queries, "MOST_CHECKED", 4)
    monkeypatch.setattr(inbox_rows, "MOST_LOOKED_AT", 5)


@pytest.mark.parametrize("looks_at_few", [False, True])
async def test_pages_of_any_filter_hold_what_looking_at_every_request_finds(
    env: EngineEnv, monkeypatch: pytest.MonkeyPatch, looks_at_few: bool
) -> None:
    if looks_at_few:
        look_at_few(monkeypatch)
    requests = await fill(env)
    auditor, lee, kim = await reader(env, SAM, is_auditor=True), await reader(env, LEE), await reader(env, KIM)
    persons = ("", lee.person.id, kim.person.id)
    for name, state, person, search in product(("", "flow"), (None, *RequestState), persons, ("", "3", "begin 2")):
        wanted = [
            view.id
            for view in requests
            if (not name or view.workflow == name)
            and (state is None or view.model.state is state)
            and (not person or decided_by(view, person))
            and all(word in view.title.lower() for word in search.split())
        ]
        found = await listed(env, auditor, InboxPart.ALL, workflow=name, state=state, person=person, search=search)
        assert sorted(found) == sorted(wanted), (name, state, person, search)
    for by in (lee, kim):
        decided = [view.id for view in requests if decided_by(view, by.person.id)]
        assert sorted(await listed(env, by, InboxPart.DECIDED)) == sorted(decided)


async def test_pages_of_people_who_see_a_part_tell_nothing_of_the_rest(
    env: EngineEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far a page looked, its cursor and its end are those of a database that has only what its reader sees."""
    look_at_few(monkeypatch)
    requests = await fill(env)
    mine = await begin_as(env, MIA, "begin 2?"), await begin_as(env, MIA, "other 7?")
    requests += [view for request in mine if (view := await env.engine.request(request)) is not None]
    lee, mia, sam, ann = [await reader(env, address) for address in (LEE, MIA, SAM, ANN)]
    persons, words = ("", lee.person.id, ann.person.id), ("", "3", "begin 2", "other")
    for by, name, state, person, search in product(
        (lee, mia, sam), ("", "flow"), (None, RequestState.APPROVED), persons, words
    ):
        seen = {view.id: view for view in requests if by.person.id in (view.requester.id, view.owner)}
        keys = {*seen, *(view.run for view in seen.values())}
        turned = await pages(env, by, InboxPart.ALL, workflow=name, state=state, person=person, search=search)
        wanted = [
            view.id
            for view in seen.values()
            if (not name or view.workflow == name)
            and (state is None or view.model.state is state)
            and (not person or person == view.requester.id or decided_by(view, person))
            and {*search.split()} <= {*words_of(view)}
        ]
        found = [view.id for page in turned for view in page.requests]
        assert sorted(found) == sorted(wanted), (name, person, search)
        assert all({*page.next.split("~")} <= keys for page in turned if page.next is not None)
        opened = {view.model.deadlines.opened_at for view in seen.values()}
        assert {page.searched_until for page in turned} - {None} <= opened


UNGATED = """
name: ungated
owner: sam@example.com
steps: [{id: act, uses: played, with: {text: hello}}]
"""


async def test_a_page_passes_over_runs_that_asked_no_one(env: EngineEnv) -> None:
    requests = [await begin(env, "approvers: [lee@example.com]") for _ in range(3)]
    await env.register(UNGATED)
    for _ in range(4):
        env.pass_time(seconds=1)
        await env.start(workflow="ungated")
        await env.settle()
    turned = await pages(env, await reader(env, SAM), InboxPart.ALL)
    assert [view.id for page in turned for view in page.requests] == requests[::-1]
    assert [page.searched_until for page in turned] == [None, None]


async def test_a_page_that_looked_only_at_runs_that_asked_no_one_says_how_far(
    env: EngineEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at_few(monkeypatch)
    request = await begin(env, "approvers: [lee@example.com]")
    await env.register(UNGATED)
    starts = []
    for _ in range(9):
        env.pass_time(seconds=1)
        starts.append(env.clock.now())
        await env.start(workflow="ungated")
        await env.settle()
    turned = await pages(env, await reader(env, SAM), InboxPart.ALL, state=RequestState.PENDING)
    assert turned[0].searched_until in starts
    assert [view.id for page in turned for view in page.requests] == [request]
    assert turned[-1].searched_until is None


async def test_a_page_of_decisions_says_back_to_which_decision_it_looked(
    env: EngineEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at_few(monkeypatch)
    requests = [await begin(env, "approvers: [lee@example.com]") for _ in range(9)]
    opened_until = env.clock.now()
    env.pass_time(seconds=60)
    decided = list[datetime]()
    for request in requests:
        decided.append(env.clock.now())
        await decide(env, request, LEE)
    turned = await pages(env, await reader(env, LEE), InboxPart.DECIDED, state=RequestState.REJECTED)
    looked = [page.searched_until for page in turned if page.searched_until is not None]
    assert looked == sorted(looked, reverse=True)
    assert {*looked} <= {*decided}
    assert min(looked) > opened_until


async def test_a_person_who_approves_twice_finds_the_request_once(env: EngineEnv) -> None:
    """An edit of another approver asks them again; the request is where their latest decision is."""
    gate = "approvers: [lee@example.com, kim@example.com], policy: {quorum: 2}, edit: [text]"
    request = await begin(env, gate)
    await decide(env, request, LEE)
    other = await begin(env, "approvers: [lee@example.com]")
    await decide(env, other, LEE)
    view = await env.engine.request(request)
    assert view is not None
    await env.decide(view.run, by=KIM, seen=view, edits={"text": "edited"})
    await env.settle()
    lee = await reader(env, LEE)
    assert await listed(env, lee, InboxPart.NEEDS_YOU) == [request]
    assert await listed(env, lee, InboxPart.WAITING) == [], "they approved an older content"
    assert await listed(env, lee, InboxPart.DECIDED) == [other, request]
    await decide(env, request, LEE)
    auditor = await reader(env, MIA if await env.engine.person(MIA) else SAM, is_auditor=True)
    for by, part, wanted in (
        (lee, InboxPart.DECIDED, {}),
        (lee, InboxPart.DECIDED, {"search": "pay"}),
        (auditor, InboxPart.ALL, {"person": lee.person.id}),
    ):
        assert await listed(env, by, part, **wanted) == [request, other]


def words_of(view: RequestView) -> tuple[str, ...]:
    shown = view.model.content.value
    return search_words.words([view.title, view.workflow, view.workflow_title, *search_words.texts_of(shown)])


async def begin_as(env: EngineEnv, by: Address, title: str) -> str:
    """Start a run of a workflow that another person owns, and return its request."""
    env.pass_time(minutes=1)
    source = GATED.format(name="theirs", keys="approvers: [lee@example.com]").replace("sam@", "zoe@")
    await env.register(source.replace("Pay {{ inputs.amount }}?", title))
    started = await env.engine.start(Start(workflow="theirs", inputs={}, actor=by, origin=TERMINAL))
    assert isinstance(started, Started)
    await env.settle()
    return (await env.request(started.run)).id


async def test_a_search_finds_words_and_their_beginnings(env: EngineEnv) -> None:
    request = await begin(env, "approvers: [lee@example.com]", text="Crème brûlée für ACME-1007")
    await begin(env, "approvers: [lee@example.com]", text="ACME-2000")
    lee = await reader(env, LEE)
    for typed in ("creme", "CRÈME", "für 1007", "acme 10", "brul", "flow 1007"):
        assert await listed(env, lee, InboxPart.NEEDS_YOU, search=typed) == [request], typed
    assert await listed(env, lee, InboxPart.NEEDS_YOU, search="acme 3000") == []


async def test_erased_texts_cannot_be_searched_for(env: EngineEnv) -> None:
    request = await begin(env, "approvers: [lee@example.com]", text="Crème brûlée")
    await decide(env, request, LEE, Verdict.REJECT)
    view = await env.engine.request(request)
    assert view is not None
    engine = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    await engine.erase(Erase(run=view.run, actor=SAM, origin=TERMINAL, reason="asked to"))
    assert await env.rows("SELECT word FROM search_word") == []


async def test_a_word_that_begins_too_many_others_is_named(env: EngineEnv) -> None:
    for number in range(MOST_BEGINNINGS + 1):
        await begin(env, "approvers: [lee@example.com]", text=f"order{number}")
    lee = await reader(env, LEE)
    page = await env.engine.inbox(InboxQuery(reader=lee, filter=InboxFilter(search="ord")))
    assert (page.requests, page.vague, page.need_you) == ((), ("ord",), MOST_BEGINNINGS + 1)


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
