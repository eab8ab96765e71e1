"""References that only an external directory can resolve: it is asked between units of work, never inside of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from engine.domain import (
    Address,
    Decided,
    DeliveryKind,
    NotWaiting,
    Origin,
    Person,
    Resume,
    ResumeAnswer,
    RunStatus,
    Start,
    Started,
    StepStatus,
    Verdict,
)
from engine.errors import ChannelError, StepError
from engine.ports import DirectoryPerson, Resolution, Route, StepContext
from engine.references import Reference
from engine.retry import DIRECTORY_DOWN_WAIT
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, PlayedParams, UnexpectedError, open_engine

LEE_SLACK = Address("slack", "U0LEE")
KIM_SLACK = Address("slack", "U0KIM")
IN_SLACK = Origin(surface="slack", place={"channel": "C1", "user": "U0ANN"})
ASKS = """
name: flow
owner: sam@example.com
inputs:
  who: {type: json, default: [lee@example.com]}
steps:
  - {id: act, uses: set, with: {a: 1}, gate: {approvers: "{{ inputs.who }}"}}
"""
ASKS_AFTER = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}, gate: {at: after, approvers: [lee@example.com]}}
"""
ACTS = "name: flow\nowner: sam@example.com\nsteps: [{id: act, uses: played, with: {text: hello}}]"


class Book:
    """A directory that knows some people, counts its queries, and can be out of reach."""

    def __init__(self) -> None:
        lee = DirectoryPerson("Lee", (LEE, LEE_SLACK))
        kim = DirectoryPerson("Kim", (KIM_SLACK,))
        self.known = {
            "lee@example.com": Resolution((lee,)),
            "sam@example.com": Resolution((DirectoryPerson("Sam", (SAM,)),)),
            "ann@example.com": Resolution((DirectoryPerson("Ann", (ANN,)),)),
            "U0LEE": Resolution((lee,)),
            "finance": Resolution((lee, kim), "group:finance: one account is deactivated and is not asked."),
            "ghosts": Resolution((), "group:ghosts has no member who can be asked."),
        }
        self.down = False

    def asks(self, reference: Reference) -> bool:
        return reference.kind in ("email", "slack", "group")

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        if self.down:
            raise ChannelError("The directory does not answer.")
        return {reference: self.known[reference.value] for reference in references}

    def reach(self, person: Person) -> Sequence[Route]:
        return [
            Route(
                "recording",
                next((address.value for address in person.addresses if address.kind == "slack"), person.label),
            )
        ]

    def back(self, origin: Origin, person: Person) -> Route | None:
        return Route("recording", origin.place["channel"])

    def place(self, name: str) -> Route | None:
        return None


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore, book: Book) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=book) as env:
        yield env


async def test_people_are_asked_where_the_directory_reaches_them(env: EngineEnv) -> None:
    await env.register(ASKS)
    run = await env.start()
    (approver,) = (await env.request(run)).approvers
    assert approver.person.name == "Lee"
    assert LEE_SLACK in approver.person.addresses
    assert [copy.address for copy in await env.engine.deliveries(run=run)] == ["U0LEE"]
    assert isinstance(await env.decide(run, by=LEE_SLACK), Decided)


async def test_a_person_counts_once_whatever_reference_names_them(env: EngineEnv) -> None:
    await env.register(ASKS.replace('"{{ inputs.who }}"', '["lee@example.com", "group:finance", "<@U0LEE>"]'))
    run = await env.start()
    request = await env.request(run)
    assert [approver.person.name for approver in request.approvers] == ["Lee", "Kim"]
    assert request.notes == ("group:finance: one account is deactivated and is not asked.",)


async def test_a_person_keeps_the_time_zone_that_the_directory_named_last(env: EngineEnv, book: Book) -> None:
    await env.register(ASKS)
    for zone, expected in (
        ("Europe/Berlin", "Europe/Berlin"),
        ("Asia/Kolkata", "Asia/Kolkata"),
        (None, "Asia/Kolkata"),
    ):
        book.known["lee@example.com"] = Resolution((DirectoryPerson("Lee", (LEE, LEE_SLACK), zone),))
        (approver,) = (await env.request(await env.start())).approvers
        assert (approver.person.name, approver.person.zone) == ("Lee", expected)


async def test_a_group_without_eligible_members_asks_the_owner_and_says_why(env: EngineEnv) -> None:
    await env.register(ASKS.replace('"{{ inputs.who }}"', '["group:ghosts"]'))
    request = await env.request(await env.start())
    assert [approver.person.email for approver in request.approvers] == ["sam@example.com"]
    assert request.notes[0] == "group:ghosts has no member who can be asked."


async def test_a_person_who_left_is_not_asked_another_way(env: EngineEnv, book: Book) -> None:
    await env.register(ASKS)
    book.known["new@example.com"] = Resolution(
        (DirectoryPerson("", (Address("email", "new@example.com"),)),), unknown=True
    )
    request = await env.request(await env.start(who=["new@example.com"]))
    assert [approver.person.email for approver in request.approvers] == ["new@example.com"], "they never had an account"
    await env.start()
    book.known["lee@example.com"] = Resolution((DirectoryPerson("", (LEE,)),), unknown=True)
    request = await env.request(await env.start())
    assert [approver.person.email for approver in request.approvers] == ["sam@example.com"]
    assert request.notes[1] == "lee@example.com no longer has an active account and is not asked."


async def test_two_references_to_one_person_decide_as_one_person(env: EngineEnv, book: Book) -> None:
    book.known["lee@example.com"] = Resolution((DirectoryPerson("", (LEE,)),))
    book.known["U0LEE"] = Resolution((DirectoryPerson("", (LEE_SLACK,)),))
    await env.register(ASKS)
    first = await env.start(who=["U0LEE"])
    second = await env.start(who=["lee@example.com"])
    run = await env.start(who=["lee@example.com", "U0LEE"])
    book.known["lee@example.com"] = Resolution((DirectoryPerson("Lee", (LEE, LEE_SLACK)),))
    await env.start()
    assert [approver.person.name for approver in (await env.request(run)).approvers] == ["Lee"]
    assert isinstance(await env.decide(first, by=LEE), Decided)
    assert isinstance(await env.decide(second, by=LEE_SLACK), Decided)
    assert isinstance(await env.decide(run, by=LEE), Decided)


async def test_a_run_starts_while_the_directory_is_out_of_reach_and_asks_later(env: EngineEnv, book: Book) -> None:
    await env.register(ASKS)
    book.down = True
    run = await env.start()
    assert await env.engine.requests_of_run(run) == []
    await env.settle()
    assert (await env.view(run)).error == "The directory does not answer."
    book.down = False
    env.clock.pass_time(DIRECTORY_DOWN_WAIT)
    await env.settle()
    assert (await env.view(run)).error is None
    assert isinstance(await env.decide(run), Decided)


async def test_an_effect_is_recorded_while_the_directory_is_out_of_reach(env: EngineEnv, book: Book) -> None:
    await env.register(ASKS_AFTER)
    run = await env.start()
    book.down = True
    await env.settle()
    assert await env.engine.requests_of_run(run) == []
    view = await env.engine.run(run)
    assert view is not None
    assert view.steps[0].output is not None, "the result of the effect is on the disk"
    book.down = False
    env.pass_time(minutes=2)
    await env.settle()
    request = await env.request(run)
    assert [approver.person.name for approver in request.approvers] == ["Lee"]
    assert len(env.step.calls) == 1
    await env.decide(run)
    await env.settle()
    view = await env.engine.run(run)
    assert view is not None
    assert view.status is RunStatus.SUCCEEDED
    assert len(env.step.calls) == 1


async def test_the_requester_is_informed_of_the_end_where_they_started_the_run(env: EngineEnv) -> None:
    await env.register(ASKS)
    started = await env.engine.start(Start(workflow="flow", inputs={}, actor=ANN, origin=IN_SLACK))
    assert isinstance(started, Started)
    await env.decide(started.run, Verdict.REJECT)
    await env.settle()
    (outcome,) = [
        delivery for delivery in await env.engine.deliveries(run=started.run) if delivery.kind is DeliveryKind.OUTCOME
    ]
    assert outcome.address == "C1"
    assert [posted.card.title for posted in env.channel.of("C1")] == ["Rejected: Act"]


async def test_an_answer_about_an_earlier_visit_does_not_count(env: EngineEnv) -> None:
    await env.register(ACTS)

    async def raise_error(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise UnexpectedError("broke")

    env.step.play = raise_error
    run = await env.start()
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION

    async def answer(step: str, visit: int) -> object:
        return await env.engine.resume(
            Resume(run=run, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL, step=step, visit=visit)
        )

    assert isinstance(await answer("act", 2), NotWaiting)
    assert isinstance(await answer("other", 1), NotWaiting)
    assert not isinstance(await answer("act", 1), NotWaiting)


async def test_a_failure_is_recorded_while_the_directory_is_out_of_reach_and_asked_about_once(
    env: EngineEnv, book: Book
) -> None:
    async def refuses(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if context.attempt < 3:
            raise StepError("no")
        return {"text": params.text}

    env.step.play = refuses
    asks = "with: {text: hello}, on_error: ask, approvers: [lee@example.com]"
    await env.register(ACTS.replace("with: {text: hello}", asks))
    run = await env.start()
    for calls in (1, 2):
        book.down = True
        await env.settle()
        assert len(env.step.calls) == calls
        assert (await env.view(run)).steps[0].status is StepStatus.FAILURE_IN_REVIEW
        assert len(await env.engine.requests_of_run(run)) == calls - 1
        book.down = False
        env.pass_time(minutes=2)
        await env.settle()
        assert len(await env.engine.requests_of_run(run)) == calls
        env.pass_time(seconds=1)
        assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(env.step.calls) == 3
