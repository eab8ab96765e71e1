"""The callback of the Agent Approval Protocol: that a request has an end, and nothing of what it is. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.aap import protocol_ids
from bot.presentation.callback_card import CallbackBody
from engine import json_values, timestamps
from engine.notices import CallbackNotice

PATIENCE: Final = timedelta(days=7)
"""How long the protocol has a callback tried."""


def write_resolved(notice: CallbackNotice) -> CallbackBody:
    """Return the body of a callback. Its receiver reads the decision itself, with its own credential."""
    id_, decision = protocol_ids.to_uuid(notice.delivery), notice.ask.decision
    decided_at = decision.at if decision is not None and decision.at is not None else notice.at
    body = {
        "id": id_,
        "type": "request.resolved",
        "instance_id": protocol_ids.to_uuid(notice.target.key),
        "request_id": protocol_ids.to_uuid(notice.ask.id),
        "created_at": timestamps.exact(decided_at),
    }
    return CallbackBody(id_, json_values.dumps({**body}), PATIENCE)
