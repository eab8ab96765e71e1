"""Votes that come faster than Slack lets the copies of their request be edited: they coalesce.

Only sleeps of the rate limiter move the time, on both sides. Slack's published rates hold, without a
burst, so an edit of each copy waits for its turn.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.slack.rate_limit import RateLimiter
from engine.domain import RequestState
from tests.support.fakes import FakeClock
from tests.support.slack_env import SlackEnv, copy_of, expect_ok, hire, open_slack, words

COPIES: Final = 12
NEEDED: Final = 10
INTERVAL: Final = 60 / 50
"""Seconds between two edits at Slack's published rate."""
WORKFLOW: Final = f"""\
name: refund
title: Refund
steps:
  - id: pay
    uses: played
    with: {{text: hello}}
    gate:
      title: "Refund 120 EUR?"
      approvers: ["group:finance-approvers"]
      policy: {{quorum: {NEEDED}}}
"""
_PROGRESS: Final = re.compile(rf"(\d+) of {NEEDED}(?: approvals|:)")


@dataclass(frozen=True)
class Edit:
    at: float
    message: str
    text: str

    @property
    def approvals(self) -> int | None:
        """Return how many approvals it shows, or None if it shows the outcome."""
        if "Approved by" in self.text:
            return None
        return int(_PROGRESS.findall(self.text)[0])


class VoteEnv:
    """A request with many approvers. `meanwhile`: done once during each longer wait for a turn."""

    def __init__(self) -> None:
        self.env: SlackEnv | None = None
        self.names: list[str] = []
        self.run = ""
        self.most = NEEDED
        self.is_strict = False
        self._task = asyncio.current_task()
        self.votes: list[int] = []
        """The number of edits before each vote."""
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    @property
    def slack_env(self) -> SlackEnv:
        assert self.env is not None
        return self.env

    def now(self) -> float:
        return self.env.clock.at.timestamp() if self.env is not None else 0.0

    async def sleep(self, seconds: float) -> None:
        """Move the time, and cast a vote before. Other tasks wait until the time has come, once edits are watched."""
        if self.is_strict and asyncio.current_task() is not self._task:
            end = self.now() + seconds
            while self.now() < end:  # noqa: ASYNC110 there is no event
                await asyncio.sleep(0.002)
            return
        if seconds > INTERVAL / 2 and self.meanwhile is not None:
            await self.meanwhile()
        if seconds:
            self.slack_env.pass_time(seconds=seconds)

    async def settle(self) -> None:
        """Do all work that is due, one after the other."""
        env = self.slack_env
        relay, engine = env.bot.relay, env.engine
        units = {"advance": env.bot.runner.advance, "deliver": relay.deliver, "process_due": engine.process_due}
        while works := await env.engine.due(env.clock.now()):
            for work in works:
                await units[work.kind](work.id)

    async def vote(self) -> None:
        """Have the next approver approve, unless enough have."""
        if len(self.votes) < self.most:
            person = self.slack_env.person(self.names[len(self.votes)])
            expect_ok(await person.click("Approve", on=copy_of(person)))
            self.votes.append(len(self.edits()))

    def edits(self) -> list[Edit]:
        calls = [call for call in self.slack_env.slack.slack.calls if call.method == "chat.update"]
        assert {call.outcome for call in calls} <= {"ok"}
        return [
            Edit(call.at, call.arguments["channel"] + call.arguments["ts"], words(call.arguments["blocks"]))
            for call in calls
        ]


@asynccontextmanager
async def open_votes(path: Path) -> AsyncIterator[VoteEnv]:
    votes = VoteEnv()
    limiter = RateLimiter(burst=1, now=votes.now, sleep=votes.sleep)
    async with open_slack(path / "signoff.db", "http", limiter=limiter) as env:
        env.slack.time.clock = FakeClock(env.slack.time.now())
        # Lookups of people wait at the same time, but on this clock one after the other.
        env.slack.rates.configure(enabled=False)
        votes.env, votes.names = env, hire(env.slack, COPIES)
        votes.run = await env.request_approval(WORKFLOW)
        env.slack.rates.configure(burst=1)
        votes.is_strict = True
        yield votes


async def test_votes_that_come_during_the_edits_cost_no_edit_of_their_own(tmp_path: Path) -> None:
    async with open_votes(tmp_path) as votes:
        await votes.vote()
        votes.meanwhile = votes.vote
        await votes.settle()
        edits = votes.edits()
        assert len(votes.votes) == NEEDED
        assert await votes.slack_env.state(votes.run) is RequestState.APPROVED
        for number, edit in enumerate(edits):
            shown = NEEDED if edit.approvals is None else edit.approvals
            assert shown == sum(before <= number for before in votes.votes), "an edit that waited shows the newest"
        open_edits = Counter(edit.message for edit in edits if edit.approvals is not None)
        assert max(open_edits.values()) <= 2
        repeated = Counter((edit.message, edit.text) for edit in edits)
        assert max(repeated.values()) == 1, repeated.most_common(3)


async def test_a_vote_during_the_edits_costs_one_edit_of_the_copy_that_came_before(tmp_path: Path) -> None:
    async with open_votes(tmp_path) as votes:
        votes.most, votes.meanwhile = 2, votes.vote
        await votes.vote()
        await votes.settle()
        assert [edit.approvals for edit in votes.edits()] == [1, *[2] * COPIES]


async def test_the_last_state_is_shown_as_fast_as_the_rate_allows(tmp_path: Path) -> None:
    async with open_votes(tmp_path) as votes:
        for _ in range(NEEDED):
            await votes.vote()
        voted = votes.slack_env.slack.time.seconds
        await votes.settle()
        edits = votes.edits()
        assert [edit.approvals for edit in edits] == [None] * COPIES
        assert edits[-1].at - voted <= 1.1 * (COPIES - 1) * INTERVAL


async def test_a_vote_leaves_copies_alone_that_wait_for_their_turn(tmp_path: Path) -> None:
    """Their turns were kept: each vote would only take them up in vain, and each time they would wait for longer."""
    async with open_votes(tmp_path) as votes:
        env = votes.slack_env
        assert env.limiter is not None
        await env.limiter.stop("chat.update", 30)
        began = env.slack.time.seconds
        for number in range(NEEDED):
            await votes.vote()
            due = [work.kind for work in await env.engine.due(env.clock.now())]
            # The last vote decides, and that is not to wait behind other edits.
            assert number in (0, NEEDED - 1) or "deliver" not in due
            await votes.settle()
            assert await env.engine.due(env.clock.now()) == []
        assert votes.edits() == []
        for _ in range(COPIES):
            env.pass_time(seconds=0 if votes.edits() else 30)
            await votes.settle()
            env.pass_time(seconds=INTERVAL)
        assert [edit.approvals for edit in votes.edits()] == [None] * COPIES
        assert votes.edits()[-1].at - began <= 30 + 1.1 * COPIES * INTERVAL
        (only,) = {copy.last_error for copy in await env.engine.deliveries(run=votes.run) if copy.kind == "request"}
        assert only is None, "nothing failed"


async def test_the_buttons_of_a_decided_request_vanish_before_others_show_progress(tmp_path: Path) -> None:
    """People complain about other approval bots: a decision elsewhere leaves live buttons (clawpatrol #595)."""
    async with open_votes(tmp_path) as votes:
        env = votes.slack_env
        assert env.limiter is not None
        votes.is_strict = False
        run = await env.request_approval()
        await env.limiter.stop("chat.update", 30)
        await votes.vote()
        await votes.settle()
        assert await env.engine.due(env.clock.now()) == [], "the progress waits, and every edit of it has its turn"
        ada = env.person("ada")
        expect_ok(await ada.click("Approve", on=copy_of(ada)))
        assert await env.state(run) is RequestState.APPROVED
        await votes.settle()
        for _ in range(COPIES + 2):
            env.pass_time(seconds=0 if votes.edits() else 30)
            await votes.settle()
            env.pass_time(seconds=INTERVAL)
        shown = [edit.approvals for edit in votes.edits()]
        assert sorted(map(str, shown)) == ["1"] * COPIES + ["None"] * 2, "nothing is edited twice"
        closing = [place for place, approvals in enumerate(shown) if approvals is None]
        # Here one copy is shown after the other, so those that were on their way come before.
        assert max(closing) <= 4, shown
