"""`signoff bench api`: how fast programs can ask, and how soon they learn of a decision.

The server is `signoff serve` in a process of its own, with a local Slack at its published rates, which the approver's
copies go to. Programs, approvers and stopwatch share the other process. docs/benchmark-awaithumans.md explains the
comparison.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bot.devtools.bench.api_env import ApiEnv, BenchAsk, open_api_env
from bot.devtools.bench.awaithumans import run_awaithumans
from bot.devtools.bench.figures import Figure, Machine, Target, percentile, rss_mb
from bot.devtools.bench.http_load import Answer, LoadClient
from bot.devtools.bench.slack_env import BenchFailed

PARTNER_ASKS: Final = 300
"""Tasks that awaithumans creates in each round of a comparison."""
_CLIENTS: Final = 64
_PARTNER_FAILED: Final = "awaithumans answered {} instead of creating a task."
_OPEN_FILES: Final = 500
"""Open files of this process beside its connections."""
_WAIT_FOR_EACH: Final = 10
"""Programs that wait for the same ask."""
_SETTLE_SECONDS: Final = 2.0
"""Time for the server to have taken all waiting requests, after the last one was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    rounds: int = 3
    asks: int = 4_000
    """Asks in each round."""
    partner_asks: int = 0
    """Tasks that awaithumans creates in each round; 0 leaves it out."""
    decisions: int = 500
    decisions_per_second: float = 50.0
    waiting: int = 10_000


@dataclass(slots=True)
class _Rates:
    """How many a second, for each round."""

    asks: list[float] = field(default_factory=list)
    partner: list[float] = field(default_factory=list)


async def run(size: ApiBenchSize, report_progress: Callable[[str], None]) -> tuple[list[Figure], Machine]:
    """Measure the figures, and describe the machine. Raises `BenchFailed`."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as name:
        folder = Path(name)
        machine = Machine.detect(folder)
        rates = await _measure_rates(size, folder, report_progress)
        async with open_api_env() as env:
            report_progress(f"{size.decisions:,} decisions, {size.decisions_per_second:g} a second …")
            polls, callbacks = await _measure_decisions(env, size)
        async with open_api_env() as env:
            report_progress(f"{size.waiting:,} programs that wait …")
            waiting = await _measure_waiting(env, size)
    return [*_rate_figures(rates, size), *_decision_figures(polls, callbacks, size), *waiting], machine


# -- asks a second ------------------------------------------------------------------------------------------


async def _measure_rates(size: ApiBenchSize, folder: Path, report_progress: Callable[[str], None]) -> _Rates:
    """Let Signoff, and the partner if it is measured, take turns."""
    rates = _Rates()
    numbers = itertools.count()
    async with contextlib.AsyncExitStack() as stack:
        env = await stack.enter_async_context(open_api_env())
        partner = await stack.enter_async_context(run_awaithumans(folder)) if size.partner_asks else None
        for round_ in range(1, size.rounds + 1):
            report_progress(f"Round {round_} of {size.rounds}: {size.asks:,} asks of {_CLIENTS} programs …")
            asks = [env.ask(next(numbers)) for _ in range(size.asks)]
            rates.asks.append(await _per_second(env.port, asks, clients=_CLIENTS, check=_check_ask))
            if partner is not None:
                tasks = [partner.create(next(numbers), _PAYLOAD) for _ in range(size.partner_asks)]
                rates.partner.append(await _per_second(partner.port, tasks, clients=1, check=_check_partner))
        if env.stored_asks() != size.asks * size.rounds:
            raise BenchFailed("Not every ask that was acknowledged is in the database.")
    return rates


_PAYLOAD: Final = {"order": "A-17", "amount": "120.00 EUR", "reason": "The parcel never came."}


async def _per_second(port: int, requests: Sequence[bytes], *, clients: int, check: Callable[[Answer], None]) -> float:
    """Send the requests, each client the next one once its last is answered, and return how many a second."""
    connections = [await LoadClient.connect("127.0.0.1", port) for _ in range(clients)]
    queue = iter(requests)

    async def work(connection: LoadClient) -> None:
        for request in queue:
            check(await connection.send(request))

    try:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(work(connection))
        return len(requests) / (time.perf_counter() - began)
    finally:
        for connection in connections:
            connection.close()


def _check_ask(answer: Answer) -> None:
    if answer.status != 201:
        raise BenchFailed(f"An ask was answered with {answer.status}: {answer.body[:300]!r}")


def _check_partner(answer: Answer) -> None:
    if answer.status != 201:
        raise BenchFailed(_PARTNER_FAILED.format(answer.status))


def _rate_figures(rates: _Rates, size: ApiBenchSize) -> list[Figure]:
    asks = median(rates.asks)
    figures = [
        Figure(
            name="api.asks_per_s",
            value=asks,
            meaning=f"asks of {_CLIENTS} programs, each on the disk before its answer (median of {size.rounds})",
        ),
        Figure(name="api.asks_min_per_s", value=min(rates.asks), meaning="the slowest round"),
    ]
    if rates.partner:
        partner = median(rates.partner)
        figures += [
            Figure(
                name="api.asks_over_awaithumans",
                value=asks / partner,
                meaning="the same over what awaithumans creates",
                target=Target(8, least=True),
            ),
            Figure(name="api.awaithumans_per_s", value=partner, meaning="tasks that awaithumans creates, one client"),
        ]
    return figures


# -- from a decision to the program -------------------------------------------------------------------------


async def _measure_decisions(env: ApiEnv, size: ApiBenchSize) -> tuple[list[float], list[float]]:
    """Decide asks at scheduled times, and return the milliseconds until the long poll and the callback came.

    Both count from the scheduled time of the decision, so they include the decision itself.
    """
    loop = asyncio.get_running_loop()
    clients, asks = list[LoadClient](), list[BenchAsk]()
    for number in range(size.decisions):
        # The server closes connections that say nothing, and those that wait have to be of a program with a key.
        clients.append(await LoadClient.connect("127.0.0.1", env.port))
        asks.append(await env.create(clients[-1], number))
    answers = [client.send(env.wait(ask)) for client, ask in zip(clients, asks, strict=True)]
    await asyncio.sleep(_SETTLE_SECONDS)
    start, due = loop.time() + 0.5, dict[str, float]()
    async with asyncio.TaskGroup() as group:
        for number, ask in enumerate(asks):
            due[ask.id] = start + number / size.decisions_per_second
            await asyncio.sleep(due[ask.id] - loop.time())
            group.create_task(env.approve(ask))
    polls = [_latency(answer, due[ask.id]) for ask, answer in zip(asks, await asyncio.gather(*answers), strict=True)]
    called = await env.callbacks.wait_for([ask.id for ask in asks])
    for client in clients:
        client.close()
    return polls, [(called[ask.id] - due[ask.id]) * 1000 for ask in asks]


def _latency(answer: Answer, due: float) -> float:
    if answer.status != 200 or msgspec.json.decode(answer.body)["status"] != "approved":
        raise BenchFailed(f"A long poll was answered with {answer.status}: {answer.body[:300]!r}")
    return (answer.at - due) * 1000


def _decision_figures(polls: Sequence[float], callbacks: Sequence[float], size: ApiBenchSize) -> list[Figure]:
    rate = f"at {size.decisions_per_second:g} decisions a second"
    return [
        figure
        for name, samples, what in (
            ("poll", polls, "from a decision to the answer of the long poll"),
            ("callback", callbacks, "from a decision to the callback"),
        )
        for figure in (
            Figure(
                name=f"api.{name}_p99_ms",
                value=percentile(samples, 0.99),
                meaning=f"{what}, {rate}",
                target=Target(50),
            ),
            Figure(name=f"api.{name}_p50_ms", value=percentile(samples, 0.5), meaning="the same (p50)"),
            Figure(name=f"api.{name}_max_ms", value=max(samples), meaning="the slowest"),
        )
    ]


# -- programs that wait -------------------------------------------------------------------------------------


async def _measure_waiting(env: ApiEnv, size: ApiBenchSize) -> list[Figure]:
    """Return what thousands of waiting programs cost the server, while each waits for an ask of its own."""
    _allow_files(size.waiting + _OPEN_FILES)
    before = rss_mb(env.pid)
    asks, clients, answers = list[BenchAsk](), list[LoadClient](), list[asyncio.Future[Answer]]()
    for number in range(size.waiting):
        # The first request of a connection tells whose it is, and connections that say nothing are few.
        client = await LoadClient.connect("127.0.0.1", env.port)
        if number % _WAIT_FOR_EACH == 0:
            asks.append(await env.create(client, number))
        clients.append(client)
        answers.append(client.send(env.wait(asks[-1])))
    # A connection that is not refused within this time waits: the server reads them in turn.
    done, _ = await asyncio.wait(answers, timeout=_SETTLE_SECONDS * 5, return_when=asyncio.FIRST_COMPLETED)
    if done:
        raise BenchFailed(f"The server did not let every program wait: {done.pop().result().status}")
    after = rss_mb(env.pid)
    for client in clients:
        client.close()
    return [
        Figure(
            name="api.waiting_mb",
            value=after,
            meaning=f"memory of the server while {size.waiting:,} programs wait",
            target=Target(250),
        ),
        Figure(name="api.idle_mb", value=before, meaning="memory of the server before"),
    ]


def _allow_files(wanted: int) -> None:
    """Raise the number of files that this process may open. Raises `BenchFailed`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchFailed(f"This process may open {hard} files; `ulimit -Hn {wanted}` allows as many as are needed.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
