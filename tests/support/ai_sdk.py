"""Runs docs/agents/ai-sdk.ts with the real library and a scripted model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.support.documents import DOCS
from tests.support.node import node
from tests.support.typescript import compile_files

CLIENT: Final = DOCS.parent / "bot" / "clients" / "signoff.ts"
EXAMPLE: Final = DOCS / "agents" / "ai-sdk.ts"
_DRIVER: Final = """\
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


def compile_example(folder: Path) -> Path:
    """Compile the example in a folder, and return the folder from which it runs."""
    compiled = compile_files(folder, CLIENT, EXAMPLE)
    compiled.joinpath("driver.mjs").write_text(_DRIVER)
    return compiled


def run_example(compiled: Path, url: str, key: str, tool: str, order: str) -> dict[str, Any]:
    """Return the `text` of the agent, the refunds that were `paid`, and what its model `read` at the end."""
    done = subprocess.run(
        [node(), compiled / "driver.mjs", tool, order],
        env={"PATH": "", "SIGNOFF_URL": url, "SIGNOFF_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
