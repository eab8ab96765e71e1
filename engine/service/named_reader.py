"""Finds the admin or auditor who acts from an account that never took part in anything."""

from __future__ import annotations

from engine.delivery.recipients import Recipients, Resolved
from engine.domain import DEFAULT_WORKSPACE, Address, Person
from engine.service.context import CommandContext
from engine.store.port import Tx


def find(context: CommandContext, tx: Tx, resolved: Resolved, *, account: Address) -> Person | None:
    """Return the person if the settings name one of their addresses, as the directory knows them, or else None."""
    recipients = Recipients(tx, context.advancer.directory, resolved)
    if not any(map(context.names, recipients.addresses(account))):
        return None
    return recipients.actor(DEFAULT_WORKSPACE, account)
