"""`signoff bench slack`: how fast a click is acknowledged, and how near to Slack's own limits copies are shown.

Two parts, each with a local Slack, a bot in a process of its own and a database of its own (see `stage`).

**Clicks** are open-loop: they come at their scheduled instants whether or not earlier ones were answered, and every
time is taken from the scheduled instant. So a bot that stalls is charged for everybody who waited meanwhile, and so is
a bench that clicks late. Each click approves a request of its own over signed HTTP. Slack's limits are out of the way
here, so that the edit of each copy and the end of each run compete with the clicks for the bot's core at once, instead
of being spread over the minutes after.

**Fan-outs** have Slack's published rates tenfold and without a burst, on both sides. A run before has looked people up.
Times are from the command or the click until the last call has landed. The floor is what that many calls take at the
rate that the local Slack enforces: the first at once, then one an interval.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.devtools.bench.figures import Figure, Machine, Target, percentile
from bot.devtools.bench.slack_env import BenchFailed, PostedCopy, SlackBenchEnv, SlackLimits, stage
from bot.devtools.sandbox.methods import METHODS
from bot.slack import ids
from engine.store import queries, schema
from engine.store.transaction import Connection

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
UNHURRIED: Final = SlackLimits(multiplier=1000)
TENFOLD: Final = SlackLimits(multiplier=10, burst=1)
POST: Final = "chat.postMessage"
UPDATE: Final = "chat.update"
_HEAD_START: Final = 0.5
_REST: Final = 0.5
"""Seconds between fan-outs: longer than any interval, so that each begins with a turn."""
_PATIENCE: Final = 40.0
_COPY_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.004

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. The defaults are those of the documented figures."""

    clicks: int = 750
    clicks_per_second: float = 50.0
    people: int = 60
    """Who click, and to whom each fan-out goes."""
    opened: int = 5
    """Fan-outs of posts; the median counts."""
    decided: int = 2
    """Fan-outs of edits, at most as many; the median counts, and of two the slower."""


@dataclass(frozen=True, slots=True)
class Measured:
    figures: list[Figure]
    refused: int
    """Calls that were answered with HTTP 429."""


async def run(size: Size, say: Say) -> tuple[list[Figure], Machine]:
    """The figures, and the machine that they are of. Raises `BenchFailed` where something did not happen at all."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        machine = Machine.here(Path(folder))
    say(f"{size.clicks} clicks, {size.clicks_per_second:g} a second …")
    clicks = await _clicks(size)
    say(f"Copies to {size.people} people …")
    fanouts = await _fanouts(size)
    refused = Figure(
        name="slack.refused", value=clicks.refused + fanouts.refused, what="calls that Slack refused with HTTP 429"
    )
    return [*clicks.figures, *fanouts.figures, refused], machine


# -- clicks -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Clicked:
    """Milliseconds since the scheduled instants: until the click was sent, acknowledged, and seen in the copy."""

    late: list[float] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)
    copies: list[float] = field(default_factory=list)
    acked: list[PostedCopy] = field(default_factory=list)
    undecided: set[str] = field(default_factory=set)
    """Requests whose click was acknowledged, and whose decision was not in the database."""


async def _clicks(size: Size) -> Measured:
    async with stage(people=size.people, limits=UNHURRIED) as here:
        await here.register(ASK_ONE)
        who = [person.user.email for person in here.people]
        asked = [{"who": who[number % len(who)], "number": str(number)} for number in range(size.clicks)]
        await here.start_all("one", asked)
        await here.until(lambda: here.landed(POST) >= size.clicks, "all requests are posted", seconds=_PATIENCE)
        clicked = await _click_all(here, here.copies(), per_second=size.clicks_per_second)
        clicked.undecided |= _undecided(here, clicked.acked)
        return Measured(_click_figures(clicked, size), here.slack.rates.refused)


async def _click_all(here: SlackBenchEnv, copies: list[PostedCopy], *, per_second: float) -> _Clicked:
    """Click Approve on each copy at its instant, and look in the database as soon as a click is acknowledged."""
    loop, found = asyncio.get_running_loop(), _Clicked()

    def since(due: float) -> float:
        return (loop.time() - due) * 1000

    with schema.reading(here.database) as connection:

        async def click(copy: PostedCopy, due: float) -> None:
            found.late.append(since(due))
            ack = await copy.person.click(ids.APPROVE, on=copy.seen)
            found.acks.append(since(due))
            if ack is None or not ack.ok:
                return
            found.acked.append(copy)
            if not _decided(connection, copy):
                found.undecided.add(copy.request)
            while not copy.shows_the_outcome and since(due) < _COPY_SECONDS * 1000:  # noqa: ASYNC110 it has no bell
                await asyncio.sleep(_LOOK_SECONDS)
            found.copies.append(since(due))

        async with asyncio.TaskGroup() as group:
            begin = loop.time() + _HEAD_START
            for number, copy in enumerate(copies):
                due = begin + number / per_second
                await asyncio.sleep(due - loop.time())
                group.create_task(click(copy, due))
    return found


def _undecided(here: SlackBenchEnv, acked: Iterable[PostedCopy]) -> set[str]:
    """The requests of these copies that have no decision of whoever clicked."""
    with schema.reading(here.database) as connection:
        return {copy.request for copy in acked if not _decided(connection, copy)}


def _decided(connection: Connection, copy: PostedCopy) -> bool:
    view = queries.request_view(connection, copy.request)
    decision = view.decision if view is not None else None
    return decision is not None and copy.person.id in {one.value for one in decision.person.addresses}


def _click_figures(clicked: _Clicked, size: Size) -> list[Figure]:
    if not clicked.copies:
        raise BenchFailed("No click was acknowledged.")
    acks, failed = clicked.acks, len(clicked.acks) - len(clicked.acked)
    rate = f"at {size.clicks_per_second:g} clicks a second"
    return [
        Figure(
            name="slack.click_ack_p99_ms",
            value=percentile(acks, 0.99),
            what=f"from a click to its acknowledgement, {rate}",
            target=Target(250),
        ),
        Figure(name="slack.click_ack_p50_ms", value=percentile(acks, 0.5), what="half of them"),
        Figure(name="slack.click_ack_max_ms", value=max(acks), what="the slowest of them"),
        Figure(
            name="slack.clicked_copy_ms",
            value=percentile(clicked.copies, 0.99),
            what="from a click to the outcome in the clicked copy, without buttons (p99)",
            target=Target(500),
        ),
        Figure(
            name="slack.click_late_p99_ms",
            value=percentile(clicked.late, 0.99),
            what="how late the bench itself clicked; part of all of the above",
        ),
        Figure(name="slack.clicks", value=len(acks), what="clicks, each on a request of its own"),
        Figure(name="slack.clicks_failed", value=failed, what="clicks that were not acknowledged within 3 s"),
        Figure(
            name="slack.clicks_undecided",
            value=len(clicked.undecided),
            what="acknowledged clicks without a decision in the database",
        ),
    ]


# -- fan-outs -----------------------------------------------------------------------------------------------


async def _fanouts(size: Size) -> Measured:
    async with stage(people=size.people, limits=TENFOLD) as here:
        people = ", ".join(person.user.email for person in here.people)
        await here.register(ASK_ALL.replace("PEOPLE", people))
        # Looks everybody up; the lookups have limits of their own.
        await _open(here, "0")
        opened = [await _open(here, str(number)) for number in range(1, size.opened + 1)]
        first = here.people[0]
        copies = [copy for copy in here.copies() if copy.person == first]
        decided = [await _decide(here, copy) for copy in copies[: size.decided]]
        refused = here.slack.rates.refused
        return Measured(
            [
                *_fanout_figures("fanout", decided, _floor(here, UPDATE), "a click to the last copy's edit"),
                *_fanout_figures("open_fanout", opened, _floor(here, POST), "a start to the last copy's post"),
                Figure(name="slack.copies", value=size.people, what="copies of each request"),
            ],
            refused,
        )


def _floor(here: SlackBenchEnv, method: str) -> float:
    """The least seconds that one call of the method for each person takes at the rates that are enforced."""
    per_minute = here.slack.rates.per_minute(method, METHODS[method].tier)
    return (len(here.people) - 1) * 60 / per_minute


async def _open(here: SlackBenchEnv, number: str) -> float:
    """Seconds from the command that starts a run until everybody has a copy."""
    await asyncio.sleep(_REST)
    since, began = here.landed(POST), here.slack.time.seconds
    await here.start("all", number=number)
    return await _last(here, POST, since) - began


async def _decide(here: SlackBenchEnv, copy: PostedCopy) -> float:
    """Seconds from a click until every copy is edited."""
    await asyncio.sleep(_REST)
    since, began = here.landed(UPDATE), here.slack.time.seconds
    ack = await copy.person.click(ids.APPROVE, on=copy.seen)
    if ack is None or not ack.ok or _undecided(here, [copy]):
        raise BenchFailed(f"A click was not acknowledged, or acknowledged without a decision: {ack}")
    last = await _last(here, UPDATE, since)
    if any(one.request == copy.request for one in here.copies()):
        raise BenchFailed("All copies were edited, and some still have buttons.")
    return last - began


async def _last(here: SlackBenchEnv, method: str, since: int) -> float:
    """When the last call of a method landed that a fan-out takes. `since`: how many there were before."""
    wanted = since + len(here.people)
    await here.until(lambda: here.landed(method) >= wanted, f"{method} for everybody", seconds=_PATIENCE)
    return here.landed_at(method)[wanted - 1]


def _fanout_figures(name: str, took: list[float], floor: float, what: str) -> list[Figure]:
    typical = statistics.median_high(took)
    return [
        Figure(name=f"slack.{name}_ratio", value=typical / floor, what=f"of the floor: {what}", target=_RATIO),
        Figure(name=f"slack.{name}_ratio_max", value=max(took) / floor, what=f"the slowest of {len(took)}"),
        Figure(name=f"slack.{name}_s", value=typical, what=f"from {what}"),
        Figure(name=f"slack.{name}_floor_s", value=floor, what="the least that the enforced rate allows"),
    ]


_RATIO: Final = Target(1.1, reached=True)
