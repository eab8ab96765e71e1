"""Whom references mean, when only somebody outside can tell: asked between units of work, never inside of one."""

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
    Verdict,
)
from engine.errors import ChannelError
from engine.ports import DirectoryPerson, Resolution, Route
from engine.references import Reference
from engine.retry import DIRECTORY_DOWN_WAIT
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
    """A directory that knows some people, counts what it is asked, and can be out of reach."""

    def __init__(self) -> None:
        lee = DirectoryPerson("Lee", (LEE, LEE_SLACK))
        kim = DirectoryPerson("Kim", (KIM_SLACK,))
        self.known = {
            "lee@example.com": Resolution((lee,)),
            "sam@example.com": Resolution((DirectoryPerson("Sam", (SAM,)),)),
            "ann@example.com": Resolution((DirectoryPerson("Ann", (ANN,)),)),
            "U0LEE": Resolution((lee,)),
            "finance": Resolution((lee, kim), "group:finance: one account is deactivated and is not asked."),
            "ghosts": Resolution((), "group:ghosts has nobody who can be asked."),
        }
        self.down = False

    def asks(self, reference: Reference) -> bool:
        return reference.kind in ("email", "slack", "group")

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        if self.down:
            raise ChannelError("The directory does not answer.")
        return {one: self.known[one.value] for one in references}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("recording", next((one.value for one in person.addresses if one.kind == "slack"), person.label))]

    def back(self, origin: Origin, person: Person) -> Route | None:
        return Route("recording", origin.place["channel"])


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def home(tmp_path: Path, book: Book) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=book) as home:
        yield home


async def test_people_are_asked_where_the_directory_says_that_they_are(home: EngineEnv) -> None:
    await home.register(ASKS)
    run = await home.start()
    (approver,) = (await home.request(run)).approvers
    assert approver.person.name == "Lee"
    assert LEE_SLACK in approver.person.addresses
    assert [copy.address for copy in await home.engine.deliveries(run=run)] == ["U0LEE"]
    assert isinstance(await home.decide(run, by=LEE_SLACK), Decided)


async def test_a_person_counts_once_whatever_reference_names_them(home: EngineEnv) -> None:
    await home.register(ASKS.replace('"{{ inputs.who }}"', '["lee@example.com", "group:finance", "<@U0LEE>"]'))
    run = await home.start()
    request = await home.request(run)
    assert [one.person.name for one in request.approvers] == ["Lee", "Kim"]
    assert request.notes == ("group:finance: one account is deactivated and is not asked.",)


async def test_a_person_keeps_the_time_zone_that_the_directory_named_last(home: EngineEnv, book: Book) -> None:
    await home.register(ASKS)
    for zone, kept in (("Europe/Berlin", "Europe/Berlin"), ("Asia/Kolkata", "Asia/Kolkata"), (None, "Asia/Kolkata")):
        book.known["lee@example.com"] = Resolution((DirectoryPerson("Lee", (LEE, LEE_SLACK), zone),))
        (approver,) = (await home.request(await home.start())).approvers
        assert (approver.person.name, approver.person.zone) == ("Lee", kept)


async def test_a_group_with_nobody_left_asks_the_owner_and_says_why(home: EngineEnv) -> None:
    await home.register(ASKS.replace('"{{ inputs.who }}"', '["group:ghosts"]'))
    request = await home.request(await home.start())
    assert [one.person.email for one in request.approvers] == ["sam@example.com"]
    assert request.notes[0] == "group:ghosts has nobody who can be asked."


async def test_somebody_who_left_is_not_asked_another_way(home: EngineEnv, book: Book) -> None:
    await home.register(ASKS)
    book.known["new@example.com"] = Resolution(
        (DirectoryPerson("", (Address("email", "new@example.com"),)),), unknown=True
    )
    request = await home.request(await home.start(who=["new@example.com"]))
    assert [one.person.email for one in request.approvers] == ["new@example.com"], "they never had an account"
    await home.start()
    book.known["lee@example.com"] = Resolution((DirectoryPerson("", (LEE,)),), unknown=True)
    request = await home.request(await home.start())
    assert [one.person.email for one in request.approvers] == ["sam@example.com"]
    assert request.notes[1] == "lee@example.com has no active account any more, so they are not asked."


async def test_two_who_turn_out_to_be_one_decide_as_one(home: EngineEnv, book: Book) -> None:
    book.known["lee@example.com"] = Resolution((DirectoryPerson("", (LEE,)),))
    book.known["U0LEE"] = Resolution((DirectoryPerson("", (LEE_SLACK,)),))
    await home.register(ASKS)
    first = await home.start(who=["U0LEE"])
    second = await home.start(who=["lee@example.com"])
    both = await home.start(who=["lee@example.com", "U0LEE"])
    book.known["lee@example.com"] = Resolution((DirectoryPerson("Lee", (LEE, LEE_SLACK)),))
    await home.start()
    assert [one.person.name for one in (await home.request(both)).approvers] == ["Lee"]
    assert isinstance(await home.decide(first, by=LEE), Decided)
    assert isinstance(await home.decide(second, by=LEE_SLACK), Decided)
    assert isinstance(await home.decide(both, by=LEE), Decided)


async def test_a_run_starts_while_the_directory_is_out_of_reach_and_asks_later(home: EngineEnv, book: Book) -> None:
    await home.register(ASKS)
    book.down = True
    run = await home.start()
    assert await home.engine.requests_of_run(run) == []
    await home.settle()
    assert (await home.view(run)).error == "The directory does not answer."
    book.down = False
    home.clock.pass_time(DIRECTORY_DOWN_WAIT)
    await home.settle()
    assert (await home.view(run)).error is None
    assert isinstance(await home.decide(run), Decided)


async def test_an_effect_is_recorded_though_nobody_can_say_who_is_asked_about_it(home: EngineEnv, book: Book) -> None:
    await home.register(ASKS_AFTER)
    run = await home.start()
    book.down = True
    await home.settle()
    assert await home.engine.requests_of_run(run) == []
    view = await home.engine.run(run)
    assert view is not None
    assert view.steps[0].output is not None, "what the world returned is on the disk"
    book.down = False
    home.pass_time(minutes=2)
    await home.settle()
    request = await home.request(run)
    assert [one.person.name for one in request.approvers] == ["Lee"]
    assert len(home.step.calls) == 1
    await home.decide(run)
    await home.settle()
    view = await home.engine.run(run)
    assert view is not None
    assert view.status is RunStatus.SUCCEEDED
    assert len(home.step.calls) == 1


async def test_who_started_a_run_hears_its_end_where_they_started_it(home: EngineEnv) -> None:
    await home.register(ASKS)
    started = await home.engine.start(Start(workflow="flow", inputs={}, actor=ANN, origin=IN_SLACK))
    assert isinstance(started, Started)
    await home.decide(started.run, Verdict.REJECT)
    await home.settle()
    (outcome,) = [one for one in await home.engine.deliveries(run=started.run) if one.kind is DeliveryKind.OUTCOME]
    assert outcome.address == "C1"
    assert [posted.card.title for posted in home.channel.of("C1")] == ["flow: rejected"]


async def test_an_answer_about_an_earlier_visit_is_none(home: EngineEnv) -> None:
    await home.register(ACTS)

    async def breaks(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise UnexpectedError("broke")

    home.step.play = breaks
    run = await home.start()
    await home.settle()
    assert (await home.view(run)).status is RunStatus.NEEDS_ATTENTION

    async def answer(step: str, visit: int) -> object:
        return await home.engine.resume(
            Resume(run=run, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL, step=step, visit=visit)
        )

    assert isinstance(await answer("act", 2), NotWaiting)
    assert isinstance(await answer("other", 1), NotWaiting)
    assert not isinstance(await answer("act", 1), NotWaiting)
