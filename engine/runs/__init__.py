"""The state machine of a run, pure.

`proceed` moves a run forward until it has to stop: at an effect, at a request, at a time to wait for, or at its end.
`record` saves the outcome of an effect and proceeds; `resume` saves what a person says about an effect of unknown
outcome and proceeds. The caller saves the returned `Progress` in one transaction, fenced by the `rev` of the run.

`state` holds the values, `scope` the names that expressions may use, `transition` the transitions of one call, and
`state_machine` the three functions.
"""

from engine.runs.grants import LAPSED, RESULT
from engine.runs.items import ItemEnd, ItemList, ItemSource, Lane, PreparedItem, TakenItem
from engine.runs.run_changes import STOPPED
from engine.runs.state import (
    MAX_OUTPUT,
    AskProgress,
    ChildRun,
    Effect,
    Event,
    LanePlace,
    LanesOrder,
    NotStarted,
    Outcome,
    Progress,
    ReviewResult,
    RunOrder,
    RunState,
    StepFailure,
    StepOutput,
    Visit,
    checked_output,
)
from engine.runs.state_machine import consume, proceed, record, report, resume, try_again
from engine.runs.transition import DEFAULT_TIMEOUT, MAX_CRASHES

__all__ = [
    "DEFAULT_TIMEOUT",
    "LAPSED",
    "MAX_CRASHES",
    "MAX_OUTPUT",
    "RESULT",
    "STOPPED",
    "AskProgress",
    "ChildRun",
    "Effect",
    "Event",
    "ItemEnd",
    "ItemList",
    "ItemSource",
    "Lane",
    "LanePlace",
    "LanesOrder",
    "NotStarted",
    "Outcome",
    "PreparedItem",
    "Progress",
    "ReviewResult",
    "RunOrder",
    "RunState",
    "StepFailure",
    "StepOutput",
    "TakenItem",
    "Visit",
    "checked_output",
    "consume",
    "proceed",
    "record",
    "report",
    "resume",
    "try_again",
]
