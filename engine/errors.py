"""The exceptions of the engine. Refusals that are expected are values, in `engine.domain.results`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal


class SignoffError(Exception):
    """Root of every error that Signoff raises itself; its text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a workflow file. `line` and `column` count from 1; `path` reads like `steps[2].gate.edit`."""

    message: str
    path: str = ""
    line: int = 1
    column: int = 1
    hint: str = ""

    def facts(self) -> dict[str, str | int]:
        """Return the fields as a mapping: `Problem(**facts)` reads it."""
        return {name: getattr(self, name) for name in ("line", "column", "path", "message", "hint")}

    def sentence(self, file: str = "") -> str:
        position = f"{file}:{self.line}:{self.column}" if file else f"Line {self.line}, column {self.column}"
        path = f" {self.path}:" if self.path else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{position}:{path} {self.message}{hint}"


class DefinitionError(SignoffError, ValueError):
    """A workflow file that cannot be used, with everything that is wrong in it, in the order of its lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(problem.sentence() for problem in self.problems))


class ExpressionError(SignoffError, ValueError):
    """An expression that cannot be compiled or evaluated."""


class InvalidValue(SignoffError, ValueError):
    """A value that its field does not take, or that the engine cannot carry."""


MISSING: Final = "is missing"
"""The predicate of a required field without a value."""
UNKNOWN: Final = "Signoff does not know"
"""The beginning of the sentence about a name that was typed and that no field has."""


def about(name: str, predicate: str) -> str:
    """Return the sentence about a wrong field, which is the same on every surface."""
    if predicate.startswith(UNKNOWN):
        return predicate
    if predicate.endswith((".", "!")):
        return f"{name}: {predicate}"
    return f"{name} {predicate}" if predicate.endswith("?") else f"{name} {predicate}."


class StepError(SignoffError):
    """A step failed.

    `outcome_unknown`: the effect may have happened (a timeout or a lost connection after sending). Otherwise it did
    not. `retryable`: the same call may succeed later. `retry_after`: the wait that the other server asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        outcome_unknown: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after


class ChannelError(SignoffError):
    """A channel could not show a copy: the only exception that a channel raises.

    `permanent`: the address will never accept the copy. `outcome_unknown`: a copy may have been posted.
    `retry_after`: the wait that the vendor wants. `patience`: how long a delivery is tried after its creation if the
    error is not permanent, or None for ever. `about`: the cause is this `copy`; or the `address`, to which nothing
    else is sent until a person checked it; or the `channel`, which an operator has to fix before it works again.
    `postponed`: nothing was tried and nothing failed; the turn of the copy comes after `retry_after`.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: timedelta | None = None,
        outcome_unknown: bool = False,
        about: Literal["copy", "address", "channel"] = "copy",
        patience: timedelta | None = None,
        postponed: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        self.about = about
        self.patience = patience
        self.postponed = postponed


class StoreError(SignoffError, OSError):
    """The database could not be read or written. Nothing of the unit of work was saved, except `StoreUnanswered`."""


class StoreFull(StoreError):
    """There is no room (disk full, quota, file-size limit)."""


class StoreLocked(StoreError):
    """Another process holds the database."""


class StoreReadOnly(StoreError):
    """The file or its folder cannot be written."""


class StoreOutdated(StoreError):
    """The schema is older or newer than this program."""


class StoreLost(StoreError):
    """The files of the database were moved, removed or replaced while it was in use."""


class StoreUnanswered(StoreError):
    """The database was lost while it saved the unit of work. It is saved, or it is not."""


class StoreBusy(StoreError):
    """The database did not take the unit of work in time. It is withdrawn: nothing of it was or will be saved."""


class StoreUnsure(SignoffError):
    """The database did not confirm the unit of work in time. It is saved, or it is not."""


class StoreRestored(StoreError):
    """The database may be an old backup. It is used only after the operator confirms that."""


class Conflict(SignoffError):
    """Another unit changed the row between the read and the write of this unit. Run this unit again."""


class Tampered(SignoffError):
    """The content that is about to run is not the content that was approved."""


class PluginError(SignoffError):
    """A step type from another distribution cannot be loaded."""
