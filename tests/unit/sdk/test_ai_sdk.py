"""The example for the AI SDK, compiled strictly and run with the real library and a scripted model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.ask_server import KEY, AskServer
from tests.support.documents import DOCS
from tests.support.node import node
from tests.support.typescript import compile_files

CLIENT = DOCS.parent / "bot" / "clients" / "signoff.ts"
EXAMPLE = DOCS / "agents" / "ai-sdk.ts"
DRIVER = """\
import { MockLanguageModelV4 } from "ai/test";
import { answer } from "./ai-sdk.js";
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
const reply = (content, unified) => ({ content, finishReason: { unified, raw: undefined }, usage, warnings: [] });
const [toolName, order] = process.argv.slice(2);
const input = JSON.stringify({ order, amount: 5.5 });
const call = { type: "tool-call", toolCallId: `call-${order}`, toolName, input };
const replies = [reply([call], "tool-calls"), reply([{ type: "text", text: "Done." }], "stop")];
const model = new MockLanguageModelV4({ doGenerate: async () => replies.shift() });
const paid = [];
const pay = async (refund) => {
  paid.push(refund);
  if (refund.order === "broken") throw new Error("no such order");
  return `${refund.order} refunded`;
};
const done = await answer(model, "Refund it.", pay);
const read = JSON.stringify(model.doGenerateCalls.at(-1).prompt);
console.log(JSON.stringify({ text: done.text, paid, read }));
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = compile_files(tmp_path_factory.mktemp("ai-sdk"), CLIENT, EXAMPLE)
    folder.joinpath("driver.mjs").write_text(DRIVER)
    return folder


def run(compiled: Path, asks: AskServer, tool: str, order: str, verdict: str, **edits: Any) -> Any:
    env = {"PATH": "", "SIGNOFF_URL": asks.url, "SIGNOFF_API_KEY": KEY}
    with asks.approver(lambda ask: asks.decide(ask["id"], verdict, **edits)):
        done = subprocess.run(
            [node(), compiled / "driver.mjs", tool, order],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
