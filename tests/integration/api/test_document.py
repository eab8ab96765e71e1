"""The OpenAPI document is complete and true: generated calls, right and wrong ones, get answers that it describes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.api_env import ApiEnv, open_api

CONFIG: Final = """\
[generation]
max-examples = 2
deterministic = true
allow-x00 = false

[checks.positive_data_acceptance]
# The types of `fields` and the inputs of a workflow have rules of their own, which no schema of ours can say.
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "503"]
"""
WAIT: Final = """
[parameters]
"query.wait" = "1s"

[[operations]]
include-path = "/asks/{ask}/events"
# The stream of an ask that waits for people does not end: what has come until then is checked.
request-timeout = 2
"""


@asynccontextmanager
async def working(api: ApiEnv) -> AsyncIterator[None]:
    """Do the work of each commit, as a server does: a call that cancels waits for the end of the run."""
    is_due = asyncio.Event()
    api.env.store.on_commit(lambda _: is_due.set())

    async def work() -> None:
        while await is_due.wait():
            is_due.clear()
            await api.env.settle()

    async with asyncio.TaskGroup() as tasks:
        worker = tasks.create_task(work())
        yield
        worker.cancel()


@pytest.mark.timeout(400)
async def test_generated_calls_get_answers_that_the_document_describes(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG + WAIT, encoding="utf-8")
    async with open_api(tmp_path / "signoff.db") as api, working(api):
        program = Path(sys.executable).with_name("schemathesis")
        options = ["--header", f"Authorization: Bearer {api.key}", "--suppress-health-check", "all", "--no-color"]
        process = await asyncio.create_subprocess_exec(
            program,
            *("--config-file", str(config), "run", f"{api.url}/api/v1/openapi.json", *options),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()[-6_000:]
    assert b"Tested: 19" in out
