"""The example for the AI SDK, compiled strictly and run with the real library and a scripted model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.ai_sdk import compile_example, run_example
from tests.support.ask_server import KEY, AskServer


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_example(tmp_path_factory.mktemp("ai-sdk"))


def run(compiled: Path, asks: AskServer, tool: str, order: str, verdict: str, **edits: Any) -> dict[str, Any]:
    with asks.approver(lambda ask: asks.decide(ask["id"], verdict, **edits)):
        return run_example(compiled, asks.url, KEY, tool, order)


def test_a_tool_runs_once_it_is_approved(compiled: Path, asks: AskServer) -> None:
    done = run(compiled, asks, "refund", "A-1", "approved")
    assert (done["text"], done["paid"]) == ("Done.", [{"order": "A-1", "amount": 5.5}])
    ask = asks.asks["ask1"]
    assert (ask["body"]["use"], ask["body"]["tool"], ask["outcome"]["status"]) == ("once", "refund", "succeeded")


def test_a_tool_that_is_rejected_does_not_run_and_the_model_reads_why(compiled: Path, asks: AskServer) -> None:
    done = run(compiled, asks, "refund", "A-1", "rejected", reason="Twice")
    assert (done["text"], done["paid"]) == ("Done.", [])
    assert "was rejected by Ada: Twice" in done["read"]
    assert asks.asks["ask1"]["consumed_at"] is None


def test_a_tool_runs_as_it_was_corrected(compiled: Path, asks: AskServer) -> None:
    done = run(compiled, asks, "refundAsCorrected", "A-1", "approved", amount=4)
    assert done["paid"] == [{"order": "A-1", "amount": 4}]
    assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"


@pytest.mark.parametrize("tool", ["refund", "refundAsCorrected"])
def test_a_tool_that_fails_is_reported(compiled: Path, asks: AskServer, tool: str) -> None:
    run(compiled, asks, tool, "broken", "approved")
    assert asks.asks["ask1"]["outcome"]["note"] == "Error: no such order"
