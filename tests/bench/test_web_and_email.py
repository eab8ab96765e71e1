"""Small benches of pages and emails: every figure is reported. No test asserts a speed."""

from __future__ import annotations

import json
from pathlib import Path

from bot.devtools.bench import email, report, web
from tests.support.documents import Page


def documented_figures(command: str, part: str) -> list[str]:
    """Return the names of the figures on the page of commands."""
    (figures,) = [json.loads(block.text) for block in Page.of("commands.md").blocks if block.section == command]
    return list(figures[part])


async def test_every_figure_of_the_pages_is_there_and_no_page_fails(tmp_path: Path) -> None:
    size = web.WebBenchSize(stored=60, pages=20, pages_per_second=40)
    figures, machine = await web.run(size, lambda _: None, folder=tmp_path)
    parsed = json.loads(report.as_json(figures, machine))
    assert list(parsed["web"]) == documented_figures("signoff bench web", "web")
    assert (parsed["web"]["pages"], parsed["web"]["failed"]) == (20, 0)
    assert parsed["web"]["review_p50_ms"] <= parsed["web"]["review_p99_ms"] <= parsed["web"]["review_max_ms"]


async def test_every_figure_of_the_emails_is_there_and_every_email_is_sent(tmp_path: Path) -> None:
    figures, machine = await email.run(email.EmailBenchSize(emails=20, rounds=2), lambda _: None, folder=tmp_path)
    parsed = json.loads(report.as_json(figures, machine))
    assert list(parsed["mail"]) == documented_figures("signoff bench mail", "mail")
    assert all(value > 0 for value in parsed["mail"].values())
