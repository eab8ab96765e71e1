"""The state of a lane: with its item, and with what the run of its foreach made before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from engine.domain import OnError
from engine.runs import Lane, RunState, TakenItem, Visit
from engine.store import item_rows, run_rows
from engine.store.item_rows import ForeachVisit
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.worker.foreach import StoredItems
from engine.workflowfile import Step, Workflow

_KEPT: Final = 8
"""Number of runs whose earlier steps are cached for their lanes. They may hold long lists."""


class LaneStates:
    """Completes the states of lanes. What a run made before its foreach does not change while lanes work on it."""

    def __init__(self) -> None:
        self._above: dict[ForeachVisit, RunState] = {}

    def informed(
        self,
        tx: Tx,
        run: LoadedRun,
        workflow: Workflow,
        state: RunState,
        inform: Callable[[Tx, LoadedRun, Workflow], RunState],
    ) -> RunState:
        """Return the state of a lane. `inform`: completes the state of the run above it."""
        assert run.lane is not None
        place, step = run.lane, workflow.step(run.lane.of.step)
        lane = Lane(
            run=place.of.run,
            step=place.of.step,
            visit=place.of.visit,
            source=StoredItems(tx, place.of, state.id, step.on_error is not OnError.CONTINUE),
            item=None if place.item is None else _item(tx, place.of, place.item, step, state),
            since=place.since,
        )
        state = replace(state, lane=lane)
        # What was reviewed together was evaluated then.
        return state if step.gate is not None else self._with_above(tx, place.of, workflow, state, inform)

    def _with_above(
        self,
        tx: Tx,
        of: ForeachVisit,
        workflow: Workflow,
        state: RunState,
        inform: Callable[[Tx, LoadedRun, Workflow], RunState],
    ) -> RunState:
        above = self._above.get(of)
        if above is None:
            run = run_rows.load_run(tx, of.run)
            assert run is not None
            if len(self._above) >= _KEPT:
                self._above.clear()
            above = self._above[of] = inform(tx, run, workflow)
        began = min((visit.started_at for visit in state.visits.values() if visit.started_at), default=None)
        return replace(
            state,
            inputs=above.inputs,
            started_at=above.started_at,
            visits={**_outside(above, workflow.step(of.step)), **state.visits},
            decisions={**above.decisions, **state.decisions},
            # What was asked for about an earlier item is not about this one.
            revisions=tuple(asked for asked in state.revisions if began is not None and asked.at >= began),
        )


def _item(tx: Tx, of: ForeachVisit, number: int, foreach: Step, state: RunState) -> TakenItem | None:
    """Return the item of a lane. What was reviewed together is with the visit, once there is one."""
    if foreach.gate is not None:
        for visit in state.visits.values():
            return TakenItem(number=number, params=visit.params, digest=visit.digest)
    return item_rows.load_item(tx.connection, of, number)


def _outside(above: RunState, foreach: Step) -> dict[str, Visit]:
    """Return the visits of a run to the steps that its foreach does not repeat."""
    return {name: visit for name, visit in above.visits.items() if visit.index not in foreach.inner}
