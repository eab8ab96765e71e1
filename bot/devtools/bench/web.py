"""`signoff bench web`: how fast a review page comes, with many requests stored.

The server is `signoff serve` in a process of its own, on a database that was filled by bare `sqlite3` with what one
lifecycle writes (see `floor`). People open pages open-loop: at their instants, whether or not earlier ones came, and
every time counts from the scheduled instant. Each opens the page of another request, through the cookie of its link.
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
from bot.devtools.bench.slack_env import BenchFailed, SlackLimits, bot, free_port
from bot.settings import PREFIX
from engine.code_derivation import hashed
from engine.system import RandomIds

_HEAD_START: Final = 0.5
_PATIENCE: Final = aiohttp.ClientTimeout(total=30)
_WAITING: Final = """\
SELECT request.id, approver.person FROM request JOIN approver ON approver.request = request.id AND approver.position = 0
WHERE request.state = 'pending' ORDER BY random() LIMIT ?"""
_LINK: Final = """\
INSERT INTO link (hash, request, person, address, delivery, created_at, expires_at)
VALUES (?, ?, ?, 'ann@example.com', 'bench', '2026-01-01 00:00:00.000000', '2999-01-01 00:00:00.000000')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. The defaults are those of the documented figures."""

    stored: int = 100_000
    opened: int = 1_000
    opened_per_second: float = 50.0


@dataclass(slots=True)
class _Opened:
    """Milliseconds since the scheduled instants: until a page was asked for, and until all of it had come."""

    late: list[float] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    failed: int = 0


async def run(size: Size, say: Callable[[str], None], *, folder: Path | None = None) -> tuple[list[Figure], Machine]:
    """The figures, and the machine that they are of. Raises `BenchFailed` where no page came at all."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as made:
        place = Path(made)
        machine = Machine.here(place)
        say(f"{size.stored:,} requests are stored …")
        tokens = await asyncio.to_thread(_filled, place / "signoff.db", size, await _recorded(place))
        say(f"{size.opened:,} review pages, {size.opened_per_second:g} a second …")
        port = free_port()
        given = {
            "DATABASE_URL": f"sqlite:///{place / 'signoff.db'}",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
        }
        async with bot(place, {PREFIX + name: value for name, value in given.items()}, SlackLimits(1)):
            opened = await _open_all(f"http://127.0.0.1:{port}", tokens, size)
    return _figures(opened, size), machine


async def _recorded(place: Path) -> Replay:
    return await lifecycles.recorded(place / "recorded.db")


def _filled(path: Path, size: Size, replay: Replay) -> list[str]:
    """The database, full; the tokens of as many links as are opened, each to a request of its own."""
    floor = lifecycles.floor_at(path, path.with_name("recorded.db"), replay)
    floor.fill(size.stored)
    floor.close()
    ids = RandomIds()
    with closing(sqlite3.connect(path)) as connection:
        asked = connection.execute(_WAITING, (size.opened,)).fetchall()
        tokens = [ids.token() for _ in asked]
        rows = [(hashed(token), request, person) for token, (request, person) in zip(tokens, asked, strict=True)]
        connection.executemany(_LINK, rows)
        connection.commit()
    return tokens


async def _open_all(base: str, tokens: Sequence[str], size: Size) -> _Opened:
    """Follow every link, which is not timed; then open every page at its instant."""
    loop, found = asyncio.get_running_loop(), _Opened()
    async with aiohttp.ClientSession(timeout=_PATIENCE, cookie_jar=aiohttp.DummyCookieJar()) as session:
        pages = [await _followed(session, base, token) for token in tokens]

        async def open_page(page: tuple[str, str], due: float) -> None:
            found.late.append((loop.time() - due) * 1000)
            if await _shows(session, *page):
                found.came.append((loop.time() - due) * 1000)
            else:
                found.failed += 1

        async with asyncio.TaskGroup() as group:
            begin = loop.time() + _HEAD_START
            for number, page in enumerate(pages):
                due = begin + number / size.opened_per_second
                await asyncio.sleep(due - loop.time())
                group.create_task(open_page(page, due))
    return found


async def _followed(session: aiohttp.ClientSession, base: str, token: str) -> tuple[str, str]:
    """The address of the page that a link leads to, and the cookie that it needs."""
    async with session.get(page_urls.review_link(base, token), allow_redirects=False) as answer:
        cookies = "; ".join(f"{one.key}={one.value}" for one in answer.cookies.values())
        if answer.status != 303 or not cookies:
            raise BenchFailed(f"A link was answered with {answer.status}.")
        return base + answer.headers["Location"], cookies


async def _shows(session: aiohttp.ClientSession, url: str, cookies: str) -> bool:
    """Whether the page came, with its form."""
    async with session.get(url, headers={"Cookie": cookies}) as answer:
        said = await answer.read()
        return answer.status == 200 and b"<form" in said


def _figures(opened: _Opened, size: Size) -> list[Figure]:
    if not opened.came:
        raise BenchFailed("No review page came.")
    rate = f"at {size.opened_per_second:g} a second, with {size.stored:,} requests stored"
    return [
        Figure(
            name="web.review_p99_ms",
            value=percentile(opened.came, 0.99),
            what=f"until a review page has come, {rate}",
            target=Target(50),
        ),
        Figure(name="web.review_p50_ms", value=percentile(opened.came, 0.5), what="half of them"),
        Figure(name="web.review_max_ms", value=max(opened.came), what="the slowest of them"),
        Figure(
            name="web.late_p99_ms",
            value=percentile(opened.late, 0.99),
            what="how late the bench itself asked; part of all of the above",
        ),
        Figure(name="web.pages", value=len(opened.came), what="pages, each of a request of its own"),
        Figure(name="web.failed", value=opened.failed, what="pages that did not come as they should"),
    ]
