"""The items of a `foreach`: what is reviewed of all of them, what becomes of each, and what the step returns. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

from msgspec import Struct, field

from engine import requests
from engine.domain import ItemStatus, OnError, Params, ReviewPoint
from engine.errors import ExpressionError, about
from engine.expressions import resolve_params
from engine.identifiers import end_in_words
from engine.json_values import Value
from engine.requests import Subject
from engine.workflowfile import Step, Workflow
from engine.workflowfile.step_kinds import ITEMS_FINGERPRINT

SHOWN: Final = 3
"""Number of items that a request about all items shows itself. Its page shows all of them."""
FIRST_FINGERPRINT: Final = ""
_COUNT: Final = "items"


class TakenItem(Struct, frozen=True, kw_only=True):
    """An item that is being worked on. `params`, `digest`: what was reviewed for it, if all were reviewed together."""

    number: int
    value: Value = None
    params: Params | None = None
    digest: str | None = None


class ItemEnd(Struct, frozen=True, kw_only=True):
    """What became of an item."""

    number: int
    status: ItemStatus
    output: dict[str, Value] | None = None
    error: str | None = None


class PreparedItem(Struct, frozen=True, kw_only=True):
    """An item as it is written down before anything is asked or done."""

    number: int
    value: Value = None
    params: Params | None = None
    digest: str | None = None
    status: ItemStatus = ItemStatus.WAITING
    error: str | None = None


class ItemList(Struct, frozen=True, kw_only=True):
    """The items of the current visit. `written`: how many are written down. `fingerprint`: over those.

    `first`: the first of them as people see them; `failure`: the first that failed, with its error. `counts` and
    `outputs` are loaded once all items are done, and `outputs` is None if they are too large together.
    """

    total: int
    written: int
    fingerprint: str | None = None
    first: tuple[dict[str, Value], ...] = ()
    waiting: int = 0
    failure: tuple[int, str] | None = None
    counts: Mapping[ItemStatus, int] = field(default_factory=dict)
    outputs: list[Value] | None = None

    @property
    def is_written(self) -> bool:
        return self.written == self.total


class ItemSource(Protocol):
    """Where a lane takes its items from, and says what became of them, within one unit of work."""

    def take(self) -> TakenItem | None:
        """Return the next item that no lane has, or None if there is none."""

    def finish(self, end: ItemEnd) -> None:
        """Note what became of the item that the lane had."""


class Lane(Struct, frozen=True, kw_only=True):
    """A run that works on the items of a foreach of another run, one after the other.

    `run`, `step`, `visit`: the visit of the foreach. `since`: the number from which visits belong to the current item.
    """

    run: str
    step: str
    visit: int
    source: ItemSource
    item: TakenItem | None = None
    since: int = 1


def prepare(
    workflow: Workflow, step: Step, subject: Subject, values: Sequence[Value], *, first: int, names: Mapping[str, Value]
) -> list[PreparedItem]:
    """Return the items with these values, of which the first has the number `first`, as they are written down.

    If people review all items together, the parameters of each are evaluated here, and never again.
    """
    if step.gate is None:
        return [PreparedItem(number=first + offset, value=value) for offset, value in enumerate(values)]
    assert step.body is not None
    inner = workflow.steps[step.body.start]
    return [_evaluate(inner, subject, first + offset, value, names) for offset, value in enumerate(values)]


def _evaluate(inner: Step, subject: Subject, number: int, value: Value, names: Mapping[str, Value]) -> PreparedItem:
    scope = {**names, "item": value, "index": number}
    try:
        if inner.when is not None and not requests.truth(inner.when, scope):
            return PreparedItem(number=number, status=ItemStatus.SKIPPED)
        params = resolve_params(inner.params, scope)
    except ExpressionError as error:
        return PreparedItem(number=number, status=ItemStatus.FAILED, error=str(error))
    problems = requests.invalid_params(inner.kind, params)
    if problems:
        why = " ".join(about(f"“{end_in_words(path)}”", problem) for path, problem in problems.items())
        return PreparedItem(number=number, status=ItemStatus.FAILED, error=why)
    return PreparedItem(number=number, params=params, digest=item_subject(subject, inner, number).digest(params))


def foreach_subject(workflow: Workflow, run: str, step: Step, visit: int) -> Subject:
    """Return what a request about all items of a visit is about."""
    at = ReviewPoint.BEFORE
    name, digest = workflow.name, workflow.hash
    return Subject(workflow=name, hash=digest, run=run, step=step.id, visit=visit, uses=step.kind.name, at=at)


def item_subject(subject: Subject, inner: Step, number: int) -> Subject:
    """Return what the digest of one reviewed item covers. `subject`: of the foreach."""
    return Subject(
        workflow=subject.workflow,
        hash=subject.hash,
        run=subject.run,
        step=f"{subject.step}[{number}].{inner.id}",
        visit=subject.visit,
        uses=inner.kind.name,
        at=ReviewPoint.BEFORE,
    )


def fingerprint(before: str, digests: Sequence[str | None]) -> str:
    """Return the fingerprint of a list of items, from that of the items before these and their digests."""
    for digest in digests:
        before = hashlib.sha256(f"{before}\n{digest or ''}".encode()).hexdigest()
    return before


def reviewed_content(items: ItemList) -> Params:
    """Return what people review: how many items there are, the first of them, and the fingerprint of all."""
    shown: dict[str, Value] = {f"item_{number}": value for number, value in enumerate(items.first, 1)}
    return Params({_COUNT: items.waiting, **shown, ITEMS_FINGERPRINT: items.fingerprint or ""})


def technical_paths(workflow: Workflow, step: Step, content: Params) -> tuple[str, ...]:
    """Return the paths of what a request about all items shows only under technical details."""
    assert step.body is not None
    technical = workflow.steps[step.body.start].kind.technical_names
    shown = [(key, name) for key, item in content.value.items() if isinstance(item, dict) for name in item]
    return ITEMS_FINGERPRINT, *(f"{key}.{name}" for key, name in shown if name in technical)


def left_out(content: Params) -> int:
    """Return how many items a request about all of them does not show itself."""
    count = content.value.get(_COUNT)
    return max(0, count - SHOWN) if isinstance(count, int) else 0


def reviewed_fingerprint(content: Params) -> str:
    """Return the fingerprint of all items in what people reviewed."""
    return str(content.value.get(ITEMS_FINGERPRINT))


def output_of(items: ItemList) -> dict[str, Value]:
    """Return the output of the step, once all items are done."""
    counts = items.counts
    rejected = counts.get(ItemStatus.REJECTED, 0) + counts.get(ItemStatus.EXPIRED, 0)
    return {
        "outputs": cast("Value", items.outputs),
        "succeeded": counts.get(ItemStatus.SUCCEEDED, 0),
        "failed": counts.get(ItemStatus.FAILED, 0),
        "rejected": rejected,
        "skipped": counts.get(ItemStatus.SKIPPED, 0),
    }


def failure_of(step: Step, items: ItemList) -> str | None:
    """Return why the step fails, or None if it goes on in spite of an item that failed."""
    if items.failure is None or step.on_error is OnError.CONTINUE:
        return None
    number, error = items.failure
    return f"Item {number} failed: {error}"


def is_too_large(outputs: Sequence[str | None], most: int) -> bool:
    """Return whether the outputs, as JSON, are too large together to be kept."""
    return sum(len(output) + 1 if output else 5 for output in outputs) > most
