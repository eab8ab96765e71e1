"""The units of work of a foreach: its items are written down, its lanes are started, and lanes take its items."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.domain import ItemStatus, RunStatus, StepStatus, Work
from engine.errors import Conflict, ExpressionError
from engine.json_values import Value
from engine.runs import ChildRun, ItemEnd, Lane, LanesOrder, NotStarted, RunState, TakenItem, items
from engine.runs.items import ItemSource
from engine.runs.scope import RunScope
from engine.store import item_rows, run_rows
from engine.store.item_rows import ForeachVisit
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.worker import new_child
from engine.workflowfile import Step, Workflow

CHUNK: Final = 500
"""Number of items that one unit writes down, so that none takes long."""
_LISTS: Final = 4
"""Number of evaluated lists that are kept between units. They may be long."""
_TAMPERED: Final = "What is about to run is not what was approved, so nothing was run."


def is_unwritten(run: LoadedRun) -> bool:
    """Return whether the run is at a foreach whose items are not all written down."""
    state = run.state
    is_preparing = any(
        visit.index == state.cursor and visit.status is StepStatus.PREPARING for visit in state.visits.values()
    )
    return is_preparing and not state.cancelled and (state.items is None or not state.items.is_written)


class ItemWriter:
    """Writes down the items of foreach steps. A list is evaluated once and kept until the last of it is written."""

    def __init__(self) -> None:
        self._lists: dict[ForeachVisit, tuple[list[Value], int]] = {}

    def write(self, tx: Tx, run: LoadedRun, workflow: Workflow, state: RunState) -> None:
        """Write down the next items of the foreach that the run is at."""
        step = workflow.steps[state.cursor]
        of = ForeachVisit(state.id, step.id, state.visits[step.id].visit)
        names = RunScope(workflow, state).names(state.visits, state.cursor)
        values, parallel = self._list(of, step, names)
        written = state.items.written if state.items is not None else 0
        if state.items is None:
            item_rows.insert_list(tx, of, total=len(values), parallel=parallel)
        subject = items.foreach_subject(workflow, state.id, step, of.visit)
        part = values[written : written + CHUNK]
        prepared = items.prepare(workflow, step, subject, part, first=written + 1, names=names)
        before = state.items.fingerprint if state.items is not None else None
        digests = [item.digest for item in prepared]
        after = items.fingerprint(before or items.FIRST_FINGERPRINT, digests) if step.gate is not None else None
        if not item_rows.insert_items(tx, of, prepared, seen=written, fingerprint=after):
            raise Conflict(f"the items of run {state.id} are written by another process")
        if not run_rows.try_stay(tx, run):
            raise Conflict(f"run {state.id} was moved by another process")
        if written + len(part) == len(values):
            self._lists.pop(of, None)
        tx.enqueue(Work("advance", state.id))

    def _list(self, of: ForeachVisit, step: Step, names: dict[str, Value]) -> tuple[list[Value], int]:
        """Return the list of a visit. What it is evaluated from does not change meanwhile."""
        known = self._lists.get(of)
        if known is None:
            if len(self._lists) >= _LISTS:
                self._lists.clear()
            known = self._lists[of] = _evaluate(step, names)
        return known


def _evaluate(step: Step, names: dict[str, Value]) -> tuple[list[Value], int]:
    """Return the list and how many items are worked on at once. They were checked when the step was entered."""
    params = step.params.render(names)
    assert isinstance(params, dict)
    over, parallel = params["over"], params.get("parallel", 1)
    if not isinstance(over, list) or not isinstance(parallel, int):
        raise ExpressionError("the list of a foreach has changed while it was read")
    return over, parallel


def start_lanes(tx: Tx, parent: LoadedRun, order: LanesOrder) -> ChildRun | NotStarted:
    """Start the lanes of a foreach, in the unit that says so of the step. The runner moves them from there."""
    of = ForeachVisit(parent.state.id, order.step, order.visit)
    stored = item_rows.load_list(tx.connection, of)
    assert stored is not None
    if order.fingerprint is not None:
        # Each item is checked against its own digest when it runs; this is about the list.
        found = items.fingerprint(items.FIRST_FINGERPRINT, item_rows.load_digests(tx.connection, of))
        if found != order.fingerprint:
            return NotStarted(_TAMPERED)
    lanes = [_insert(tx, parent, order, number) for number in range(1, max(1, min(stored.parallel, stored.total)) + 1)]
    return ChildRun(run=lanes[0], title="", status=RunStatus.RUNNING)


def _insert(tx: Tx, parent: LoadedRun, order: LanesOrder, number: int) -> str:
    run = new_child.insert(tx, parent, order, inputs={}, cursor=parent.state.cursor + 1, lane=number)
    content: dict[str, Value] = {"parent": parent.state.id, "lane": number, "surface": run.origin.surface}
    tx.audit(
        run.workspace,
        entry(EntryKind.RUN_STARTED, run=run.state.id, step=order.step, actor=parent.requester, content=content),
    )
    return run.state.id


class RepeatedItems(Struct):
    """The items of a lane for a transition that is made once more in the same unit: it takes the same items again.

    `taken`: what earlier ones took, which is shared by all of them.
    """

    source: ItemSource
    taken: list[TakenItem | None]
    at: int = 0

    def take(self) -> TakenItem | None:
        if self.at == len(self.taken):
            self.taken.append(self.source.take())
        self.at += 1
        return self.taken[self.at - 1]

    def finish(self, end: ItemEnd) -> None:
        self.source.finish(end)


def repeat_lane(lane: Lane | None, taken: list[TakenItem | None]) -> Lane | None:
    """Return the lane for another transition from its state, which takes what was `taken` again."""
    if lane is None:
        return None
    source = lane.source.source if isinstance(lane.source, RepeatedItems) else lane.source
    return replace(lane, source=RepeatedItems(source, taken))


class StoredItems(Struct, frozen=True):
    """The items of a foreach for one of its lanes, within one unit of work."""

    tx: Tx
    of: ForeachVisit
    lane: str
    stops: bool
    """Whether no more items are begun after one has failed."""

    def take(self) -> TakenItem | None:
        return item_rows.take(self.tx, self.of)

    def finish(self, end: ItemEnd) -> None:
        item_rows.finish(self.tx, self.of, end, lane=self.lane)
        if self.stops and end.status is ItemStatus.FAILED:
            item_rows.stop(self.tx, self.of)
