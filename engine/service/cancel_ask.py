"""The command with which a program withdraws what it asked."""

from __future__ import annotations

from engine import json_values
from engine.domain import NotFound
from engine.domain.asks import AskCancelled, AskOver, AskStatus, CancelAsk
from engine.domain.results import Refusal
from engine.service import own_asks
from engine.service.repeated_calls import RepeatedCall
from engine.store import people
from engine.store.port import Tx
from engine.worker import run_cancellation


def cancel_ask(tx: Tx, command: CancelAsk) -> AskCancelled | Refusal:
    """Close the request of an ask and end its run: the unit of `Engine.cancel_ask`."""
    own = own_asks.find(tx, command, tried="cancel")
    if isinstance(own, NotFound):
        return own
    run, call = own.run, RepeatedCall(own.row, command.key, "cancel", {"reason": command.reason})
    earlier = call.look()
    if isinstance(earlier, Refusal):
        return earlier
    if earlier or run.state.cancelled:
        return AskCancelled(run=run.state.id)
    if run.state.status.ended:
        return AskOver(status=AskStatus(own.row.status))
    call.remember(tx)
    program = people.need_person(tx, run.workspace, command.actor, evidence="It is the key of a program.")
    reason = json_values.clean_text(command.reason) if command.reason else None
    run_cancellation.ask_to_end(tx, run, program, reason=reason, surface=command.origin.surface)
    return AskCancelled(run=run.state.id)
