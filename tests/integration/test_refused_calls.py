"""The advice after a web call that was refused each time: whether it may have happened. With a real service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.presentation import advice
from engine.domain import RunStatus
from engine.ports import StepType
from engine.steps.http import HttpStep
from engine.steps.set import SetStep
from tests.integration.test_http_step import replying
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.http_calls import serving

STEPS: dict[str, StepType[Any]] = {"set": SetStep(), "http": HttpStep(allow=["127.0.0.1"])}
FLOW = """\
name: flow
steps:
  - id: pay
    uses: http
    with: {method: POST, url: "URL", json: {amount: 5}}
    retry: {attempts: 3, wait: 1s}
"""


async def failed(env: EngineEnv, url: str, more: str = "") -> Any:
    """Start a run whose call is refused three times, and return the run."""
    await env.register(FLOW.replace("URL", url) + more)
    run = await env.start()
    for _ in range(3):
        await env.settle()
        env.pass_time(minutes=5)
    view = await env.view(run)
    assert (view.status, view.steps[-1].attempt) == (RunStatus.FAILED, 3)
    return view


@pytest.mark.parametrize(
    ("status", "more", "warns"),
    [
        (404, "", False),
        (422, "", False),
        (409, "", True),
        (429, "", True),
        (503, "", True),
        (404, "    idempotent: true\n", True),
    ],
)
async def test_only_what_was_certainly_refused_each_time_did_not_happen(
    tmp_path: Path, status: int, more: str, warns: bool
) -> None:
    async with serving(replying(b"", status=status)) as url, open_engine(tmp_path / "signoff.db", steps=STEPS) as env:
        view = await failed(env, url, more)
        assert ("May have happened" in advice.after_failure(view)) is warns


async def test_the_error_says_the_status_once_and_the_advice_names_the_newer_version(tmp_path: Path) -> None:
    page = replying(b"404: Not Found", status=404, Content_Type="text/plain")
    async with serving(page) as url, open_engine(tmp_path / "signoff.db", steps=STEPS) as env:
        view = await failed(env, url)
        assert view.steps[-1].error is not None
        assert view.steps[-1].error.endswith("answered 404 Not Found")
        assert advice.after_failure(view) == advice.TRY_AGAIN
        await env.register(FLOW.replace("URL", f"{url}/right"))
        assert advice.after_failure(await env.view(view.id)) == (
            f"{advice.TRY_AGAIN} This run keeps version 1. To use version 2, start the workflow again."
        )
