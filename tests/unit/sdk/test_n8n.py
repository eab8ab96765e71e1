"""The workflow for n8n: its nodes are played here as n8n plays them, one after the other, with their expressions."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.support.ask_server import KEY, AskServer, Fault
from tests.support.documents import DOCS
from tests.support.node import node

WORKFLOW = DOCS / "agents" / "n8n.json"
PARAMETERS = {
    *("method", "url", "authentication", "genericAuthType", "sendQuery", "queryParameters", "sendHeaders"),
    *("headerParameters", "sendBody", "contentType", "specifyBody", "jsonBody", "options"),
}
"""The parameters of n8n's HTTP node, version 4.2, that the workflow uses."""
PLAYER = """\
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
STEPS = ["Start", "Ask", "Wait for the decision", "Still waiting?", "Use the approval", "Refund", "Report the outcome"]


def play(asks: AskServer, verdict: str = "approved", **edits: Any) -> dict[str, Any]:
    command = [node(), "-", WORKFLOW.read_text(encoding="utf-8"), asks.url, KEY]
    with asks.approver(lambda ask: asks.decide(ask["id"], verdict, **edits)):
        done = subprocess.run(command, input=PLAYER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    played: dict[str, Any] = json.loads(done.stdout)
    return played


def test_the_effect_uses_what_was_approved(asks: AskServer) -> None:
    assert play(asks, amount=80) == {"ran": STEPS, "end": "done", "arguments": {"order": "A-1007", "amount": 80}}
    assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"


def test_a_rejection_stops_the_workflow_before_the_effect(asks: AskServer) -> None:
    played = play(asks, "rejected")
    assert (played["ran"][-1], played["end"]) == ("Use the approval", "It is not approved.")


@pytest.mark.parametrize("path", ["/asks", "/asks/ask1/consume", "/asks/ask1/outcome"])
def test_a_node_that_n8n_repeats_changes_nothing(asks: AskServer, path: str) -> None:
    asks.faults.append(Fault(f"POST {path}", drop="after"))
    assert play(asks)["ran"] == STEPS
    assert len(asks.asks) == 1


def test_the_nodes_use_parameters_of_n8n_and_carry_no_key() -> None:
    workflow = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    calls = [each for each in workflow["nodes"] if each["type"] == "n8n-nodes-base.httpRequest"]
    assert {name for each in calls for name in each["parameters"]} <= PARAMETERS
    for each in calls:
        assert each["parameters"]["genericAuthType"] == "httpBearerAuth"
        posts = each["parameters"]["method"] == "POST"
        names = {header["name"] for header in each["parameters"].get("headerParameters", {}).get("parameters", [])}
        assert names == ({"Idempotency-Key"} if posts else set())
    assert "credentials" not in WORKFLOW.read_text(encoding="utf-8").lower()
