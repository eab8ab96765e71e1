"""Plays docs/agents/n8n.json as n8n does: one node after the other, with their expressions and repetitions."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

from tests.support.documents import DOCS
from tests.support.node import node

WORKFLOW: Final = DOCS / "agents" / "n8n.json"
_PLAYER: Final = """\
const workflow = JSON.parse(process.argv[2]);
const [base, key] = process.argv.slice(3);
const results = {};
const $execution = { id: "17" };
const $ = (name) => ({ first: () => ({ json: results[name] }) });
const value = (text, $json) => {
  if (typeof text !== "string" || !text.startsWith("=")) return text;
  const evaluate = (source) => new Function("$json", "$", "$execution", `return (${source})`)($json, $, $execution);
  const whole = text.match(/^=\\{\\{((?:(?!\\}\\}).)*)\\}\\}$/s);
  return whole ? evaluate(whole[1]) : text.slice(1).replace(/\\{\\{(.*?)\\}\\}/g, (_, source) => evaluate(source));
};
async function call(node, $json) {
  const { parameters: p } = node;
  const url = new URL(value(p.url, $json).replace("https://signoff.example.com", base));
  for (const each of p.queryParameters?.parameters ?? []) url.searchParams.set(each.name, value(each.value, $json));
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  for (const each of p.headerParameters?.parameters ?? []) headers[each.name] = value(each.value, $json);
  const body = p.sendBody ? value(p.jsonBody, $json) : undefined;
  for (let tries = 1; ; tries++) {
    try {
      const reply = await fetch(url, { method: p.method, headers, body });
      const json = await reply.json();
      if (reply.ok) return json;
      throw new Error(json.detail);
    } catch (error) {
      if (!node.retryOnFail || tries === node.maxTries) throw error;
    }
  }
}
const ran = [];
let at = "Start";
let json = {};
let end = "done";
try {
  while (at) {
    const node = workflow.nodes.find(({ name }) => name === at);
    let output = 0;
    ran.push(at);
    if (node.type.endsWith(".httpRequest")) json = await call(node, json);
    if (node.type.endsWith(".if")) {
      const [condition] = node.parameters.conditions.conditions;
      output = value(condition.leftValue, json) === condition.rightValue ? 0 : 1;
    }
    results[at] = json;
    at = workflow.connections[at]?.main[output]?.[0]?.node;
  }
} catch (error) {
  end = error.message;
}
console.log(JSON.stringify({ ran, end, arguments: results["Refund"]?.arguments ?? null }));
"""


def play_workflow(url: str, key: str) -> dict[str, Any]:
    """Return the nodes that `ran`, how the workflow came to its `end`, and the `arguments` of the effect."""
    command = [node(), "-", WORKFLOW.read_text(encoding="utf-8"), url, key]
    done = subprocess.run(command, input=_PLAYER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    played: dict[str, Any] = json.loads(done.stdout)
    return played
