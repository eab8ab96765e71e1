"""The workflows that people find in the demo: the ready-made ones, with the people and services of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bot.devtools.demo import templates
from bot.devtools.demo.templates import changed

OUTSIDER: Final = "mia@example.com"
"""An approver without Slack, who is asked by mail."""
_APPROVERS: Final = "approvers: [ada@example.com, ben@example.com]"
_AND_MIA: Final = f"approvers: [ada@example.com, ben@example.com, {OUTSIDER}]   # Mia has no Slack: she gets a mail"


def refund(effects: str) -> str:
    """The ready-made workflow as it is shipped, with the approvers of the local Slack and the payments of the demo."""
    text = changed(templates.workflow("refund"), "approvers: [owner, finance@example.com]", _APPROVERS)
    return changed(text, "https://payments.example.com", effects)


def _expense(effects: str) -> str:  # noqa: ARG001 all are made alike; this one calls nobody
    return changed(templates.workflow("expense"), "approvers: [finance@example.com]", _AND_MIA)


def _deploy(effects: str) -> str:
    text = changed(templates.workflow("deploy"), "https://deploy.example.com", effects)
    text = changed(text, "https://www.example.com/health", f"{effects}/health")
    # Nobody who tries it out wants to look at nothing for five minutes.
    text = changed(text, "default: 5m}", "default: 5s}")
    return changed(text, "      confirm:", f"      {_APPROVERS}\n      confirm:")


ALL: Final[Mapping[str, Callable[[str], str]]] = {"refund": refund, "expense": _expense, "deploy": _deploy}
"""What makes the text of each, given the address of payments and deployments."""
