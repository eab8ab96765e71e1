"""`signoff bench web`: how fast a review page loads, with many stored requests.

The server is `signoff serve` in a process of its own, on a database that bare `sqlite3` filled with the rows of one
lifecycle (see `floor`). Pages are opened open-loop: at scheduled times, whether or not earlier pages have loaded, and
every duration counts from the scheduled time. Each page is of another request, opened with the cookie of its link.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from bot import page_urls
from bot.devtools.bench import engine as lifecycles
from bot.devtools.bench.figures import Figure, Machine, Target, percentile
from bot.devtools.bench.floor import Replay
from bot.devtools.bench.slack_env import BenchFailed, SlackLimits, free_port, run_bot
from bot.variable_checks import PREFIX
from engine.code_derivation import hashed
from engine.system import RandomIds

_START_DELAY: Final = 0.5
"""Seconds between the last link and the first page."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_PENDING_REQUESTS: Final = """\
SELECT request.id, approver.person FROM request JOIN approver ON approver.request = request.id AND approver.position = 0
WHERE request.state = 'pending' ORDER BY random() LIMIT ?"""
_INSERT_LINK: Final = """\
INSERT INTO link (hash, request, person, address, delivery, created_at, expires_at)
VALUES (?, ?, ?, 'ann@example.com', 'bench', '2026-01-01 00:00:00.000000', '2999-01-01 00:00:00.000000')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    stored: int = 100_000
    """Requests in the database."""
    pages: int = 1_000
    pages_per_second: float = 50.0


@dataclass(slots=True)
class _PageTimes:
    """Milliseconds from the scheduled times until the requests were sent and the pages were loaded."""

    sent: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    failed: int = 0


async def run(
    size: WebBenchSize, report_progress: Callable[[str], None], *, folder: Path | None = None
) -> tuple[list[Figure], Machine]:
    """Measure the figures, and describe the machine. Raises `BenchFailed` if no page could be loaded."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        report_progress(f"Storing {size.stored:,} requests …")
        replay = await lifecycles.record_lifecycle(work_folder / "recorded.db")
        tokens = await asyncio.to_thread(_fill_database, work_folder / "signoff.db", size, replay)
        report_progress(f"{size.pages:,} review pages, {size.pages_per_second:g} a second …")
        port = free_port()
        values = {
            "DATABASE_URL": f"sqlite:///{work_folder / 'signoff.db'}",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
        }
        async with run_bot(work_folder, {PREFIX + name: value for name, value in values.items()}, SlackLimits(1)):
            times = await _open_all(f"http://127.0.0.1:{port}", tokens, size)
    return _figures(times, size), machine


def _fill_database(path: Path, size: WebBenchSize, replay: Replay) -> list[str]:
    """Fill the database, and return the tokens of links, each to another request."""
    floor = lifecycles.copy_floor(path, path.with_name("recorded.db"), replay)
    floor.fill(size.stored)
    floor.close()
    ids = RandomIds()
    with closing(sqlite3.connect(path)) as connection:
        requests = connection.execute(_PENDING_REQUESTS, (size.pages,)).fetchall()
        tokens = [ids.token() for _ in requests]
        rows = [(hashed(token), request, person) for token, (request, person) in zip(tokens, requests, strict=True)]
        connection.executemany(_INSERT_LINK, rows)
        connection.commit()
    return tokens


async def _open_all(base: str, tokens: Sequence[str], size: WebBenchSize) -> _PageTimes:
    """Follow every link, which is not timed; then open every page at its scheduled time."""
    loop, times = asyncio.get_running_loop(), _PageTimes()
    async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
        pages = [await _follow_link(session, base, token) for token in tokens]

        async def open_page(page: tuple[str, str], due: float) -> None:
            times.sent.append((loop.time() - due) * 1000)
            if await _load_page(session, *page):
                times.loaded.append((loop.time() - due) * 1000)
            else:
                times.failed += 1

        async with asyncio.TaskGroup() as group:
            start = loop.time() + _START_DELAY
            for number, page in enumerate(pages):
                due = start + number / size.pages_per_second
                await asyncio.sleep(due - loop.time())
                group.create_task(open_page(page, due))
    return times


async def _follow_link(session: aiohttp.ClientSession, base: str, token: str) -> tuple[str, str]:
    """Return the address of the page that a link leads to, and the cookie that it needs."""
    async with session.get(page_urls.review_link(base, token), allow_redirects=False) as response:
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in response.cookies.values())
        if response.status != 303 or not cookies:
            raise BenchFailed(f"A link was answered with {response.status}.")
        return base + response.headers["Location"], cookies


async def _load_page(session: aiohttp.ClientSession, url: str, cookies: str) -> bool:
    """Load a page, and return whether it has its form."""
    async with session.get(url, headers={"Cookie": cookies}) as response:
        body = await response.read()
        return response.status == 200 and b"<form" in body


def _figures(times: _PageTimes, size: WebBenchSize) -> list[Figure]:
    if not times.loaded:
        raise BenchFailed("No review page could be loaded.")
    rate = f"at {size.pages_per_second:g} a second, with {size.stored:,} requests stored"
    return [
        Figure(
            name="web.review_p99_ms",
            value=percentile(times.loaded, 0.99),
            meaning=f"until a review page is loaded, {rate}",
            target=Target(50),
        ),
        Figure(name="web.review_p50_ms", value=percentile(times.loaded, 0.5), meaning="the same (p50)"),
        Figure(name="web.review_max_ms", value=max(times.loaded), meaning="the slowest page"),
        Figure(
            name="web.late_p99_ms",
            value=percentile(times.sent, 0.99),
            meaning="delay of the bench's own requests; part of all of the above",
        ),
        Figure(name="web.pages", value=len(times.loaded), meaning="loaded pages, each of another request"),
        Figure(name="web.failed", value=times.failed, meaning="pages that could not be loaded"),
    ]
