"""The workflows of the demo: the ready-made ones, with the people and services of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bot.devtools.demo import templates
from bot.devtools.demo.templates import replace_once

OUTSIDER: Final = "mia@example.com"
"""An approver without Slack, who is asked by email."""
_APPROVERS: Final = "approvers: [ada@example.com, ben@example.com]"
_AND_MIA: Final = f"approvers: [ada@example.com, ben@example.com, {OUTSIDER}]   # Mia has no Slack: she gets an email"


def refund(service_url: str) -> str:
    """Return the shipped workflow with the approvers of the local Slack and the payment service of the demo."""
    text = replace_once(templates.read_workflow("refund"), "approvers: [owner, finance@example.com]", _APPROVERS)
    return replace_once(text, "https://payments.example.com", service_url)


def _expense(service_url: str) -> str:  # noqa: ARG001 the signature of all builders; this workflow calls no service
    return replace_once(templates.read_workflow("expense"), "approvers: [finance@example.com]", _AND_MIA)


def _deploy(service_url: str) -> str:
    text = replace_once(templates.read_workflow("deploy"), "https://deploy.example.com", service_url)
    text = replace_once(text, "https://www.example.com/health", f"{service_url}/health")
    # Five minutes are too long to wait in a demo.
    text = replace_once(text, "default: 5m}", "default: 5s}")
    return replace_once(text, "      confirm:", f"      {_APPROVERS}\n      confirm:")


def _outreach(service_url: str) -> str:
    text = replace_once(templates.read_workflow("outreach"), "https://crm.example.com", service_url)
    return replace_once(text, 'approvers: ["{{ steps.research.body.account_owner }}"]', _APPROVERS)


def _approvals(service_url: str) -> str:  # noqa: ARG001 as above
    text = templates.read_workflow("approvals")
    for approvers in ("[finance@example.com]", "[owner, team@example.com]", "[owner]"):
        text = replace_once(text, f"approvers: {approvers}", _APPROVERS)
    return text


OUTREACH: Final = "outreach"
"""The workflow that needs a language model."""
WORKFLOWS: Final[Mapping[str, Callable[[str], str]]] = {
    "refund": refund,
    "expense": _expense,
    "deploy": _deploy,
    OUTREACH: _outreach,
    "approvals": _approvals,
}
"""The builder of each workflow's text, given the URL of the services."""
