"""The votes of `signoff bench slack`: requests that several of many approvers have to approve.

Votes are open-loop like the other clicks. They go round the requests, so that all are open until the last round. The
rates are ten times those of Slack, so the edits of the copies compete with the votes ten times as often.

The floor of the copies is the time of one edit for each, however many votes came before.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from bot.devtools.bench.figures import Figure, Target, percentile
from bot.devtools.bench.slack_env import BenchFailed, PostedCopy, SlackBenchEnv
from bot.devtools.sandbox.methods import METHODS
from bot.slack import ids

NEEDED: Final = 5
"""Votes that close a request."""
_WORKFLOW: Final = f"""\
name: votes
title: Release
inputs:
  number: text
steps:
  - id: release
    uses: set
    with: {{version: "{{{{ inputs.number }}}}"}}
    gate:
      title: "Release {{{{ inputs.number }}}}?"
      approvers: [PEOPLE]
      policy: {{quorum: {NEEDED}}}
"""
_UPDATE: Final = "chat.update"
_POST: Final = "chat.postMessage"
_START_DELAY: Final = 0.5
"""Seconds before the first vote."""
_TIMEOUT: Final = 120.0


@dataclass(slots=True)
class _VoteTimes:
    """Milliseconds from the scheduled times until votes were acknowledged; `ended`: the time of the last one."""

    acks: list[float] = field(default_factory=list)
    acknowledged: int = 0
    ended: float = 0.0


async def measure_acks(env: SlackBenchEnv, requests: int, *, per_second: float) -> list[Figure]:
    """Vote until all requests are approved, and return how long the acknowledgements took."""
    copies = await _open_requests(env, requests)
    times = await _vote(env, copies, per_second=per_second)
    acks = times.acks
    return [
        Figure(
            name="slack.vote_ack_p99_ms",
            value=percentile(acks, 0.99),
            meaning=f"from a vote to its acknowledgement, at {per_second:g} votes a second",
            target=Target(250),
        ),
        Figure(name="slack.vote_ack_p50_ms", value=percentile(acks, 0.5), meaning="the same (p50)"),
        Figure(name="slack.vote_ack_max_ms", value=max(acks), meaning="the slowest vote"),
        Figure(name="slack.votes", value=len(acks), meaning=f"votes, {NEEDED} of {len(env.people)} on each request"),
        Figure(
            name="slack.votes_lost",
            value=times.acknowledged - _count_votes(env, copies),
            meaning="acknowledged votes that are not in the database",
        ),
    ]


async def measure_copies(env: SlackBenchEnv, requests: int, *, per_second: float) -> list[Figure]:
    """Vote until all requests are approved, and return how long their copies took after the last vote."""
    copies = await _open_requests(env, requests)
    before = env.successful_calls(_UPDATE)
    times = await _vote(env, copies, per_second=per_second)
    await env.until(lambda: _all_closed(copies), "all copies show the outcome", seconds=_TIMEOUT)
    edits = env.call_times(_UPDATE)[before:]
    closed = edits[-1] - times.ended
    floor = (len(copies) - 1) * 60 / env.slack.rates.per_minute(_UPDATE, METHODS[_UPDATE].tier)
    return [
        Figure(
            name="slack.vote_fanout_ratio",
            value=closed / floor,
            meaning="seconds over floor: the last vote to the last edit",
            target=Target(1.1, reached=True),
        ),
        Figure(name="slack.vote_fanout_s", value=closed, meaning="from the last vote to the last edit"),
        Figure(name="slack.vote_fanout_floor_s", value=floor, meaning="minimum at the enforced rate, one edit a copy"),
        Figure(name="slack.vote_copies", value=len(copies), meaning=f"copies of {requests} requests"),
        Figure(
            name="slack.vote_edits_ratio",
            value=len(edits) / len(copies),
            meaning=f"edits for each copy, although {NEEDED} votes changed it",
        ),
    ]


async def _open_requests(env: SlackBenchEnv, requests: int) -> list[PostedCopy]:
    """Start runs, and return the copies of their requests."""
    await env.register(_WORKFLOW.replace("PEOPLE", ", ".join(person.user.email for person in env.people)))
    known, posted = {copy.message.ts for copy in env.copies()}, env.successful_calls(_POST)
    rates = env.slack.rates
    multiplier, burst = rates.multiplier, rates.burst
    # Posts are not measured here. The bot keeps to the rates; a post that the machine delays shall not cost a second.
    rates.configure(enabled=False)
    await env.start_all("votes", [{"number": str(number)} for number in range(requests)])
    expected = posted + requests * len(env.people)
    await env.until(lambda: env.successful_calls(_POST) >= expected, "all requests are posted", seconds=_TIMEOUT)
    rates.configure(multiplier=multiplier, burst=burst)
    return [copy for copy in env.copies() if copy.message.ts not in known]


def _turns(copies: list[PostedCopy]) -> list[PostedCopy]:
    """Return the copies to vote on: in each round another approver votes on each request."""
    by_request: dict[str, list[PostedCopy]] = {}
    for copy in copies:
        by_request.setdefault(copy.request, []).append(copy)
    return [each[round_number] for round_number in range(NEEDED) for each in by_request.values()]


async def _vote(env: SlackBenchEnv, copies: list[PostedCopy], *, per_second: float) -> _VoteTimes:
    """Click Approve at the scheduled times, until each request has the approvals that it needs."""
    loop, times = asyncio.get_running_loop(), _VoteTimes()

    async def vote(copy: PostedCopy, due: float) -> None:
        ack = await copy.person.click(ids.APPROVE, on=copy.seen_message, stale=True)
        times.acks.append((loop.time() - due) * 1000)
        times.acknowledged += ack is not None and ack.ok
        times.ended = env.slack.time.seconds

    async with asyncio.TaskGroup() as group:
        start = loop.time() + _START_DELAY
        for number, copy in enumerate(_turns(copies)):
            due = start + number / per_second
            await asyncio.sleep(due - loop.time())
            group.create_task(vote(copy, due))
    if not times.acknowledged:
        raise BenchFailed("No vote was acknowledged.")
    return times


def _all_closed(copies: list[PostedCopy]) -> bool:
    return all(copy.shows_the_outcome for copy in copies)


def _count_votes(env: SlackBenchEnv, copies: list[PostedCopy]) -> int:
    """Return the number of approvals of these requests in the database, by different persons."""
    requests = {copy.request for copy in copies}
    with closing(sqlite3.connect(f"file:{env.database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT request, person FROM decision WHERE verdict = 'approved'").fetchall()
    return len({row for row in rows if row[0] in requests})
