"""Whatever people choose, decide and ask, and whenever the process is killed: no one who is held stays untold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import Digest, Preferences, RequestState, SetPreferences
from engine.read_models import PageQuery
from engine.requests import quiet_times
from tests.integration.test_deadlines import GATED, KIM, routes_of
from tests.support import stepwise_units
from tests.support.engine_env import TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count
from tests.support.fakes import FakeClock, KnownPeople
from tests.support.recording_channel import RecordingChannel

UTC_ZONE = quiet_times.place_of(None)
ESCALATES = "      expires: 5d\n      on_expiry: escalate\n      escalate: {to: sam@example.com}\n"
KEYS = ("", "      expires: 2h\n", "      expires: 20h\n", ESCALATES)
MINUTES = st.integers(0, 1439)
CHOSEN = st.builds(
    lambda digest, at, count, quiet, weekends: Preferences(
        digest=digest,
        at=at,
        count=count,
        quiet_from=quiet[0] if quiet else None,
        quiet_until=quiet[1] if quiet else None,
        quiet_weekends=weekends,
    ),
    st.sampled_from(Digest),
    MINUTES,
    st.integers(2, 4),
    st.none() | st.lists(MINUTES, min_size=2, max_size=2, unique=True),
    st.booleans(),
)
Act: TypeAlias = tuple[str, Any]
ACTS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(KEYS)),
    st.tuples(st.just("ask"), st.sampled_from(KEYS)),
    st.tuples(st.just("choose"), CHOSEN),
    st.tuples(st.just("decide"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 30 * 60)),
    st.tuples(st.just("kill"), st.none()),
)


@dataclass
class Held:
    """What was asked: until when Kim has to be told of each question at the latest."""

    promised: dict[str, datetime] = field(default_factory=dict)
    chosen: Preferences | None = None


async def play(folder: Path, acts: list[Act]) -> None:
    path = stepwise_units.copy_empty_database(folder / "signoff.db")
    clock, channel, held = FakeClock(), RecordingChannel(), Held()
    rest = [("choose", Preferences(digest=Digest.DAILY)), *acts, ("wait", 60 * 24 * 8)]
    while rest:
        async with open_engine(path, clock=clock, channel=channel, directory=KnownPeople(routes_of)) as env:
            while rest:
                name, what = rest.pop(0)
                if name == "kill":
                    break
                await act(env, held, name, what)
                await env.settle()
                await check(env, held)


async def act(env: EngineEnv, held: Held, name: str, what: Any) -> None:
    if name == "ask":
        title = f"Question {len(held.promised)}?"
        keys = f"      approvers: [kim@example.com]\n{what}"
        await env.register(GATED.format(name=f"flow-{len(held.promised)}", title=title, keys=keys))
        run = await env.start(f"flow-{len(held.promised)}")
        now, deadlines = env.clock.now(), (await env.request(run)).model.deadlines
        chosen, ends_at = held.chosen or Preferences(), deadlines.after_holding(now, now).decided_by
        until = quiet_times.held_until(chosen, now, UTC_ZONE, ends_at=ends_at)
        held.promised[title] = until or now
    elif name == "choose":
        await env.engine.set_preferences(SetPreferences(actor=KIM, origin=TERMINAL, preferences=what))
        held.chosen = what
    elif name == "wait":
        env.clock.pass_time(timedelta(minutes=what))
    else:
        waiting = await env.engine.requests(PageQuery(open_only=True))
        if waiting:
            await env.decide(waiting[what % len(waiting)].run, by=KIM)


async def check(env: EngineEnv, held: Held) -> None:
    cards = [copy.card for copy in env.channel.of(KIM.value)]
    told = {card.title for card in cards} | {one.title for card in cards for one in card.reminds}
    for request in await env.engine.requests(PageQuery(limit=100)):
        is_told = request.title in told
        if request.model.state is RequestState.PENDING:
            assert is_told or env.clock.now() < held.promised[request.title], request.title
            assert is_told is (request.model.deadlines.first_shown_at is not None)
    for title in told & held.promised.keys():
        assert sum(card.title == title for card in cards if card.kind == "request") <= 1


@settings(max_examples=example_count(8))
@given(st.lists(ACTS, max_size=14))
def test_no_one_who_is_held_stays_untold(acts: list[Act]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), acts))
