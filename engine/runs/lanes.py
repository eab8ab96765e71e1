"""The transitions of a lane: a run that repeats the steps of a foreach for one item after the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from engine.audit_entries import EntryKind
from engine.domain import ItemStatus, ReviewPoint, RunStatus, StepStatus
from engine.json_values import Value
from engine.requests import Subject
from engine.runs import items
from engine.runs.items import ItemEnd, Lane, TakenItem
from engine.runs.scope import RunScope
from engine.runs.state import LanePlace, Progress, RunState, Visit
from engine.runs.transition import Transition
from engine.workflowfile import Step, Workflow

MOST_AT_ONCE: Final = 20
"""Maximum number of items that one unit of work begins, so that it is short where the steps call nothing."""
_ITEM_ENDS: Final = {
    RunStatus.FAILED: ItemStatus.FAILED,
    RunStatus.REJECTED: ItemStatus.REJECTED,
    RunStatus.EXPIRED: ItemStatus.EXPIRED,
    RunStatus.CANCELLED: ItemStatus.CANCELLED,
}
"""What becomes of an item where a run would end."""


class LaneScope(RunScope):
    """The names in a lane: those of the run with the foreach, with the item and its number."""

    def __init__(self, workflow: Workflow, state: RunState, lane: Lane) -> None:
        super().__init__(workflow, state)
        self.run_id = lane.run
        self.item: TakenItem | None = lane.item

    def forget_item(self) -> None:
        """Forget the item that is over, with what was asked for about it."""
        self.item = None
        if self._state.revisions:
            self._state = replace(self._state, revisions=())

    def names(self, visits: Mapping[str, Visit], cursor: int) -> dict[str, Value]:
        names = super().names(visits, cursor)
        return names if self.item is None else {**names, "item": self.item.value, "index": self.item.number}


class LaneTransition(Transition):
    """Moves a lane forward. Where another run would end, the item ends, and the next one begins."""

    def __init__(
        self,
        workflow: Workflow,
        state: RunState,
        now: datetime,
        *,
        may_run_effects: bool = True,
        may_open_requests: bool = True,
        may_start_runs: bool = False,
    ) -> None:
        assert state.lane is not None
        super().__init__(
            workflow,
            state,
            now,
            may_run_effects=may_run_effects,
            may_open_requests=may_open_requests,
            may_start_runs=may_start_runs,
        )
        self._lane, self._foreach = state.lane, workflow.step(state.lane.step)
        self._body = self._foreach.inner
        self._names = LaneScope(workflow, state, state.lane)
        self.scope = self._names
        self.since, self._begun = state.lane.since, 0

    @property
    def item(self) -> TakenItem | None:
        """The item that the lane works on."""
        return self._names.item

    def run(self) -> None:
        """Move the lane forward until it has to stop."""
        if self.state.cancelled and not self.status.ended:
            self._cancel()
        while not self.stopped:
            if self.item is None:
                self._take()
            elif self.cursor == self._body.stop:
                self._finish_item(ItemStatus.SUCCEEDED)
            else:
                step = self.workflow.steps[self.cursor]
                self._advance(step, self.visits.get(step.id))

    def _take(self) -> None:
        """Begin the next item, or end if there is none."""
        if self._begun == MOST_AT_ONCE:
            self.wait(RunStatus.RUNNING, self.now)
            return
        item = self._lane.source.take()
        if item is None:
            super().end(RunStatus.SUCCEEDED)
            return
        self._names.item, self.cursor = item, self._body.start
        self._begun += 1

    def end(self, status: RunStatus, error: str | None = None) -> None:
        """End the item, or the lane if it is cancelled."""
        if self.item is not None and status in _ITEM_ENDS:
            self._finish_item(_ITEM_ENDS[status], error)
        if self.state.cancelled:
            super().end(RunStatus.CANCELLED, error)

    def _finish_item(self, status: ItemStatus, error: str | None = None) -> None:
        assert self.item is not None
        own = [visit for step in self._steps() if (visit := self.visits.get(step.id)) is not None]
        done = [visit for visit in own if visit.status is StepStatus.SUCCEEDED]
        output = done[-1].output if done and status is ItemStatus.SUCCEEDED else None
        self._lane.source.finish(ItemEnd(number=self.item.number, status=status, output=output, error=error))
        self.since = max((visit.visit + 1 for visit in own), default=self.since)
        for visit in own:
            del self.visits[visit.step]
        self._names.forget_item()
        if self.state.revisions:
            self.state = replace(self.state, revisions=())

    def _steps(self) -> tuple[Step, ...]:
        return self.workflow.steps[self._body.start : self._body.stop]

    def progress(self) -> Progress:
        place = LanePlace(self.item.number if self.item is not None else None, self.since)
        return replace(super().progress(), lane=place)

    # -- what belongs to the item --

    def enter(self, step: Step) -> None:
        item = self.item
        if item is None or item.params is None:
            super().enter(step)
        else:
            # Exactly what was reviewed. Its conditions were evaluated then as well.
            self.begin(step, self.new_visit(step, self.visits.get(step.id)), item.params, item.digest)

    def new_visit(self, step: Step, previous: Visit | None) -> Visit:
        visit = super().new_visit(step, previous)
        number = self.item.number if self.item is not None else None
        return replace(visit, visit=visit.visit if previous else self.since, item=number)

    def subject(self, step: Step, visit: Visit, at: ReviewPoint) -> Subject:
        subject = super().subject(step, visit, at)
        if self.item is None or self.item.digest is None:
            return subject
        whole = replace(subject, run=self._lane.run, step=self._foreach.id, visit=self._lane.visit)
        return items.item_subject(whole, step, self.item.number)

    def put(self, visit: Visit, kind: EntryKind | None = None, **content: Value) -> None:
        super().put(visit, kind, item=visit.item, **content)
