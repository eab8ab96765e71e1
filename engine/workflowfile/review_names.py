"""The names of a request for changes, as expressions read them in `review.…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.expressions import Kind, StaticType
from engine.json_values import Path, Value
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.phrases import cite, list_names, suggest
from engine.workflowfile.report import ProblemReport

REVIEW: Final = "review"
NO_REVIEW: Final[dict[str, Value]] = {
    "round": 0,
    "comment": "",
    "by": {"name": "", "address": ""},
    "at": "",
    "content": {},
    "edits": {},
}
"""The value of `review` before the first request for changes: a prompt that ends with its comment ends with nothing."""
_PERSON: Final = ("name", "address")
_TEXT: Final[frozenset[Kind]] = frozenset({"text"})
_MAPPING: Final[frozenset[Kind]] = frozenset({"mapping"})
_TYPES: Final[Mapping[Path, StaticType]] = {
    ("round",): StaticType(frozenset({"number"}), "a number"),
    ("comment",): StaticType(_TEXT, "text", is_date=False),
    ("by",): StaticType(_MAPPING, "a person (a mapping of `name` and `address`)"),
    ("by", "name"): StaticType(_TEXT, "text", is_date=False),
    ("by", "address"): StaticType(_TEXT, "an address (text)", is_date=False),
    ("at",): StaticType(_TEXT, "a time (text)", is_date=True),
    ("content",): StaticType(_MAPPING, "what was shown (a mapping)"),
    ("edits",): StaticType(_MAPPING, "what was changed by hand (a mapping)"),
}


def type_of_part(parts: Path) -> StaticType | None:
    """Return the static type of a part of `review`, or None if nothing is known about it."""
    return _TYPES.get(parts)


def repeated_steps(drafts: Sequence[StepDraft]) -> frozenset[str]:
    """Return the ids of the steps that run again when changes are asked for: those that may read `review`."""
    index_of = {draft.id: draft.index for draft in reversed(drafts) if draft.id is not None}
    loops = [
        range(index_of[draft.gate.revise], draft.index + 1)
        for draft in drafts
        if draft.gate is not None and draft.gate.revise in index_of
    ]
    return frozenset(
        draft.id for draft in drafts if draft.id is not None and any(draft.index in loop for loop in loops)
    )


def check_reference(report: ProblemReport, at: Path, parts: Sequence[str], *, is_repeated: bool) -> None:
    """Report a part that no request for changes has, or a step that none goes to."""
    if not is_repeated:
        message = "`review` is what an approver asked to be changed, and this step never runs again for that."
        report.add(at, message, "A later gate with `revise: <this step>` would send it here.")
    elif parts and parts[0] not in NO_REVIEW:
        hint = suggest(parts[0], NO_REVIEW) or f"It has {list_names(NO_REVIEW, 'and')}."
        report.add(at, f"`review` has no `{cite(parts[0])}`.", hint)
    elif parts[:1] == ["by"] and len(parts) > 1 and parts[1] not in _PERSON:
        hint = suggest(parts[1], _PERSON) or f"It has {list_names(_PERSON, 'and')}."
        report.add(at, f"`by` has no `{cite(parts[1])}`.", hint)
