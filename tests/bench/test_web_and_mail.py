"""The benches of pages and mails in small: every figure is there. How fast it was is asserted nowhere."""

from __future__ import annotations

import json
from pathlib import Path

from bot.devtools.bench import mail, report, web
from tests.support.documents import Page


def told(command: str, part: str) -> list[str]:
    """The names in the page of the commands."""
    (one,) = [json.loads(one.text) for one in Page.of("commands.md").blocks if one.section == command]
    return list(one[part])


async def test_every_figure_of_the_pages_is_there_and_no_page_fails(tmp_path: Path) -> None:
    size = web.Size(stored=60, opened=20, opened_per_second=40)
    figures, machine = await web.run(size, lambda _: None, folder=tmp_path)
    whole = json.loads(report.as_json(figures, machine))
    assert list(whole["web"]) == told("signoff bench web", "web")
    assert (whole["web"]["pages"], whole["web"]["failed"]) == (20, 0)
    assert whole["web"]["review_p50_ms"] <= whole["web"]["review_p99_ms"] <= whole["web"]["review_max_ms"]


async def test_every_figure_of_the_mails_is_there_and_every_mail_leaves(tmp_path: Path) -> None:
    figures, machine = await mail.run(mail.Size(mails=20, rounds=2), lambda _: None, folder=tmp_path)
    whole = json.loads(report.as_json(figures, machine))
    assert list(whole["mail"]) == told("signoff bench mail", "mail")
    assert all(value > 0 for value in whole["mail"].values())
