"""Policies with edits, deadlines, questions, absences, hand-overs and races in any order, on both databases.

What must hold, no matter who acts when. `SIGNOFF_TEST_EXAMPLES` raises the number of examples.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.assignment import largest_matching
from engine.domain import (
    Address,
    AnswerQuestion,
    Approver,
    AskQuestion,
    Assurance,
    Away,
    Back,
    Cancel,
    Decide,
    Decided,
    DeliveryKind,
    Refusal,
    RequestState,
    Verdict,
)
from engine.errors import Conflict
from engine.read_models import RequestView
from engine.service import hand_on
from engine.store import people, request_model
from engine.store.port import Tx
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

EXAMPLES: Final = example_count(25)
NAMES: Final = ("ann", "lee", "kim", "mia", "sam")
"""Ann starts every run, and Sam owns the workflow."""
SOURCE: Final = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {{text: hello}}
    gate: {{edit: [text], {keys}}}
"""

names = st.sampled_from(NAMES)
circles = st.lists(names, min_size=1, max_size=4, unique=True)
excludes = st.sampled_from((None, [], ["requester"], ["editor"], ["requester", "editor"]))

deadlines = st.sampled_from(
    (
        "",
        "expires: 8h",
        "expires: 8h, on_expiry: continue, questions: pause",
        "expires: 8h, on_expiry: reject, remind: {after: 2h}",
        "expires: 8h, escalate: {after: 4h, to: [eve@example.com, ann@example.com]}",
        "expires: 8h, on_expiry: escalate, escalate: {to: [eve@example.com]}, remind: true",
    )
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The keys of a gate."""

    policy: str
    needed: int | None
    groups: tuple[tuple[str, ...], ...]
    exclude: list[str] | None
    clocks: str = ""

    @property
    def continues(self) -> bool:
        """Whether the run goes on without approval once the request has expired."""
        return "on_expiry: continue" in self.clocks

    @property
    def keys(self) -> str:
        people_of = [f"[{', '.join(f'{name}@example.com' for name in group)}]" for group in self.groups]
        asked = f"policy: {{chain: [{', '.join(people_of)}]}}" if self.policy == "chain" else None
        keys = [asked or f"approvers: {people_of[0]}, policy: {self.policy}"]
        if self.exclude is not None:
            keys.append(f"exclude: [{', '.join(self.exclude)}]")
        return ", ".join([*keys, *([self.clocks] if self.clocks else [])])


def can_be_completed(groups: Sequence[Sequence[str]]) -> bool:
    return largest_matching(groups) == len(groups)


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    exclude, clocks = draw(excludes), draw(deadlines)
    kind = draw(st.sampled_from(("any", "all", "quorum", "chain")))
    if kind == "chain":
        # A chain that its people can never complete is refused when the file is checked.
        groups = draw(st.lists(circles, min_size=2, max_size=3).filter(can_be_completed))
        return Rules("chain", len(groups), tuple(map(tuple, groups)), exclude, clocks)
    group = tuple(draw(circles))
    needed = draw(st.integers(1, len(group)))
    policy = f"{{quorum: {needed}}}" if kind == "quorum" else kind
    return Rules(policy, {"any": 1, "quorum": needed}.get(kind), (group,), exclude, clocks)


actions = st.one_of(
    st.tuples(st.just("approve"), names),
    st.tuples(st.just("approve"), names),
    st.tuples(st.just("edit"), names),
    st.tuples(st.just("reject"), names),
    st.tuples(st.just("late"), names),
    st.tuples(st.just("hand_on"), st.tuples(names, names)),
    st.tuples(st.just("join"), names),
    st.tuples(st.just("wait"), st.sampled_from((1, 3, 5, 9))),
    st.tuples(st.just("ask"), st.tuples(names, names)),
    st.tuples(st.just("answer"), names),
    st.tuples(st.just("away"), st.tuples(names, st.none() | names)),
    st.tuples(st.just("back"), names),
    st.tuples(st.just("race"), st.lists(names, min_size=2, max_size=4)),
)


def address_of(name: str) -> Address:
    return Address("email", f"{name}@example.com")


@dataclass(slots=True)
class Played:
    """One run, and what its people did."""

    env: EngineEnv
    run: str
    first: RequestView
    decided: list[tuple[str, Decided]] = field(default_factory=list)
    texts: int = 0

    async def view(self) -> RequestView:
        return await self.env.request(self.run)

    async def decide(self, name: str, verdict: Verdict, *, seen: RequestView | None = None, **edits: Any) -> None:
        model = (seen or await self.view()).model
        answer: Decided | Refusal = await self.env.engine.decide(
            Decide(
                request=model.id,
                verdict=verdict,
                actor=address_of(name),
                content_version=model.content_version,
                digest=model.digest,
                origin=TERMINAL,
                assurance=Assurance.TERMINAL,
                edits=edits,
                reason="because",
            )
        )
        if isinstance(answer, Decided):
            self.decided.append((name, answer))

    async def act(self, kind: str, who: Any) -> None:
        if kind == "approve":
            await self.decide(who, Verdict.APPROVE)
        elif kind == "reject":
            await self.decide(who, Verdict.REJECT)
        elif kind == "late":
            await self.decide(who, Verdict.APPROVE, seen=self.first)
        elif kind == "edit":
            self.texts += 1
            await self.decide(who, Verdict.APPROVE, text=f"text {self.texts}")
        elif kind == "race":
            seen = await self.view()
            await asyncio.gather(*(self.decide(name, Verdict.APPROVE, seen=seen) for name in who))
        elif kind == "wait":
            self.env.pass_time(hours=who)
        elif kind in ("ask", "answer"):
            await self.talk(kind, who)
        elif kind in ("away", "back"):
            await self.leave(kind, who)
        else:
            await self.change_people(kind, who)

    async def talk(self, kind: str, who: Any) -> None:
        engine, request = self.env.engine, self.first.id
        proof: dict[str, Any] = {"origin": TERMINAL, "assurance": Assurance.TERMINAL}
        if kind == "ask":
            asker, to = map(address_of, who)
            await engine.ask_question(AskQuestion(request=request, text="Why?", to=to, actor=asker, **proof))
        else:
            answered = AnswerQuestion(request=request, question=None, text="So.", actor=address_of(who), **proof)
            await engine.answer_question(answered)

    async def leave(self, kind: str, who: Any) -> None:
        if kind == "back":
            await self.env.engine.set_back(Back(actor=address_of(who), origin=TERMINAL))
            return
        person, delegate = who
        ends_at = self.env.clock.now() + timedelta(days=2)
        to = address_of(delegate) if delegate else None
        await self.env.engine.set_away(Away(actor=address_of(person), origin=TERMINAL, ends_at=ends_at, delegate=to))

    async def change_people(self, kind: str, who: Any) -> None:
        """Hand a place on, or let a person join, as absences, reassignments and escalations do."""

        def unit(tx: Tx) -> None:
            loaded = request_model.load_request(tx, self.first.id)
            assert loaded is not None
            request, advancer = loaded[0], self.env.advancer
            if request.state is not RequestState.PENDING:
                return
            to = who[1] if kind == "hand_on" else who
            person = people.need_person(tx, request.workspace, address_of(to), evidence="test")
            newcomer = Approver(person, f"joined: {to}")
            if kind == "join":
                hand_on.add_approvers(advancer, tx, request, [newcomer])
                return
            address = f"{who[0]}@example.com"
            place = next((row for row in request.eligible if row.person.email == address), None)
            if place is not None and place.person.id != person.id and hand_on.may_join(request, newcomer):
                hand_on.hand_on(advancer, tx, request, place, person, rule=f"for {who[0]}", why="away")

        with suppress(Conflict):
            await self.env.engine.transact(unit)


async def check(played: Played, gate: Rules) -> None:
    """Check everything that must hold after any action."""
    env, view = played.env, await played.view()
    model = view.model
    waiting = {row.person.id for row in model.tally.waiting} if model.state is RequestState.PENDING else set()
    rows = await env.rows(f"SELECT person FROM approver WHERE request = '{model.id}' AND pending = true")
    assert {person for (person,) in rows} == waiting, "the inbox holds exactly those who can decide now"
    excluded = gate.exclude or []
    assert "requester" not in excluded or model.requester not in waiting, "no one is asked who may not decide"
    assert "editor" not in excluded or not {change.person.id for change in model.changes} & waiting
    copies = [copy for copy in await env.engine.deliveries(run=played.run) if copy.kind is DeliveryKind.REQUEST]
    assert waiting <= {copy.person.id for copy in copies}, "each of them has a copy"
    if model.state is RequestState.PENDING and not waiting:
        alerts = [copy.topic for copy in await env.engine.deliveries(run=played.run) if copy.kind is DeliveryKind.ALERT]
        assert {"short", "unreachable", "absent"} & set(alerts), "a request that no one can decide is told to its owner"
    calls = [params.text for params, context in env.step.calls if context.run == played.run]
    assert len(calls) <= 1
    closing = [answer for _, answer in played.decided if answer.state is not RequestState.PENDING]
    assert len(closing) <= 1, "one decision closes it"
    if model.state is RequestState.EXPIRED and gate.continues:
        assert calls == ["hello"], "it goes on with what was asked"
        return
    if model.state is not RequestState.APPROVED:
        assert calls == [], "no effect without an approval"
        return
    await check_approval(played, gate, view, calls)


async def check_approval(played: Played, gate: Rules, view: RequestView, calls: Sequence[str]) -> None:
    env, model = played.env, view.model
    rows = await env.rows(
        f"SELECT person, approved_digest, edits FROM decision WHERE request = '{model.id}' "
        f"AND verdict = 'approved' AND content_version = {model.content_version}"
    )
    voters = [person for person, _, _ in rows]
    assert len(voters) == len(set(voters)), "a person counts once"
    assert len(voters) == model.policy.needed, "exactly the approvals that are needed"
    if gate.needed is not None:
        assert len(voters) == gate.needed
    assert set(voters) <= {row.person.id for row in model.approvers}
    text = model.content.value["text"]
    assert view.decision is not None
    edited = {edit.path: edit.after for edit in view.decision.edits}
    assert calls == [edited.get(("text",), text)], "what was approved is what ran"
    if gate.exclude is not None and "requester" in gate.exclude:
        assert model.requester not in voters
    if gate.exclude is not None and "editor" in gate.exclude:
        assert not {change.person.id for change in model.changes} & set(voters)
        assert all(edits is None for _, _, edits in rows)
    if len(rows) > 1:
        assert {digest for _, digest, _ in rows} == {model.digest}, "all approved the same content"


@pytest.fixture
def played_on(open_database: OpenStore, tmp_path: Path) -> Iterator[tuple[asyncio.Runner, EngineEnv]]:
    """Yield an engine that all examples share, each with a run of its own."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        env = runner.run(stack.enter_async_context(open_engine(tmp_path / "signoff.db", open_store=open_database)))
        yield runner, env
        runner.run(stack.aclose())


def test_whatever_people_do_only_the_needed_approvals_of_one_content_run_it_once(
    played_on: tuple[asyncio.Runner, EngineEnv],
) -> None:
    runner, env = played_on

    async def play(gate: Rules, doings: Sequence[tuple[str, Any]]) -> None:
        await env.register(SOURCE.format(keys=gate.keys))
        run = await env.start()
        await env.settle()
        played = Played(env, run, await env.request(run))
        await check(played, gate)
        for kind, who in doings:
            await played.act(kind, who)
            await env.settle()
            await check(played, gate)
        # The next example begins with everyone there, and with no deadline of this one.
        await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL))
        for name in NAMES:
            await played.leave("back", name)
        await env.settle()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(rules(), st.lists(actions, max_size=10))
    def examples(gate: Rules, doings: list[tuple[str, Any]]) -> None:
        runner.run(play(gate, doings))

    examples()
