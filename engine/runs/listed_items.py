"""Items of a foreach in memory, for runs that are only played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.domain import ItemStatus, OnError
from engine.runs import items
from engine.runs.items import ItemEnd, ItemList, PreparedItem, TakenItem
from engine.runs.scope import RunScope
from engine.runs.state import RunState
from engine.workflowfile import Step, Workflow


class ListedItems:
    """The items of one visit to a foreach, which one lane works on. `current`: the item that it has."""

    def __init__(self, step: Step, prepared: Sequence[PreparedItem]) -> None:
        self._step, self._prepared = step, prepared
        self._ends = {
            item.number: ItemEnd(number=item.number, status=item.status, error=item.error)
            for item in prepared
            if item.status is not ItemStatus.WAITING
        }
        self._taken = 0
        self._stopped = False
        self.current: TakenItem | None = None

    @classmethod
    def evaluate(cls, workflow: Workflow, state: RunState, step: Step) -> ListedItems:
        """Return the items of the foreach that a run is at."""
        names = RunScope(workflow, state).names(state.visits, state.cursor)
        params = step.params.render(names)
        over = params["over"] if isinstance(params, dict) else []
        subject = items.foreach_subject(workflow, state.id, step, state.visits[step.id].visit)
        values = over if isinstance(over, list) else []
        return cls(step, items.prepare(workflow, step, subject, values, first=1, names=names))

    def take(self) -> TakenItem | None:
        for item in self._prepared[self._taken :]:
            if self._stopped:
                break
            self._taken = item.number
            if item.status is ItemStatus.WAITING:
                self.current = TakenItem(number=item.number, value=item.value, params=item.params, digest=item.digest)
                return self.current
        return None

    def finish(self, end: ItemEnd) -> None:
        self._ends[end.number] = end
        self._stopped = self._stopped or (
            end.status is ItemStatus.FAILED and self._step.on_error is not OnError.CONTINUE
        )

    def as_list(self) -> ItemList:
        """Return the items as they are known of the run."""
        waiting = [item for item in self._prepared if item.number not in self._ends]
        reviewed = [item.params.shown() for item in waiting if item.params is not None]
        failed = [end for end in self._ends.values() if end.status is ItemStatus.FAILED]
        return ItemList(
            total=len(self._prepared),
            written=len(self._prepared),
            fingerprint=items.fingerprint(items.FIRST_FINGERPRINT, [item.digest for item in self._prepared]),
            first=tuple(reviewed[: items.SHOWN]),
            waiting=len(waiting),
            failure=(failed[0].number, failed[0].error or "") if failed else None,
            counts=Counter(end.status for end in self._ends.values()),
            outputs=[self._ends[item.number].output if item.number in self._ends else None for item in self._prepared],
        )
