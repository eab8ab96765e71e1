"""Decisions about earlier steps, as expressions read them in `steps.<id>.decision`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from engine.expressions import Kind, StaticType, Template, type_of_texts
from engine.json_values import Path
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.phrases import cite, list_names, suggest
from engine.workflowfile.report import ProblemReport

NAME: Final = "decision"
PARTS: Final = ("by", "at", "verdict", "reason", "edited", "rating", "comment")
PERSON: Final = ("name", "address")
VERDICTS: Final = ("approved", "rejected")

_TEXT: Final[frozenset[Kind]] = frozenset({"text"})
_TEXT_OR_NONE: Final[frozenset[Kind]] = frozenset({"text", "null"})
_TYPES: Final[dict[Path, StaticType]] = {
    (): StaticType(frozenset({"mapping", "null"}), "a decision (a mapping)"),
    ("by",): StaticType(frozenset({"mapping"}), "a person (a mapping of `name` and `address`)"),
    ("by", "name"): StaticType(_TEXT, "text", is_date=False),
    ("by", "address"): StaticType(_TEXT, "an address (text)", is_date=False),
    ("at",): StaticType(_TEXT, "a time (text)", is_date=True),
    ("verdict",): replace(
        type_of_texts(VERDICTS, "text"),
        converts_to_number=False,
        mismatch=lambda value: None if value in VERDICTS else f"can only be: {', '.join(VERDICTS)}",
    ),
    ("reason",): StaticType(_TEXT_OR_NONE, "text", is_date=False),
    ("edited",): StaticType(frozenset({"boolean"}), "true or false"),
    ("rating",): StaticType(frozenset({"number", "null"}), "a number"),
    ("comment",): StaticType(_TEXT_OR_NONE, "text", is_date=False),
}


def type_of_part(parts: Path) -> StaticType | None:
    """Return the static type of a part of a decision, or None if there is no such part."""
    return _TYPES.get(parts)


def reads(texts: Iterable[Template], name: str = NAME) -> bool:
    """Return whether one of the texts reads `name`, as the decision, of an earlier step."""
    return any(path[0] == "steps" and path[2:3] == (name,) for template in texts for path in template.references)


def check_reference(
    report: ProblemReport, at: Path, step: str, parts: Sequence[str], *, has_gate: bool, is_current_step: bool
) -> None:
    """Report a decision that never exists, or a part that no decision has."""
    if is_current_step:
        report.add(at, f"What is decided about `{cite(step)}` is not there yet: this gate asks for it.")
    elif not has_gate:
        report.add(at, f"The step `{cite(step)}` has no gate, so nothing is decided about it.")
    elif parts and parts[0] not in PARTS:
        hint = suggest(parts[0], PARTS) or f"It has {list_names(PARTS, 'and')}."
        report.add(at, f"A decision has no `{cite(parts[0])}`.", hint)
    elif parts[:1] == ["by"] and len(parts) > 1 and parts[1] not in PERSON:
        report.add(
            at, f"`by` has no `{cite(parts[1])}`.", suggest(parts[1], PERSON) or f"It has {list_names(PERSON, 'and')}."
        )


def check_feedback(report: ProblemReport, at: Path, step: str, parts: Sequence[str], *, asked: bool) -> None:
    """Report a rating that is never there. A file that was registered before goes on without one."""
    if parts[:1] in (["rating"], ["comment"]) and not asked and not report.registered:
        message = f"The gate of `{cite(step)}` does not ask for feedback, so there is never a `{parts[0]}`."
        report.add(at, message, "Add `feedback: true` to that gate.")


def check_output(report: ProblemReport, step: StepDraft, outputs: frozenset[str] | None) -> None:
    """Report an output that hides the decision. In a file that was registered before, the output keeps its meaning."""
    if step.gate is None or NAME not in (outputs or ()) or report.registered:
        return
    path: Path = (*step.at, "fields" if step.fields else "with", NAME)
    message = "A step with a gate leaves what was decided as `decision`."
    report.add(path, message, "Give this value another name.", at="key")
