"""Requests that were drawn for review and that no one decided: others are reviewed in their place.

People look at them afterwards all the same. Otherwise a requester could withdraw whatever is drawn, offer something
harmless in its place, and try again until it goes through.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.oversight import sampling_plan
from engine.store import sampling_plans
from engine.store.port import Tx


def note_withdrawn(tx: Tx, requests: Iterable[str]) -> None:
    """Note requests that were withdrawn, in the unit that closes them. Most are counted by no plan."""
    counted = [(sampling_plans.find_of_request(tx.connection, request), request) for request in requests]
    # Units that write several plans take them in one order, so that they do not wait for each other in a circle.
    for plan, request in sorted((plan, request) for plan, request in counted if plan is not None):
        note(tx, plan, request)


def note(tx: Tx, plan: str, request: str) -> None:
    """Note a request that a plan counts, in the unit that closes it without a decision.

    While a drawn request waits, nothing else is drawn, so the plan waits for this one or it was not drawn.
    """
    loaded = sampling_plans.lock(tx, plan)
    if loaded.state.waits_for == request:
        sampling_plans.count(tx, loaded, sampling_plan.after_withdrawal(loaded.state, request))
        sampling_plans.look_at_later(tx, loaded, request)
