"""What pages show of the runs that the steps of a run started, and of the items of its foreach steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.domain import ItemStatus, RunStatus
from engine.json_values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildView:
    """A run that a step of another run started, as the page of that run shows it. `title`: of its workflow."""

    run: str
    title: str
    status: RunStatus
    step: str
    visit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProgress:
    """How far the items of one visit to a foreach are. `written`: how many are written down.

    `asking`: the items about which people are asked now, each with its request. `stuck`: the lanes whose owner has to
    say what happened, each with its item. `under_way`: how many are worked on, these included.
    """

    step: str
    visit: int
    total: int
    written: int
    counts: Mapping[ItemStatus, int]
    under_way: int = 0
    asking: tuple[tuple[int, str], ...] = ()
    stuck: tuple[tuple[int, str], ...] = ()
    failures: tuple[tuple[int, str], ...] = ()
    """The first items that failed, each with its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One item. `value`: what the steps of the foreach get; `params`: what its step is called with, as it is shown.

    `is_begun`: a lane works on it, or did.
    """

    number: int
    status: ItemStatus
    is_begun: bool = False
    value: Value = None
    params: Mapping[str, Value] | None = None
    output: Mapping[str, Value] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """Some items of a visit, in their order, with how far all of them are."""

    progress: ItemProgress
    items: tuple[ItemView, ...] = field(default=())
