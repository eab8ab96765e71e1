"""Ask a person before something risky happens: `from signoff import approve, ask, requires_approval`."""

from __future__ import annotations

from typing import Final

from signoff.approval import Approval, SyncApproval
from signoff.client import AsyncClient, Client
from signoff.errors import (
    AlreadyUsed,
    Cancelled,
    Expired,
    Lapsed,
    NotApproved,
    NotJson,
    NotSetUp,
    Refused,
    Rejected,
    SignoffError,
    StillWaiting,
    UnclearAnswer,
    Unreachable,
)
from signoff.guard import requires_approval
from signoff.records import Ask, Decision, Edit, Outcome

_ASYNC: Final = AsyncClient()
_BLOCKING: Final = Client()

approve = _ASYNC.approve
ask = _ASYNC.ask
approve_sync = _BLOCKING.approve
ask_sync = _BLOCKING.ask

__all__ = [
    "AlreadyUsed",
    "Approval",
    "Ask",
    "AsyncClient",
    "Cancelled",
    "Client",
    "Decision",
    "Edit",
    "Expired",
    "Lapsed",
    "NotApproved",
    "NotJson",
    "NotSetUp",
    "Outcome",
    "Refused",
    "Rejected",
    "SignoffError",
    "StillWaiting",
    "SyncApproval",
    "UnclearAnswer",
    "Unreachable",
    "approve",
    "approve_sync",
    "ask",
    "ask_sync",
    "requires_approval",
]
