"""`signoff bench slack`: how fast a click is acknowledged, and how close to Slack's rate limits copies are shown.

Four parts, each with a local Slack, a bot in a process of its own and a database of its own (see `slack_env`).

**Clicks** are open-loop: they are sent at scheduled times whether or not earlier clicks were answered, and every
duration counts from the scheduled time. So a stall of the bot counts for every click that waited, and so does a late
click of the bench. Each click approves another request over signed HTTP. Slack's rate limits are practically off in
this part, so that the edits of copies and the ends of runs compete with the clicks at once, instead of minutes later.

**Fan-outs** use ten times Slack's published rates and no burst, on both sides. A run before has looked people up.
Durations count from the command or the click until the last call has succeeded. The floor is the time of that many
calls at the rate that the local Slack enforces: the first at once, then one for each interval.

**Votes** are in `slack_votes`, the **Home tab** is in `slack_home`.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.devtools.bench import slack_home, slack_votes
from bot.devtools.bench.figures import Figure, Machine, Target, percentile
from bot.devtools.bench.slack_env import BenchFailed, PostedCopy, SlackBenchEnv, SlackLimits, open_slack_env
from bot.devtools.sandbox.methods import METHODS
from bot.slack import ids
from engine.store import request_queries, schema
from engine.store.port import Connection

ASK_ONE: Final = """\
name: one
title: Refund
inputs:
  who: email
  number: text
steps:
  - id: pay
    uses: set
    with: {order: "A-{{ inputs.number }}", amount: "120.00", currency: EUR}
    gate: {title: "Refund order A-{{ inputs.number }}?", approvers: ["{{ inputs.who }}"], edit: [amount]}
"""
ASK_ALL: Final = """\
name: all
title: Release
inputs:
  number: text
steps:
  - id: release
    uses: set
    with: {version: "{{ inputs.number }}"}
    gate: {title: "Release {{ inputs.number }}?", approvers: [PEOPLE]}
"""
UNLIMITED: Final = SlackLimits(multiplier=1000)
TENFOLD: Final = SlackLimits(multiplier=10, burst=1)
POST: Final = "chat.postMessage"
UPDATE: Final = "chat.update"
_START_DELAY: Final = 0.5
"""Seconds before the first click."""
_PAUSE_SECONDS: Final = 0.5
"""Seconds between fan-outs: longer than any interval of the rate limits, so that the first call need not wait."""
_TIMEOUT: Final = 40.0
_COPY_TIMEOUT: Final = 10.0
_POLL_SECONDS: Final = 0.004

ReportProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    clicks: int = 750
    clicks_per_second: float = 50.0
    people: int = 60
    """The people who click, and who get the copies of each fan-out."""
    post_fanouts: int = 5
    """Fan-outs of posts; the median counts."""
    edit_fanouts: int = 2
    """Fan-outs of edits, at most as many; the median counts, and of two the slower."""
    votes_on: int = 20
    """Requests with votes whose acknowledgements are measured."""
    votes_shown_on: int = 3
    """Requests with votes whose copies are measured."""
    home_decisions: int = 50
    """Requests of one person that are decided while their Home tab is watched."""
    home_seconds: float = 60.0
    """Seconds within which they are decided."""
    home_quiet: float = 6.0
    """Seconds without a change before that: longer than the bot collects changes."""


@dataclass(frozen=True, slots=True)
class PartResult:
    figures: list[Figure]
    refused: int
    """Calls that Slack answered with HTTP 429."""


async def run(size: SlackBenchSize, report_progress: ReportProgress) -> tuple[list[Figure], Machine]:
    """Measure the figures, and describe the machine. Raises `BenchFailed` if the bot did not do its work."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        machine = Machine.detect(Path(folder))
    report_progress(f"{size.clicks} clicks, {size.clicks_per_second:g} a second …")
    clicks = await _measure_clicks(size)
    report_progress(f"Copies to {size.people} people …")
    fanouts = await _measure_fanouts(size)
    report_progress(f"{size.votes_on * slack_votes.NEEDED} votes, {size.clicks_per_second:g} a second …")
    votes = await _measure_votes(size)
    report_progress(f"{size.home_decisions} decisions in {size.home_seconds:g} s, and the Home tab …")
    homes = await _measure_home(size)
    refused = Figure(
        name="slack.refused",
        value=clicks.refused + fanouts.refused + votes.refused + homes.refused,
        meaning="calls that Slack refused with HTTP 429",
    )
    return [*clicks.figures, *fanouts.figures, *votes.figures, *homes.figures, refused], machine


# -- clicks -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _ClickTimes:
    """Milliseconds from the scheduled times until clicks were sent, acknowledged, and shown in the copy."""

    sent: list[float] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)
    copies: list[float] = field(default_factory=list)
    acknowledged: list[PostedCopy] = field(default_factory=list)
    undecided: set[str] = field(default_factory=set)
    """Requests whose click was acknowledged without a decision in the database."""


async def _measure_clicks(size: SlackBenchSize) -> PartResult:
    async with open_slack_env(people=size.people, limits=UNLIMITED) as env:
        await env.register(ASK_ONE)
        addresses = [person.user.email for person in env.people]
        inputs = [{"who": addresses[number % len(addresses)], "number": str(number)} for number in range(size.clicks)]
        await env.start_all("one", inputs)
        await env.until(lambda: env.successful_calls(POST) >= size.clicks, "all requests are posted", seconds=_TIMEOUT)
        times = await _click_all(env, env.copies(), per_second=size.clicks_per_second)
        times.undecided |= _find_undecided(env, times.acknowledged)
        return PartResult(_click_figures(times, size), env.slack.rates.refused)


async def _click_all(env: SlackBenchEnv, copies: list[PostedCopy], *, per_second: float) -> _ClickTimes:
    """Click Approve on each copy at its scheduled time; when it is acknowledged, look for the decision at once."""
    loop, times = asyncio.get_running_loop(), _ClickTimes()

    def since(due: float) -> float:
        return (loop.time() - due) * 1000

    with schema.reading(env.database) as connection:

        async def click(copy: PostedCopy, due: float) -> None:
            times.sent.append(since(due))
            ack = await copy.person.click(ids.APPROVE, on=copy.seen_message)
            times.acks.append(since(due))
            if ack is None or not ack.ok:
                return
            times.acknowledged.append(copy)
            if not _is_decided(connection, copy):
                times.undecided.add(copy.request)
            while not copy.shows_the_outcome and since(due) < _COPY_TIMEOUT * 1000:  # noqa: ASYNC110 there is no event
                await asyncio.sleep(_POLL_SECONDS)
            times.copies.append(since(due))

        async with asyncio.TaskGroup() as group:
            start = loop.time() + _START_DELAY
            for number, copy in enumerate(copies):
                due = start + number / per_second
                await asyncio.sleep(due - loop.time())
                group.create_task(click(copy, due))
    return times


def _find_undecided(env: SlackBenchEnv, copies: Iterable[PostedCopy]) -> set[str]:
    """Return the requests of these copies without a decision of the person who clicked."""
    with schema.reading(env.database) as connection:
        return {copy.request for copy in copies if not _is_decided(connection, copy)}


def _is_decided(connection: Connection, copy: PostedCopy) -> bool:
    view = request_queries.request_view(connection, copy.request)
    decision = view.decision if view is not None else None
    return decision is not None and copy.person.id in {address.value for address in decision.person.addresses}


def _click_figures(times: _ClickTimes, size: SlackBenchSize) -> list[Figure]:
    if not times.copies:
        raise BenchFailed("No click was acknowledged.")
    acks, failed = times.acks, len(times.acks) - len(times.acknowledged)
    rate = f"at {size.clicks_per_second:g} clicks a second"
    return [
        Figure(
            name="slack.click_ack_p99_ms",
            value=percentile(acks, 0.99),
            meaning=f"from a click to its acknowledgement, {rate}",
            target=Target(250),
        ),
        Figure(name="slack.click_ack_p50_ms", value=percentile(acks, 0.5), meaning="the same (p50)"),
        Figure(name="slack.click_ack_max_ms", value=max(acks), meaning="the slowest click"),
        Figure(
            name="slack.clicked_copy_ms",
            value=percentile(times.copies, 0.99),
            meaning="from a click until its copy shows the outcome without buttons (p99)",
            target=Target(500),
        ),
        Figure(
            name="slack.click_late_p99_ms",
            value=percentile(times.sent, 0.99),
            meaning="delay of the bench's own clicks; part of all of the above",
        ),
        Figure(name="slack.clicks", value=len(acks), meaning="clicks, each on another request"),
        Figure(name="slack.clicks_failed", value=failed, meaning="clicks that were not acknowledged within 3 s"),
        Figure(
            name="slack.clicks_undecided",
            value=len(times.undecided),
            meaning="acknowledged clicks without a decision in the database",
        ),
    ]


# -- votes --------------------------------------------------------------------------------------------------


async def _measure_votes(size: SlackBenchSize) -> PartResult:
    async with open_slack_env(people=size.people, limits=TENFOLD) as env:
        rate = size.clicks_per_second
        copies = await slack_votes.measure_copies(env, size.votes_shown_on, per_second=rate)
        # Last, because the bench does not wait for the edits of so many copies.
        acks = await slack_votes.measure_acks(env, size.votes_on, per_second=rate)
        return PartResult([*acks, *copies], env.slack.rates.refused)


# -- the Home tab -------------------------------------------------------------------------------------------


async def _measure_home(size: SlackBenchSize) -> PartResult:
    async with open_slack_env(people=1, limits=UNLIMITED) as env:
        figures = await slack_home.measure(
            env, requests=size.home_decisions, seconds=size.home_seconds, quiet=size.home_quiet
        )
        return PartResult(figures, env.slack.rates.refused)


# -- fan-outs -----------------------------------------------------------------------------------------------


async def _measure_fanouts(size: SlackBenchSize) -> PartResult:
    async with open_slack_env(people=size.people, limits=TENFOLD) as env:
        people = ", ".join(person.user.email for person in env.people)
        await env.register(ASK_ALL.replace("PEOPLE", people))
        # Looks all people up before the measurement, because lookups have their own rate limits.
        await _time_opening(env, "0")
        post_seconds = [await _time_opening(env, str(number)) for number in range(1, size.post_fanouts + 1)]
        first = env.people[0]
        copies = [copy for copy in env.copies() if copy.person == first]
        edit_seconds = [await _time_decision(env, copy) for copy in copies[: size.edit_fanouts]]
        refused = env.slack.rates.refused
        return PartResult(
            [
                *_fanout_figures("fanout", edit_seconds, _floor_seconds(env, UPDATE), "a click to the last edit"),
                *_fanout_figures("open_fanout", post_seconds, _floor_seconds(env, POST), "a start to the last post"),
                Figure(name="slack.copies", value=size.people, meaning="copies of each request"),
            ],
            refused,
        )


def _floor_seconds(env: SlackBenchEnv, method: str) -> float:
    """Return the minimum of seconds for one call to each person at the enforced rates."""
    per_minute = env.slack.rates.per_minute(method, METHODS[method].tier)
    return (len(env.people) - 1) * 60 / per_minute


async def _time_opening(env: SlackBenchEnv, number: str) -> float:
    """Start a run, and return the seconds until each person has a copy."""
    await asyncio.sleep(_PAUSE_SECONDS)
    before, started = env.successful_calls(POST), env.slack.time.seconds
    await env.start("all", number=number)
    return await _last_call_at(env, POST, before) - started


async def _time_decision(env: SlackBenchEnv, copy: PostedCopy) -> float:
    """Approve a request, and return the seconds until every copy is edited."""
    await asyncio.sleep(_PAUSE_SECONDS)
    before, started = env.successful_calls(UPDATE), env.slack.time.seconds
    ack = await copy.person.click(ids.APPROVE, on=copy.seen_message)
    if ack is None or not ack.ok or _find_undecided(env, [copy]):
        raise BenchFailed(f"A click was not acknowledged, or acknowledged without a decision: {ack}")
    last = await _last_call_at(env, UPDATE, before)
    if any(other.request == copy.request for other in env.copies()):
        raise BenchFailed("All copies were edited, but some still have buttons.")
    return last - started


async def _last_call_at(env: SlackBenchEnv, method: str, before: int) -> float:
    """Return the time of the last call of a fan-out. `before`: the number of calls before it."""
    wanted = before + len(env.people)
    await env.until(lambda: env.successful_calls(method) >= wanted, f"{method} for each person", seconds=_TIMEOUT)
    return env.call_times(method)[wanted - 1]


def _fanout_figures(name: str, seconds: list[float], floor: float, span: str) -> list[Figure]:
    typical = statistics.median_high(seconds)
    return [
        Figure(
            name=f"slack.{name}_ratio",
            value=typical / floor,
            meaning=f"seconds over floor: {span}",
            target=_TARGET,
        ),
        Figure(name=f"slack.{name}_ratio_max", value=max(seconds) / floor, meaning=f"the slowest of {len(seconds)}"),
        Figure(name=f"slack.{name}_s", value=typical, meaning=f"from {span}"),
        Figure(name=f"slack.{name}_floor_s", value=floor, meaning="minimum at the enforced rate"),
    ]


_TARGET: Final = Target(1.1, reached=True)
