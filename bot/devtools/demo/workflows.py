"""The workflows of the demo: the ready-made ones, with the people and services of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from bot.devtools.demo import templates
from bot.devtools.demo.templates import replace_once

OUTSIDER: Final = "mia@example.com"
"""An approver without Slack, who is asked by email."""
_APPROVERS: Final = "approvers: [ada@example.com, ben@example.com]"
_AND_MIA: Final = f"approvers: [ada@example.com, ben@example.com, {OUTSIDER}]   # Mia has no Slack: she gets an email"
_ROLES: Final[Mapping[str, str]] = {
    '"role:interviewers"': "ada@example.com, ben@example.com",
    '"role:head-of-team"': OUTSIDER,
    '"role:finance"': "ada@example.com",
    '"role:directors"': "ben@example.com",
    '"role:legal"': "ada@example.com",
    '"role:privacy"': "ada@example.com",
    '"role:editors"': "ben@example.com",
}
"""The people of each role, because the demo has no roles file."""
_SERVICE: Final = re.compile(r"https://[a-z]+\.example\.com")


def refund(service_url: str) -> str:
    """Return the shipped workflow with the approvers of the local Slack and the payment service of the demo."""
    text = replace_once(_here("refund", service_url), "approvers: [owner, finance@example.com]", _APPROVERS)
    return text.replace("asks: {pay: [owner, finance@example.com]}", "asks: {pay: true}")


def _expense(service_url: str) -> str:
    text = replace_once(_here("expense", service_url), "approvers: [finance@example.com]", _AND_MIA)
    return text.replace("asks: {report: [finance@example.com]}", "asks: {report: true}")


def _deploy(service_url: str) -> str:
    # Five minutes are too long to wait in a demo.
    text = replace_once(_here("deploy", service_url), "default: 5m}", "default: 5s}")
    return replace_once(text, "      confirm:", f"      {_APPROVERS}\n      confirm:")


def _outreach(service_url: str) -> str:
    text = _here("outreach", service_url)
    return replace_once(text, 'approvers: ["{{ steps.research.body.account_owner }}"]', _APPROVERS)


def _approvals(service_url: str) -> str:
    text = _here("approvals", service_url)
    for approvers in ("[finance@example.com, owner]", "[owner, team@example.com]", "[owner]"):
        text = text.replace(f"approvers: {approvers}", _APPROVERS)
    return text


def _here(name: str, service_url: str) -> str:
    """Return a shipped workflow with the services of the demo, and with a person for each role."""
    text = _SERVICE.sub(service_url, templates.read_workflow(name))
    for role, people in _ROLES.items():
        text = text.replace(role, people)
    return text


OUTREACH: Final = "outreach"
NEED_A_MODEL: Final = frozenset({OUTREACH, "publish", "transcript"})
"""The workflows that need a language model."""
WORKFLOWS: Final[Mapping[str, Callable[[str], str]]] = {
    "refund": refund,
    "expense": _expense,
    "deploy": _deploy,
    OUTREACH: _outreach,
    "approvals": _approvals,
    **{
        name: partial(_here, name)
        for name in ("access", "contract", "data-export", "hiring", "payment", "publish", "transcript")
    },
}
"""The builder of each workflow's text, given the URL of the services."""
