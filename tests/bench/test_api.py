"""A small bench of programs that ask: every figure is reported. No test asserts a speed."""

from __future__ import annotations

import json

from bot.devtools.bench import api, report
from tests.bench.test_web_and_email import documented_figures


async def test_every_figure_of_programs_is_there_and_no_ask_is_lost() -> None:
    size = api.ApiBenchSize(rounds=1, asks=130, decisions=10, waiting=30)
    figures, machine = await api.run(size, lambda _: None)
    parsed = json.loads(report.as_json(figures, machine))
    documented = documented_figures("signoff bench api", "api")
    assert list(parsed["api"]) == [name for name in documented if "awaithumans" not in name]
    assert parsed["api"]["asks_per_s"] > 0
    assert 0 < parsed["api"]["poll_p50_ms"] <= parsed["api"]["poll_max_ms"]
    assert 0 < parsed["api"]["callback_p50_ms"] <= parsed["api"]["callback_max_ms"]
