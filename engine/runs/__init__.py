"""The run's state machine, pure: from where a run stands to where it must stop, and what to do there.

`proceed` walks a run as far as it goes without acting on the world: to a request, an effect (`Act`), a time, or the
end. `record` puts the outcome of an effect in and walks on; `resume` does so for a person's answer about an effect of
unknown outcome. The caller saves the `Progress` in one transaction, fenced by the run's `rev`.

`state` holds the values, `walk` the transitions, `ways` the ways in.
"""

from engine.runs.state import (
    MAX_OUTPUT,
    Act,
    Event,
    Failed,
    Outcome,
    OwnerAnswer,
    Produced,
    Progress,
    RunState,
    Visit,
    checked_output,
)
from engine.runs.state_machine import proceed, record, resume
from engine.runs.transition import DEFAULT_TIMEOUT, MAX_CRASHES, STOPPED

__all__ = [
    "DEFAULT_TIMEOUT",
    "MAX_CRASHES",
    "MAX_OUTPUT",
    "STOPPED",
    "Act",
    "Event",
    "Failed",
    "Outcome",
    "OwnerAnswer",
    "Produced",
    "Progress",
    "RunState",
    "Visit",
    "checked_output",
    "proceed",
    "record",
    "resume",
]
