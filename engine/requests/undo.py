"""The rules of taking an approval back while its hold lasts: who may, and until when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from engine.domain import CannotUndo, ConfirmElsewhere, Person, Refusal, RequestState, Undo
from engine.requests.decision import already_undone
from engine.requests.identification import check_assurance
from engine.requests.model import Request

Late: TypeAlias = Literal["over", "cancelled"]
"""Why it is too late: the run has gone on with what was approved, or was cancelled."""
_NOT_APPROVED: Final = frozenset({*RequestState} - {RequestState.APPROVED, RequestState.UNDONE})


def check(
    request: Request, command: Undo, person: Person | None, allowed: Sequence[Person], *, late: Late | None
) -> Refusal | None:
    """Return why this person cannot take the approval back, or None.

    `allowed`: the people whose approval counted, and the owner of the workflow. `late`: why the run does not wait any
    more. The moment itself does not count: a run that could not go on in time can still be stopped.
    """
    if request.hold is None:
        return CannotUndo(why="off")
    if request.state in _NOT_APPROVED:
        return CannotUndo(why="not_approved")
    if person is None or all(one.id != person.id for one in allowed):
        return CannotUndo(why="not_yours", names=tuple(dict.fromkeys(one.label for one in allowed)))
    if request.state is RequestState.UNDONE:
        return already_undone(request, person)
    if late is not None:
        return CannotUndo(why=late, at=request.hold_ends_at)
    refusal = check_assurance(request, command, has_account=person.account is not None)
    return CannotUndo(why="elsewhere") if isinstance(refusal, ConfirmElsewhere) else refusal
