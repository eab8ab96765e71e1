"""Questions before a decision: through the engine, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from engine.domain import (
    Address,
    AlreadyAnswered,
    AlreadyDecided,
    AnswerQuestion,
    AskQuestion,
    Assurance,
    CannotAnswer,
    CannotAsk,
    Card,
    Decide,
    Decided,
    Erase,
    Erased,
    Expired,
    NoAnswerNeeded,
    NotAnApprover,
    NotAsked,
    QuestionAnswered,
    QuestionAsked,
    QuestionRule,
    Refusal,
    RequestState,
    Verdict,
)
from engine.requests import Question
from engine.requests.deadlines import LONGEST_PAUSE
from engine.requests.questions import MAX_OPEN, QUESTION_LENGTH
from engine.service import Engine
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

KIM = Address("email", "kim@example.com")
GATED = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {{text: hello}}
    gate: {{edit: [text], approvers: [lee@example.com, kim@example.com]{keys}}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def start_run(env: EngineEnv, keys: str = "") -> str:
    await env.register(GATED.format(keys=f", {keys}" if keys else ""))
    run = await env.start()
    await env.settle()
    return run


async def ask(
    env: EngineEnv, run: str, text: str = "Which cost centre?", *, by: Address = LEE, to: Address | None = None
) -> QuestionAsked | Refusal:
    request = (await env.request(run)).id
    asked = await env.engine.ask_question(
        AskQuestion(request=request, text=text, actor=by, to=to, origin=TERMINAL, assurance=Assurance.TERMINAL)
    )
    await env.settle()
    return asked


async def answer(
    env: EngineEnv, run: str, text: str = "4711", *, by: Address = ANN, question: str | None = None
) -> QuestionAnswered | Refusal:
    request = (await env.request(run)).id
    answered = await env.engine.answer_question(
        AnswerQuestion(
            request=request, question=question, text=text, actor=by, origin=TERMINAL, assurance=Assurance.TERMINAL
        )
    )
    await env.settle()
    return answered


async def questions(env: EngineEnv, run: str) -> tuple[Question, ...]:
    return (await env.request(run)).model.questions


def notes(card: Card) -> list[str]:
    """Return the notes of a card, without moments."""
    return ["".join(part for part in note.text if isinstance(part, str)) for note in card.notes]


def lead(env: EngineEnv) -> str:
    """Return the context on Lee's copy, without moments."""
    return " ".join(
        "".join(part for part in phrase if isinstance(part, str)) for phrase in cards(env, "lee@example.com")[0].lead
    )


def cards(env: EngineEnv, address: str) -> list[Card]:
    return [copy.card for copy in env.channel.posted.values() if copy.address == address]


# -- asking and answering ------------------------------------------------------------------------------------


async def test_the_requester_answers_and_every_copy_shows_it(env: EngineEnv) -> None:
    run = await start_run(env)
    version, rev = (await env.request(run)).model.content_version, (await env.request(run)).model.rev
    asked = await ask(env, run)
    assert isinstance(asked, QuestionAsked)
    assert asked.to == "ann@example.com"
    (to_ann,) = cards(env, "ann@example.com")
    assert to_ann.title == "lee@example.com has a question about “Act”"
    assert (notes(to_ann), to_ann.question_id) == (["Which cost centre?"], asked.question)
    answered = await answer(env, run)
    assert isinstance(answered, QuestionAnswered)
    model = (await env.request(run)).model
    assert model.content_version == version
    assert model.rev == rev + 2
    told = ["lee@example.com asked ann@example.com, : Which cost centre?", "ann@example.com answered, : 4711"]
    for name in ("lee@example.com", "kim@example.com"):
        copy = cards(env, name)[0]
        assert notes(copy) == told
        assert [action.verdict for action in copy.actions] == ["approve", "edit", "reject"]
    assert cards(env, "lee@example.com")[1].title == "ann@example.com answered your question about “Act”"
    (to_ann,) = cards(env, "ann@example.com")
    assert (to_ann.question_id, to_ann.outcome is not None) == (None, True)
    assert isinstance(await env.decide(run), Decided)


async def test_the_record_has_question_and_answer(env: EngineEnv) -> None:
    run = await start_run(env)
    await ask(env, run, "Which\u202e cost centre?\x00", to=SAM)
    await answer(env, run, by=SAM)
    kept = {entry.kind: entry.content or {} for entry in await env.engine.story(run)}
    asked, answered = kept["request.question_asked"], kept["request.question_answered"]
    assert asked["text"] == "Which\u202e cost centre?\ufffd"
    assert asked["actor_name"] == "lee@example.com"
    assert isinstance(asked["to"], dict)
    assert asked["to"]["name"] == "sam@example.com"
    assert (answered["answer"], answered["actor_name"]) == ("4711", "sam@example.com")
    assert any("⟦U+202E⟧" in note for note in notes(cards(env, "lee@example.com")[0]))


async def test_the_same_question_twice_is_asked_once(env: EngineEnv) -> None:
    run = await start_run(env)
    first, second = await ask(env, run), await ask(env, run)
    assert first == second
    assert len(await questions(env, run)) == 1
    await answer(env, run)
    assert await ask(env, run) != first


async def test_a_person_who_has_voted_may_still_ask(env: EngineEnv) -> None:
    run = await start_run(env, "policy: all")
    await env.decide(run, by=LEE)
    assert isinstance(await ask(env, run, to=KIM), QuestionAsked)
    assert isinstance(await answer(env, run, by=KIM), QuestionAnswered)
    assert isinstance(await env.decide(run, by=KIM), Decided)
    assert (await env.request(run)).model.state is RequestState.APPROVED


# -- refusals ------------------------------------------------------------------------------------------------


async def test_what_cannot_be_asked(env: EngineEnv) -> None:
    run = await start_run(env)
    assert await ask(env, run, " \n") == CannotAsk(why="empty")
    assert await ask(env, run, "x" * (QUESTION_LENGTH + 1)) == CannotAsk(why="too_long")
    assert await ask(env, run, to=LEE) == CannotAsk(why="yourself")
    assert isinstance(await ask(env, run, by=SAM), NotAnApprover)
    for number in range(MAX_OPEN):
        assert isinstance(await ask(env, run, f"Number {number}?"), QuestionAsked)
    assert await ask(env, run, "One more?") == CannotAsk(why="too_many")
    await env.decide(run)
    assert isinstance(await ask(env, run), AlreadyDecided)


async def test_a_gate_can_take_no_questions(env: EngineEnv) -> None:
    run = await start_run(env, "questions: off")
    assert await ask(env, run) == CannotAsk(why="off")
    assert not cards(env, "lee@example.com")[0].may_ask


async def test_what_cannot_be_answered(env: EngineEnv) -> None:
    run = await start_run(env)
    assert await answer(env, run) == NotAsked(asked=None)
    asked = await ask(env, run)
    assert isinstance(asked, QuestionAsked)
    assert await answer(env, run, " ") == CannotAnswer(why="empty")
    assert await answer(env, run, "x" * (QUESTION_LENGTH + 1)) == CannotAnswer(why="too_long")
    assert await answer(env, run, by=SAM, question=asked.question) == NotAsked(asked="ann@example.com")
    assert await answer(env, run, question="another") == NotAsked(asked=None)
    await answer(env, run)
    again = await answer(env, run, "4712")
    assert isinstance(again, AlreadyAnswered)
    assert again.by_you
    assert [question.answer for question in await questions(env, run)] == ["4711"]


async def test_the_question_of_a_closed_request_cannot_be_answered(env: EngineEnv) -> None:
    run = await start_run(env)
    await ask(env, run)
    await env.decide(run)
    refused = await answer(env, run)
    assert isinstance(refused, NoAnswerNeeded)
    assert (refused.state, refused.by) == (RequestState.APPROVED, "lee@example.com")
    (to_ann,) = [card for card in cards(env, "ann@example.com") if card.topic and card.topic.startswith("question:")]
    assert to_ann.question_id is None
    assert to_ann.outcome is not None


async def test_an_answer_and_a_decision_at_the_same_instant_are_both_told(env: EngineEnv) -> None:
    run = await start_run(env)
    await ask(env, run)
    decided, answered = await asyncio.gather(env.decide(run), answer(env, run))
    assert isinstance(decided, Decided)
    assert isinstance(answered, QuestionAnswered | NoAnswerNeeded)
    (question,) = await questions(env, run)
    assert question.is_open is isinstance(answered, NoAnswerNeeded)


# -- in any order --------------------------------------------------------------------------------------------

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from([LEE, KIM]), st.sampled_from([None, SAM, KIM])),
        st.tuples(st.just("answer"), st.sampled_from([ANN, SAM, KIM]), st.just(None)),
        st.tuples(st.just("approve"), st.sampled_from([LEE, KIM]), st.just(None)),
        st.tuples(st.just("edit"), st.sampled_from([LEE, KIM]), st.just(None)),
        st.tuples(st.just("reject"), st.sampled_from([LEE, KIM]), st.just(None)),
        st.tuples(st.just("wait"), st.sampled_from([1, 70, 60 * 24 * 8]), st.just(None)),
    ),
    min_size=1,
    max_size=9,
)


class Play:
    """One request, what was acknowledged about it, and the promises that hold after each move."""

    def __init__(self, env: EngineEnv, run: str) -> None:
        self.env, self.run = env, run
        self.votes: set[str] = set()
        self.answers: dict[str, str] = {}
        self.closed: RequestState | None = None

    async def move(self, kind: str, who: Any, to: Address | None, number: int) -> None:
        match kind:
            case "ask":
                asked = await ask(self.env, self.run, f"Number {number}?", by=who, to=to)
                assert not (self.closed and isinstance(asked, QuestionAsked))
            case "answer":
                answered = await answer(self.env, self.run, f"Answer {number}", by=who)
                assert not (self.closed and isinstance(answered, QuestionAnswered))
                if isinstance(answered, QuestionAnswered):
                    assert answered.question not in self.answers
                    self.answers[answered.question] = f"Answer {number}"
            case "wait":
                self.env.pass_time(minutes=who)
                await self.env.settle()
            case _:
                await self.decide(kind, who, number)
        await self.check()

    async def decide(self, kind: str, who: Address, number: int) -> None:
        model = (await self.env.request(self.run)).model
        decided = await self.env.engine.decide(
            Decide(
                request=model.id,
                verdict=Verdict.REJECT if kind == "reject" else Verdict.APPROVE,
                actor=who,
                content_version=model.content_version,
                digest=model.digest,
                origin=TERMINAL,
                assurance=Assurance.TERMINAL,
                edits={"text": f"text {number}"} if kind == "edit" else {},
                reason="because",
            )
        )
        await self.env.settle()
        if not isinstance(decided, Decided):
            return
        assert self.closed is None
        if kind == "edit":
            self.votes = set()
        self.votes.add(str(who))
        self.closed = None if decided.state is RequestState.PENDING else decided.state

    async def check(self) -> None:
        model = (await self.env.request(self.run)).model
        if self.closed is not None:
            assert model.state is self.closed, "a decision was lost"
        elif model.state is not RequestState.PENDING:
            assert model.state is RequestState.EXPIRED
            self.closed = model.state
        else:
            assert {str(vote.person.addresses[0]) for vote in model.votes} == self.votes, "an approval was lost"
        assert {asked.id: asked.answer for asked in model.questions if not asked.is_open} == self.answers
        is_asked = any(asked.is_open for asked in model.questions)
        if model.state is RequestState.PENDING:
            assert (model.deadlines.paused_at is not None) is (is_asked and model.question_rule is QuestionRule.PAUSE)


@settings(
    max_examples=example_count(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=MOVES, rule=st.sampled_from(["run", "pause"]))
async def test_in_any_order_no_decision_and_no_answer_is_lost(env: EngineEnv, moves: Any, rule: str) -> None:
    play = Play(env, await start_run(env, f"policy: all, expires: 2h, questions: {rule}"))
    for number, (kind, who, to) in enumerate(moves):
        await play.move(kind, who, to, number)


# -- deadlines -----------------------------------------------------------------------------------------------


async def expiry(env: EngineEnv, run: str) -> datetime:
    at = (await env.request(run)).model.deadlines.expires_at
    assert at is not None
    return at


async def test_by_default_the_time_goes_on(env: EngineEnv) -> None:
    run = await start_run(env, "expires: 2h")
    before = await expiry(env, run)
    await ask(env, run)
    assert await expiry(env, run) == before
    env.pass_time(hours=3)
    # No process has closed the request yet.
    late = await answer(env, run)
    assert isinstance(late, NoAnswerNeeded)
    assert (late.state, late.at) == (RequestState.EXPIRED, before)
    await env.settle()
    assert (await env.request(run)).model.state is RequestState.EXPIRED
    assert isinstance(await answer(env, run), NoAnswerNeeded)


async def test_the_time_stands_still_while_a_question_waits(env: EngineEnv) -> None:
    run = await start_run(env, "expires: 2h, questions: pause")
    before = await expiry(env, run)
    env.pass_time(hours=1)
    await ask(env, run)
    assert "The time to decide is paused until the question is answered, at most until ." in lead(env)
    await ask(env, run, "And which account?")
    env.pass_time(hours=5)
    await env.settle()
    await answer(env, run)
    env.pass_time(hours=5)
    await env.settle()
    assert isinstance(await answer(env, run, "12"), QuestionAnswered)
    assert "is paused" not in lead(env)
    assert await expiry(env, run) == before + timedelta(hours=10)
    env.pass_time(minutes=59)
    await env.settle()
    assert isinstance(await env.decide(run), Decided)


async def test_where_nothing_expires_a_pause_says_nothing(env: EngineEnv) -> None:
    run = await start_run(env, "remind: true, questions: pause")
    await ask(env, run)
    assert "is paused" not in lead(env)


async def test_a_question_without_an_answer_holds_a_request_for_a_week_at_most(env: EngineEnv) -> None:
    run = await start_run(env, "expires: 2h, questions: pause")
    before = await expiry(env, run)
    await ask(env, run)
    env.clock.pass_time(LONGEST_PAUSE + timedelta(hours=1, minutes=59))
    await env.settle()
    assert (await env.request(run)).model.state is RequestState.PENDING
    assert await expiry(env, run) == before + LONGEST_PAUSE
    env.pass_time(minutes=2)
    refused = await env.decide(run)
    assert isinstance(refused, Expired)


async def test_a_question_before_the_first_copy_pauses_too(env: EngineEnv) -> None:
    await env.register(GATED.format(keys=", expires: 2h, questions: pause"))
    run = await env.start()
    request = (await env.request(run)).id
    command = AskQuestion(request=request, text="Why?", actor=LEE, origin=TERMINAL, assurance=Assurance.TERMINAL)
    assert isinstance(await env.engine.ask_question(command), QuestionAsked)
    env.pass_time(hours=1)
    await env.settle()
    env.pass_time(hours=1)
    await answer(env, run)
    assert await expiry(env, run) == env.clock.now() + timedelta(hours=2)


# -- the record ----------------------------------------------------------------------------------------------


async def test_erasing_a_run_erases_its_questions(env: EngineEnv) -> None:
    run = await start_run(env)
    await ask(env, run)
    await answer(env, run)
    await env.decide(run, Verdict.REJECT)
    await env.settle()
    admin = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    erased = await admin.erase(Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL))
    assert isinstance(erased, Erased)
    assert await env.rows("SELECT text, answer FROM question") == [("", None)]
    assert await questions(env, run) == ()
