"""A small bench of the inbox: every figure is reported, and the filled database is one that the engine reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bot.devtools.bench import inbox as bench
from bot.devtools.bench import inbox_fill, report
from bot.devtools.bench.engine_load import open_engine
from bot.devtools.bench.inbox_fill import InboxFillSize
from engine.access import Reader
from engine.domain import Person, RequestState
from engine.inbox import InboxFilter, InboxPart, InboxQuery
from engine.store.inbox_rows import MOST_CHECKED
from tests.support.documents import Page

SMALL = bench.InboxBenchSize(stored=400, pending=40, of_reader=10, few=100, rounds=1, warm_up=0)


async def test_a_small_measurement_gives_every_figure(postgres_url: str, tmp_path: Path) -> None:
    measured, machine = await bench.run(SMALL, lambda _: None, server=postgres_url, folder=tmp_path)
    printed = json.loads(report.as_json(measured, machine))
    (documented,) = [
        json.loads(block.text)
        for block in Page.of("commands.md").blocks
        if block.section == "signoff bench inbox" and block.text.startswith("{")
    ]
    assert [*printed["inbox"]] == [*documented["inbox"]] == [*bench.FIGURES, "slowest"]
    assert os.listdir(tmp_path) == []


async def test_a_rare_match_is_found_by_going_on_and_each_page_says_how_far_it_looked(tmp_path: Path) -> None:
    """More requests than one page checks have the word and the state, and only the oldest is of the workflow."""
    path = tmp_path / "signoff.db"
    await inbox_fill.record(path)
    filled = inbox_fill.fill(path, InboxFillSize(stored=3 * MOST_CHECKED, pending=30, of_reader=10))
    with open_engine(path) as env:
        auditor = Reader(person=Person(filled.people[1], "Ben"), is_auditor=True)
        wanted = InboxFilter(search="refund 0", state=RequestState.APPROVED, person=filled.people[7])
        found, looked, after = list[str](), list[bool](), None
        while True:
            page = await env.engine.inbox(InboxQuery(reader=auditor, part=InboxPart.ALL, filter=wanted, after=after))
            found += [view.id for view in page.requests]
            looked.append(page.searched_until is not None)
            if (after := page.next) is None:
                break
        everything = InboxQuery(reader=auditor, part=InboxPart.ALL, filter=InboxFilter(search="refund"))
        first = await env.engine.inbox(everything)
    assert len(found) == len(set(found))
    assert len(first.requests) == everything.limit
    assert looked[-1] is False
