"""A small bench of oversight: every figure is reported, and what was copied is replayed as what was recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bot.devtools.bench import oversight as bench
from bot.devtools.bench import report
from tests.support.documents import Page

SMALL = bench.OversightBenchSize(requests=60, rounds=1, lifecycles=8, lifecycle_rounds=1, counted=300, reads=2)


async def test_a_small_measurement_gives_every_figure(tmp_path: Path) -> None:
    measured, machine = await bench.run(SMALL, lambda _: None, folder=tmp_path)
    printed = json.loads(report.as_json(measured, machine))
    (documented,) = [
        json.loads(block.text)
        for block in Page.of("commands.md").blocks
        if block.section == "signoff bench oversight" and block.text.startswith("{")
    ]
    assert [*printed["oversight"]] == [*documented["oversight"]] == [*bench.FIGURES]
    assert os.listdir(tmp_path) == []
