"""A small bench of builders: every figure is measured and reported, as the page of commands has them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bot.devtools.bench import builders as bench
from bot.devtools.bench import report
from bot.devtools.bench.figures import Figure
from tests.support.documents import Page

SMALL = bench.BuildersBenchSize(files=13, checks=1, workflows=3, modals=2, validations=1)


async def test_a_small_measurement_gives_every_figure(tmp_path: Path) -> None:
    measured, machine = await bench.run(SMALL, lambda _: None, folder=tmp_path)
    assert all(isinstance(figure, Figure) and figure.value > 0 for figure in measured)
    printed = json.loads(report.as_json(measured, machine))
    (documented,) = [
        json.loads(block.text)
        for block in Page.of("commands.md").blocks
        if block.section == "signoff bench builders" and block.text.startswith("{")
    ]
    assert [*printed["builders"]] == [*documented["builders"]] == [*bench.FIGURES]
    assert os.listdir(tmp_path) == []
