"""What the engine tells about its work, for metrics and traces: the port `Telemetry` and its values."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

from engine.domain import Decided, Refusal, Started
from engine.errors import ChannelError


class DeliveryAttempt(Struct, frozen=True, kw_only=True):
    """An attempt to show a copy, for monitoring. `began`: when, by `Telemetry.clock`.

    `lag`: seconds since the copy was wanted, for the first post. `step` and `visit` are set if the request was decided:
    the copy shows the decision. `error`: why the attempt failed.
    """

    channel: str
    kind: str
    run: str | None
    request: str | None
    began: float
    lag: float | None = None
    step: str | None = None
    visit: int = 0
    error: ChannelError | None = None


class RunMove(Struct, frozen=True, kw_only=True):
    """A run that was moved forward, for monitoring. `step` and `visit` are set if it stopped to call a step.

    `rev`: the fence of that call. `approved`: whether a person approved it. `after`: the fence of the call whose
    outcome moved the run, if one did.
    """

    run: str
    began: float
    step: str | None = None
    visit: int = 0
    rev: int = 0
    approved: bool = False
    after: int = 0


class StepCall(Struct, frozen=True, kw_only=True):
    """A call of a step, for monitoring. `rev`: the fence of the call."""

    run: str
    step: str
    step_type: str
    visit: int
    attempt: int
    rev: int
    outcome: Literal["succeeded", "failed", "unknown"]
    began: float


class Telemetry(Protocol):
    """Hears what happens in this process, for monitoring. Its methods return at once and never raise.

    `began` is what `clock` returned before the work that is reported.
    """

    def clock(self) -> float:
        """Return seconds on a clock that is never set back, or 0 if nothing is measured."""

    def started(self, result: Started | Refusal, *, surface: str, began: float) -> None:
        """Record the start of a run from a surface."""

    def decided(self, result: Decided | Refusal, *, request: str, surface: str, began: float) -> None:
        """Record the result of a decision from a surface."""

    def delivered(self, attempt: DeliveryAttempt) -> None:
        """Record an attempt to show a copy."""

    def moved(self, move: RunMove) -> None:
        """Record that a run was moved forward."""

    def called(self, call: StepCall) -> None:
        """Record a call of a step."""


class NoTelemetry:
    """Records nothing."""

    def clock(self) -> float:
        """Return 0."""
        return 0.0

    def started(self, result: Started | Refusal, *, surface: str, began: float) -> None:
        """Do nothing."""

    def decided(self, result: Decided | Refusal, *, request: str, surface: str, began: float) -> None:
        """Do nothing."""

    def delivered(self, attempt: DeliveryAttempt) -> None:
        """Do nothing."""

    def moved(self, move: RunMove) -> None:
        """Do nothing."""

    def called(self, call: StepCall) -> None:
        """Do nothing."""
