"""The workflow for n8n: its nodes are played here as n8n plays them, one after the other, with their expressions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.ask_server import KEY, AskServer, Fault
from tests.support.n8n import WORKFLOW, play_workflow

PARAMETERS = {
    *("method", "url", "authentication", "genericAuthType", "sendQuery", "queryParameters", "sendHeaders"),
    *("headerParameters", "sendBody", "contentType", "specifyBody", "jsonBody", "options"),
}
"""The parameters of n8n's HTTP node, version 4.2, that the workflow uses."""
STEPS = ["Start", "Ask", "Wait for the decision", "Still waiting?", "Use the approval", "Refund", "Report the outcome"]


def play(asks: AskServer, verdict: str = "approved", **edits: Any) -> dict[str, Any]:
    with asks.approver(lambda ask: asks.decide(ask["id"], verdict, **edits)):
        return play_workflow(asks.url, KEY)


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
