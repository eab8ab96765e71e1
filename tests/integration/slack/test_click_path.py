"""The path of one click that docs/architecture.md describes is the path that a click takes through the files."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

import engine
from tests.support.documents import Page
from tests.support.slack_env import SlackEnv, expect_ok

ROOT: Final = Path(engine.__file__).parents[1]
SECTION: Final = "One click, file by file"
MOST: Final = 22
"""Files on the path. A click that takes more is too hard to follow."""


class Recorder:
    """Records the files of the product whose functions are called, in every thread that starts after it."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.on = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if not self.on or event != "call" or not file.startswith(f"{ROOT}/"):
            return
        if file.endswith("slack/background.py") and frame.f_code.co_name == "do":
            self.on = False  # Work that follows the acknowledgement.

            return
        name = file.removeprefix(f"{ROOT}/").removesuffix(".py")
        if name.startswith(("bot/", "engine/")) and not name.startswith(("bot/devtools/", "bot/web/")):
            self.files.add(name)

    @contextmanager
    def recording(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(self)
        self.on = True
        try:
            yield
        finally:
            self.on = False
            sys.setprofile(before)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    threading.setprofile(recorder)
    yield recorder
    threading.setprofile(None)


@pytest.fixture
def transport() -> str:
    return "http"


@pytest.fixture
def recorded_first(recorder: Recorder, env: SlackEnv) -> SlackEnv:
    """Run a bot whose writing thread starts after the recorder is installed."""
    return env


def beside(text: str) -> set[str]:
    """Return the files beside the path: a name without a folder lies in the folder of the one before it."""
    paragraph = text.partition("Beside the path")[2].partition("\n\n")[0]
    names, folder = set(), ""
    for name in re.findall(r"`([^`]+)`", paragraph):
        folder = name.rpartition("/")[0] if "/" in name else folder
        names.add(name if "/" in name else f"{folder}/{name}")
    return names


async def test_the_path_of_the_page_is_the_path_of_a_click(recorder: Recorder, recorded_first: SlackEnv) -> None:
    env = recorded_first
    page = Page.of("architecture.md")
    path = [row[0].strip("`") for row in page.table(SECTION)]
    assert len(path) <= MOST
    await env.request_approval()
    with recorder.recording():
        expect_ok(await env.person("ada").click("Approve"))
    assert set(path) - recorder.files == set(), "files that no click runs through"
    described = {*path, *beside(page.text)}
    strangers = {file for file in recorder.files if file not in described and file.rpartition("/")[0] not in described}
    assert strangers == set(), "files that a click runs through and the page leaves out"
