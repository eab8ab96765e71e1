"""Where a run stands, what it must do next, and what an effect came to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import OnExpiry, Params, RequestState, RunStatus, StepStatus
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.requests import Opening, Subject
from engine.workflowfile import Step

MAX_OUTPUT: Final = 1_500_000
"""Characters of JSON that one step may produce; more belongs in a file store, not in a run."""


_TO_GO_ON: Final = frozenset({StepStatus.READY, StepStatus.SLEEPING})


class Visit(Struct, frozen=True, kw_only=True):
    """One visit of the run to a step. `attempt` counts calls; `params` are kept from the first call on."""

    step: str
    index: int
    visit: int = 1
    status: StepStatus
    attempt: int = 0
    params: Params | None = None
    digest: str | None = None
    """What `params` must hash to, if people approved them."""
    output: dict[str, Value] | None = None
    error: str | None = None
    wakes_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def keeps_params(self) -> bool:
        """Whether somebody will ask for the parameters again: not so once an inline step is over."""
        return self.attempt > 0 or self.status in _TO_GO_ON


class OwnerAnswer(Struct, frozen=True, kw_only=True):
    """The request of the visit that the run stands at. `content` is as decided; `digest` is of that content."""

    state: RequestState
    content: Params
    digest: str
    on_expiry: OnExpiry = OnExpiry.STOP


class RunState(Struct, frozen=True, kw_only=True):
    """A run as loaded. `visits`: the latest visit of each step by id. `cursor`: the index of the step at hand."""

    id: str
    status: RunStatus
    cursor: int
    inputs: Mapping[str, Value]
    requester: str
    started_at: datetime
    visits: Mapping[str, Visit] = field(default_factory=dict)
    answer: OwnerAnswer | None = None
    decisions: Mapping[str, Value] = field(default_factory=dict)
    """What people decided about earlier steps, by id; loaded for workflows that read it."""
    cancelled: bool = False


class Act(Struct, frozen=True, kw_only=True):
    """An effect to perform outside of any transaction, with exactly these parameters."""

    step: Step
    visit: int
    attempt: int
    params: Params
    subject: Subject
    digest: str | None
    timeout: timedelta


class Event(Struct, frozen=True):
    """A transition for the audit log. `content` may be erased later; what is in `kind` and `step` may not."""

    kind: EntryKind
    step: str | None = None
    content: Mapping[str, Value] = field(default_factory=dict)


class Progress(Struct, frozen=True, kw_only=True):
    """Where the run stands now. Exactly one of: it ended, has an `act`, `ready_at` is a time, it waits for people."""

    status: RunStatus
    cursor: int
    visits: tuple[Visit, ...]
    opening: Opening | None
    act: Act | None
    ready_at: datetime | None
    error: str | None
    events: tuple[Event, ...]


class Produced(Struct, frozen=True):
    output: dict[str, Value]


class Failed(Struct, frozen=True, kw_only=True):
    """`unknown`: the effect may have happened. `final`: no further call can help."""

    message: str
    unknown: bool = False
    final: bool = False
    retry_after: timedelta | None = None


Outcome = Produced | Failed


def checked_output(produced: object) -> dict[str, Value]:
    """What a step produced, as a run can keep it. Raises `InvalidValue`."""
    output = json_values.clean(produced)
    if not isinstance(output, dict):
        raise InvalidValue("it is not a mapping")
    length = len(json_values.dumps(output))
    if length > MAX_OUTPUT:
        raise InvalidValue(f"it is {length:,} characters long; at most {MAX_OUTPUT:,} are kept")
    return output
