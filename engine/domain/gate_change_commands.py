"""The command that asks people for a recommended change of a gate, and its result."""

from __future__ import annotations

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address


class OpenGateChange(Struct, frozen=True, kw_only=True):
    """Ask for the change of a gate that insights recommend. `kind`: what is recommended, over the last `weeks`."""

    workflow: str
    step: str
    kind: str
    weeks: int
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class GateChangeOpened(Struct, frozen=True, kw_only=True):
    """People are asked. `run`: the run that waits for the answer. `was_open`: it waited before."""

    run: str
    was_open: bool
