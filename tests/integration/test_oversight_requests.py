"""Requests that Signoff itself opens: who decides them, what follows, and that no effect can. On both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from dataclasses import replace as replace_card
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from bot.presentation import decision_records, inbox_rows, request_card
from engine.access import Reader
from engine.delivery.recipients import Resolved
from engine.domain import (
    Address,
    AlreadyDecided,
    Assurance,
    Away,
    Cancel,
    Decided,
    Done,
    Erase,
    Erased,
    NotAllowed,
    NotAnApprover,
    NotFound,
    Reassign,
    Refusal,
    Register,
    RequestState,
    RunStatus,
    SetAway,
    Start,
    TryAgain,
    Verdict,
)
from engine.domain.oversight import OVERSIGHT_WORKFLOW, About, OversightPurpose
from engine.errors import SignoffError
from engine.ports import DirectoryPerson
from engine.read_models import DecisionFilter, RequestView
from engine.references import Reference
from engine.requests.oversight_request import EndedOversightRequest, OversightRequest
from engine.service import Engine
from engine.service.context import CommandContext
from engine.service.oversight_requests import owner_or_admins
from engine.store import identities, log_followers, oversight_rows, people, reconciliation
from engine.store.port import Tx
from engine.worker.oversight_requests import open_oversight_request
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
ADMIN = Address("email", "admin@example.com")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}}
"""
PURPOSE = OversightPurpose.LATER_REVIEW


@dataclass(slots=True)
class Followed:
    """What the follower was told. `fails`: it raises, as if it could not write."""

    ended: list[EndedOversightRequest] = field(default_factory=list)
    fails: bool = False

    def follow(self, context: CommandContext, tx: Tx, ended: EndedOversightRequest, resolved: Resolved) -> None:
        if self.fails:
            raise SignoffError("the follower failed")
        self.ended.append(ended)


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


@pytest.fixture
def followed(env: EngineEnv) -> Followed:
    told = Followed()
    followers = dict.fromkeys(OversightPurpose, told.follow)
    env.engine = Engine(env.store, env.advancer, admins=frozenset({ADMIN}), clock=env.clock, followers=followers)
    return told


def question(**changes: Any) -> OversightRequest:
    asked = OversightRequest(
        workspace="default",
        purpose=PURPOSE,
        title="Was this refund right?",
        approvers=(Reference("email", LEE.value, "reviewer"),),
        content={"amount": 120, "order": "A-1007"},
        facts={"plan": "p1"},
        about=About(run="r1", step="act"),
    )
    return replace(asked, **changes)


async def ask(env: EngineEnv, **changes: Any) -> str:
    asked = question(**changes)
    run = await env.engine.transact_with_directory(
        lambda tx, resolved: open_oversight_request(env.advancer, tx, asked, resolved)
    )
    await env.settle()
    return run


async def person_id(env: EngineEnv, address: Address) -> str:
    person = await env.store.transact(lambda tx: people.need_person(tx, "default", address, evidence="test"))
    return person.id


async def pass_on(env: EngineEnv, run: str, *, by: Address) -> Any:
    request = (await env.request(run)).id
    command = Reassign(
        request=request, to=KIM, actor=by, origin=TERMINAL, reason="please", assurance=Assurance.TERMINAL
    )
    return await env.engine.reassign(command)


async def differences(env: EngineEnv) -> list[str]:
    return await env.store.read(lambda connection: list(reconciliation.compare(connection, "default")))


async def test_a_person_answers_and_its_follower_gets_the_answer_once(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    request = await env.request(run)
    assert (request.title, request.requester.label) == ("Was this refund right?", "Signoff")
    assert [copy.address for copy in env.channel.posted.values()] == [LEE.value]
    assert isinstance(await env.decide(run), Decided)
    assert isinstance(await env.decide(run), AlreadyDecided)
    await env.settle()
    (ended,) = followed.ended
    assert (ended.run, ended.request, ended.purpose) == (run, request.id, PURPOSE)
    assert (ended.state, ended.person and ended.person.email) == (RequestState.APPROVED, LEE.value)
    assert (ended.about, ended.facts, ended.content) == (
        About(run="r1", step="act"),
        {"plan": "p1"},
        {"amount": 120, "order": "A-1007"},
    )
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert env.step.calls == []
    kinds = await env.kinds(run)
    assert kinds.count("oversight.opened") == kinds.count("oversight.ended") == 1
    assert await differences(env) == []


async def test_lists_say_why_it_is_decided_by_itself(env: EngineEnv, followed: Followed) -> None:
    request = await env.request(await ask(env))
    row = inbox_rows.row(request, request.approvers[0].person)
    assert row.alone == "Decide this one separately: Signoff itself asks, so look at what it shows first."


@pytest.mark.parametrize(("verdict", "state"), [(Verdict.REJECT, RequestState.REJECTED)])
async def test_a_rejection_reaches_the_follower(
    env: EngineEnv, followed: Followed, verdict: Verdict, state: RequestState
) -> None:
    run = await ask(env)
    assert isinstance(await env.decide(run, verdict, reason="wrong order"), Decided)
    await env.settle()
    assert [(ended.state, ended.reason) for ended in followed.ended] == [(state, "wrong order")]
    assert (await env.view(run)).status is RunStatus.REJECTED
    assert await differences(env) == []


async def test_one_that_no_one_answers_expires_and_its_follower_hears_of_it(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    env.pass_time(days=14, seconds=1)
    await env.settle()
    assert [(ended.state, ended.person) for ended in followed.ended] == [(RequestState.EXPIRED, None)]
    assert (await env.view(run)).status is RunStatus.EXPIRED
    assert isinstance(await env.decide(run), Refusal)
    assert await differences(env) == []


async def test_one_that_is_cancelled_is_not_approved(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=ADMIN, origin=TERMINAL)), Done)
    await env.settle()
    assert [ended.state for ended in followed.ended] == [RequestState.CANCELLED]
    assert await differences(env) == []


async def test_a_follower_that_fails_saves_no_decision(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    followed.fails = True
    with pytest.raises(SignoffError, match="the follower failed"):
        await env.decide(run)
    assert (await env.request(run)).model.state is RequestState.PENDING
    followed.fails = False
    assert isinstance(await env.decide(run), Decided)
    assert len(followed.ended) == 1


async def test_a_person_who_is_not_asked_cannot_answer(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    assert isinstance(await env.decide(run, by=KIM), NotAnApprover)
    assert followed.ended == []


async def test_who_is_barred_never_decides_in_no_ones_place(env: EngineEnv, followed: Followed) -> None:
    kim = await person_id(env, KIM)
    both = (Reference("email", LEE.value, "reviewer"), Reference("email", KIM.value, "reviewer"))
    run = await ask(env, approvers=both, barred=(kim,))
    assert [row.person.email for row in (await env.request(run)).approvers] == [LEE.value]
    refused = await env.decide(run, by=KIM)
    assert isinstance(refused, NotAllowed)
    assert "other people decide" in refused.why
    assert isinstance(await pass_on(env, run, by=LEE), Refusal)
    assert isinstance(await env.decide(run, by=LEE), Decided)
    assert len(followed.ended) == 1


async def test_if_no_one_is_left_its_owner_is_told_and_nothing_is_approved(env: EngineEnv, followed: Followed) -> None:
    sam = await person_id(env, SAM)
    run = await ask(env, approvers=(Reference("email", SAM.value, "owner"),), barred=(sam,), owner=sam)
    request = await env.request(run)
    assert (request.model.state, request.approvers) == (RequestState.PENDING, ())
    assert await env.rows(f"SELECT topic, address FROM delivery WHERE run = '{run}' AND kind = 'alert'") == [
        ("short", SAM.value)
    ]
    (alert,) = [copy.card for copy in env.channel.posted.values() if copy.address == SAM.value]
    assert alert.title == "No one can decide “Was this refund right?”"
    assert "You registered this version of the workflow" in repr(alert.lead)
    # Who does not decide does not choose who does.
    assert alert.digest is None
    assert isinstance(await env.decide(run, by=SAM), Refusal)
    assert isinstance(await pass_on(env, run, by=SAM), NotAllowed)
    env.pass_time(minutes=15)
    await env.settle()
    env.pass_time(days=14)
    await env.settle()
    assert [ended.state for ended in followed.ended] == [RequestState.EXPIRED]


async def test_the_owner_decides_about_a_version_unless_they_registered_it(env: EngineEnv, followed: Followed) -> None:
    await env.engine.register(Register(source=FLOW.encode(), actor=KIM, origin=TERMINAL))
    found = await _deciders(env, 1)
    assert ([one.value for one in found.approvers], found.owner) == ([SAM.value], await person_id(env, SAM))
    assert found.barred == (await person_id(env, KIM),)
    await env.engine.register(Register(source=FLOW.encode() + b"# more", actor=SAM, origin=TERMINAL))
    found = await _deciders(env, 2)
    assert [one.value for one in found.approvers] == [ADMIN.value]
    assert found.barred == (await person_id(env, SAM),)


async def test_no_one_sees_starts_calls_or_replaces_its_workflow(env: EngineEnv, followed: Followed) -> None:
    await ask(env)
    assert [view.name for view in await env.engine.workflows()] == []
    assert [view.name for view in await env.engine.workflow_names()] == []
    assert await env.engine.startable([OVERSIGHT_WORKFLOW], ANN) == []
    started = await env.engine.start(Start(workflow=OVERSIGHT_WORKFLOW, inputs={}, actor=ANN, origin=TERMINAL))
    assert isinstance(started, NotFound)
    own = f"name: {OVERSIGHT_WORKFLOW}\nsteps: [{{id: a, uses: played}}]".encode()
    assert isinstance(await env.engine.register(Register(source=own, actor=ADMIN, origin=TERMINAL)), NotAllowed)


async def test_it_cannot_be_tried_again(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    tried = await env.engine.try_again(TryAgain(run=run, actor=ADMIN, origin=TERMINAL))
    assert isinstance(tried, NotAllowed)


async def test_those_that_wait_are_found_by_purpose_and_workflow(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env, about=About(workflow="w1"))
    await ask(env, about=About(workflow="w2"))
    found = await env.store.read(
        lambda connection: oversight_rows.load_open(connection, "default", purpose=PURPOSE, workflow="w1")
    )
    assert [row.run for row in found] == [run]
    await env.decide(run)
    assert [row.about.workflow for row in await _open(env)] == ["w2"]


async def _open(env: EngineEnv) -> list[oversight_rows.OversightRow]:
    return await env.store.read(lambda connection: oversight_rows.load_open(connection, "default", purpose=PURPOSE))


async def _deciders(env: EngineEnv, version: int) -> Any:
    ((workflow,),) = await env.rows("SELECT id FROM workflow WHERE name = 'flow'")
    return await env.engine.transact(lambda tx: owner_or_admins(env.engine.context, tx, workflow, version))


async def test_who_is_barred_does_not_stand_in_for_one_who_is_away(env: EngineEnv, followed: Followed) -> None:
    kim = await person_id(env, KIM)
    await person_id(env, LEE)
    away = Away(
        actor=LEE,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
        ends_at=env.clock.now() + timedelta(days=3),
        delegate=KIM,
    )
    assert isinstance(await env.engine.set_away(away), SetAway)
    run = await ask(env, barred=(kim,))
    assert [row.person.email for row in (await env.request(run)).approvers] == [LEE.value]
    assert isinstance(await env.decide(run, by=KIM), Refusal)


async def test_who_is_barred_stays_so_if_they_turn_out_to_be_an_approver(env: EngineEnv, followed: Followed) -> None:
    """The directory finds that the author and an approver are one human."""
    kim = await person_id(env, KIM)
    run = await ask(env, barred=(kim,))
    one = DirectoryPerson("Lee", (Address("slack", "U1"), LEE, KIM), joined=True)
    await env.store.transact(lambda tx: identities.adopt(tx, "default", one) and None)
    assert await person_id(env, KIM) == await person_id(env, LEE)
    refused = await env.decide(run, by=LEE)
    assert isinstance(refused, NotAllowed)
    assert (await env.request(run)).model.state is RequestState.PENDING


async def test_who_can_write_the_tables_is_found_out(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    for column, value in (("purpose", "seeded"), ("about_step", "other"), ("state", "approved")):
        ((before,),) = await env.rows(f"SELECT {column} FROM oversight_request")
        await write(env, f"UPDATE oversight_request SET {column} = '{value}'")
        assert any(run in difference for difference in await differences(env)), column
        await write(env, f"UPDATE oversight_request SET {column} = {'NULL' if before is None else repr(before)}")
        assert await differences(env) == []
    await write(env, "DELETE FROM oversight_request")
    assert any(run in difference for difference in await differences(env))


@pytest.mark.parametrize("is_decided", [True, False], ids=["decided", "waiting"])
async def test_erasing_a_run_erases_what_signoff_asked_about_it(
    env: EngineEnv, followed: Followed, is_decided: bool
) -> None:
    await env.register(FLOW)
    run = await env.start()
    await env.settle()
    asked = await ask(env, about=About(run=run), facts={"secret": "A-1007"})
    if is_decided:
        await env.decide(asked)
        await env.settle()
    erased = await env.engine.erase(Erase(run=run, actor=ADMIN, origin=TERMINAL, reason="asked for"))
    assert isinstance(erased, Erased)
    await env.settle()
    state = RequestState.APPROVED if is_decided else RequestState.CANCELLED
    assert (await env.request(asked)).model.state is state
    assert [ended.state for ended in followed.ended] == [state]
    for table in ("oversight_request", "request", "decision", "step_run", "audit"):
        assert "A-1007" not in repr(await env.rows(f"SELECT * FROM {table}")), table
    assert (await env.view(asked)).status.ended
    assert await differences(env) == []


async def write(env: EngineEnv, statement: str) -> None:
    await env.store.transact(lambda tx: tx.connection.execute(text(statement)) and None)


GATED = """
name: pay
title: Payments
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {text: hello}
    gate: {title: Pay the refund?, approvers: [lee@example.com], edit: [text], approve_label: Pay it}
"""


async def imitate(env: EngineEnv) -> tuple[RequestView, str]:
    """Ask a real request, and one that looks like it. Return the view of the real one, and the run of the other."""
    await env.register(GATED)
    real = await env.request(await env.start("pay"))
    await env.settle()
    seeded = await ask(
        env,
        purpose=OversightPurpose.SEEDED,
        title=real.title,
        content=dict(real.model.content.value),
        approve_label=real.approve_label,
        editable=real.model.editable,
        expires_after=None,
        alone=real.model.alone,
        technical=real.technical,
        looks_like=real.id,
        about=About(request=real.id),
    )
    return real, seeded


def told(request: RequestView) -> set[str]:
    """Return all that the card of a request says to Lee, without what differs between any two requests.

    No one can ask about a seeded request: there is no one who could answer.
    """
    card = request_card.request_card(request, request.approvers[0].person)
    shown = replace_card(card, request="", run="", digest=None, may_ask=False)
    return {repr(getattr(shown, name)) for name in shown.__dataclass_fields__ if name != "details"} | {
        f"{fact.label}: {fact.text}"
        for fact in card.details
        if fact.label not in ("Run", "Request", "Fingerprint of the content", "Started")
    }


async def test_a_seeded_request_looks_like_the_one_that_it_imitates_until_it_ends(
    env: EngineEnv, followed: Followed
) -> None:
    real, run = await imitate(env)
    seeded = await env.request(run)
    assert told(seeded) == told(real)
    view = await env.view(run)
    page = (view.workflow_title, view.requester.label, [step.label for step in view.steps])
    assert page == ("Payments", "ann@example.com", ["Act"])
    story, real_story = await env.engine.story(run), await env.engine.story(real.run)
    assert "oversight.opened" not in {entry.kind for entry in story}
    begun = [entry for entry in story if entry.kind == "run.started"]
    assert [entry.content for entry in begun] == [real_story[0].content], "as the run that it imitates began"
    assert view.origin.surface == "terminal"
    compiled = await env.engine.workflow_of(run)
    assert compiled is not None
    assert compiled.name == "pay"
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    ended = await env.request(run)
    assert (ended.requester.label, ended.workflow) == ("Signoff", OVERSIGHT_WORKFLOW)
    assert "Signoff made this request up." in repr(request_card.request_card(ended).notes)


async def test_a_later_review_says_what_it_is_and_what_the_answer_does_not_do(
    env: EngineEnv, followed: Followed
) -> None:
    run = await ask(env, approve_label="Looks right", reject_label="Something is wrong")
    card = request_card.request_card(await env.request(run))
    assert card.lead[0] == ("Signoff asks: this went through without a review.",)
    assert [action.label for action in card.actions] == ["Looks right", "Something is wrong"]
    assert card.notes[0].text == ("It has already run. Your answer does not undo it.",)
    assert {(fact.label, *fact.text) for fact in card.details} >= {
        ("Asked for", "Later review"),
        ("About run", "r1"),
        ("About step", "act"),
    }
    assert not {"If approved", "Step", "Workflow"} & {fact.label for fact in card.details}


async def test_exports_mark_what_signoff_itself_asked(env: EngineEnv, followed: Followed) -> None:
    run = await ask(env)
    await env.decide(run)
    wanted = DecisionFilter(since=env.clock.now() - timedelta(days=1))
    (exported,) = await env.engine.exported(wanted)
    assert decision_records.record(exported)["oversight"] == "later_review"


async def test_those_who_are_asked_cannot_limit_lists_to_it_and_it_is_counted_nowhere(
    env: EngineEnv, followed: Followed
) -> None:
    run = await ask(env)
    lee = (await env.request(run)).approvers[0].person
    assert await env.engine.workflows_of(Reader(person=lee)) == []
    await env.decide(run, Verdict.REJECT)
    assert await env.engine.workflows_of(Reader(person=lee)) == []
    await env.settle()
    while await env.store.transact(lambda tx: log_followers.follow_log(tx, "default")):
        pass
    for table in ("insight_gate", "insight_load", "insight_copy"):
        assert await env.rows(f"SELECT * FROM {table}") == []
