from __future__ import annotations
import os
from pathlib import Path
import pytest
from tests.browser.review import NARROW, WIDE, Reviewers, walk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_shots(reviewing: Reviewers, size: dict[str, int]) -> None:
    page = await reviewing.window(size=size)
    out = Path(os.environ["SHOTS"])
    out.mkdir(exist_ok=True)
    async for name in walk(reviewing, page):
        for c in ("light", "dark"):
            await page.emulate_media(color_scheme=c)
            await page.screenshot(path=out / f"{name}-{size['width']}-{c}.png", full_page=True)
        await page.emulate_media(color_scheme="light")
