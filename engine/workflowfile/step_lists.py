"""Lists of steps inside other steps: which step may follow which. A list is known by its path in the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.json_values import Path
from engine.workflowfile.rule import Rule


class FramedStep(Protocol):
    """A step, and the foreach that repeats it."""

    @property
    def index(self) -> int:
        """Its index."""

    @property
    def id(self) -> str | None:
        """Its id, if it could be read."""

    @property
    def frame(self) -> int | None:
        """The index of the foreach that repeats it."""


class PlacedStep(Protocol):
    """A step, and the path of the list that has it."""

    @property
    def id(self) -> str | None:
        """Its id, if it could be read."""

    @property
    def list_at(self) -> Path:
        """The path of the list."""


@dataclass(slots=True, kw_only=True)
class PathDraft:
    """A path of a branch. `steps`: the indexes of its steps, those inside other steps included."""

    name: str
    at: Path
    when: bool | str | None
    steps: range
    rule: Rule | None = None
    """The rule that the path stands for, in a file with rules."""


def is_within(outer: Path, inner: Path) -> bool:
    """Return whether a list of steps is another one, or lies somewhere inside it."""
    return inner[: len(outer)] == outer


def are_alternatives(one: Path, other: Path) -> bool:
    """Return whether two lists lie on different paths of one branch, so that a visit runs only one of them."""
    for part, other_part in zip(one, other, strict=False):
        if part != other_part:
            return isinstance(part, str) or isinstance(other_part, str)
    return False


def alternatives(draft: PlacedStep, drafts: Iterable[PlacedStep]) -> frozenset[str]:
    """Return the ids of the steps that run only if this one does not, because they lie on another path."""
    return frozenset(
        other.id for other in drafts if other.id is not None and are_alternatives(other.list_at, draft.list_at)
    )


def following(index: int, ends: Sequence[int], parents: Sequence[tuple[int, int] | None]) -> int:
    """Return the index of the step that comes after a step, past the paths that the run did not take.

    `ends`: of each step, the index behind it and all steps inside it. `parents`: of each step, the step that it lies
    in, and the end of its list there.
    """
    parent = parents[index]
    while parent is not None and parent[1] == ends[index]:
        index, parent = parent[0], parents[parent[0]]
    return ends[index]


def framed(frame: int | None, drafts: Sequence[FramedStep]) -> dict[str, str]:
    """Return the steps that run for each item of a foreach, and that a step in `frame` cannot read, with that foreach.

    The foreach that repeats a step is one of them: it has no output before its last item is done.
    """
    others = [draft for draft in drafts if draft.frame is not None and draft.frame != frame]
    found = {
        draft.id: drafts[draft.frame].id or "" for draft in others if draft.id is not None and draft.frame is not None
    }
    own = drafts[frame].id if frame is not None else None
    return found if own is None else {**found, own: own}
