"""`steps.<id>.decision`: what a person decided about an earlier step, as expressions may read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.expressions import Kind, StaticType, type_of_texts
from engine.json_values import Path
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.phrases import cite, listed, near
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.workflow import Step

NAME: Final = "decision"
PARTS: Final = ("by", "at", "verdict", "reason", "edited", "rating", "comment")
PERSON: Final = ("name", "address")
VERDICTS: Final = ("approved", "rejected")

_TEXT: Final[frozenset[Kind]] = frozenset({"text"})
_TEXT_OR_NONE: Final[frozenset[Kind]] = frozenset({"text", "null"})
_SORTS: Final[dict[Path, StaticType]] = {
    (): StaticType(frozenset({"mapping", "null"}), "a decision (a mapping)"),
    ("by",): StaticType(frozenset({"mapping"}), "a person (a mapping of `name` and `address`)"),
    ("by", "name"): StaticType(_TEXT, "text", is_date=False),
    ("by", "address"): StaticType(_TEXT, "an address (text)", is_date=False),
    ("at",): StaticType(_TEXT, "a time (text)", is_date=True),
    ("verdict",): type_of_texts(VERDICTS, "text")._replace(
        converts_to_number=False,
        mismatch=lambda value: None if value in VERDICTS else f"is one of: {', '.join(VERDICTS)}",
    ),
    ("reason",): StaticType(_TEXT_OR_NONE, "text", is_date=False),
    ("edited",): StaticType(frozenset({"boolean"}), "true or false"),
    ("rating",): StaticType(frozenset({"number", "null"}), "a number"),
    ("comment",): StaticType(_TEXT_OR_NONE, "text", is_date=False),
}


def sort_of(parts: Path) -> StaticType | None:
    """What is known of a part of a decision."""
    return _SORTS.get(parts)


def reads(step: Step) -> bool:
    """Whether an expression of a step asks for what was decided."""
    return any(
        path[0] == "steps" and path[2:3] == (NAME,) for template in step.templates for path in template.references
    )


def check_reference(
    report: ProblemReport, at: Path, step: str, parts: Sequence[str], *, gated: bool, is_here: bool
) -> None:
    """Report a decision that is never there, or what a decision does not have."""
    if is_here:
        report.add(at, f"What is decided about `{cite(step)}` is not there yet: this gate asks for it.")
    elif not gated:
        report.add(at, f"The step `{cite(step)}` has no gate, so nothing is decided about it.")
    elif parts and parts[0] not in PARTS:
        hint = near(parts[0], PARTS) or f"It has {listed(PARTS, 'and')}."
        report.add(at, f"A decision has no `{cite(parts[0])}`.", hint)
    elif parts[:1] == ["by"] and len(parts) > 1 and parts[1] not in PERSON:
        report.add(at, f"`by` has no `{cite(parts[1])}`.", near(parts[1], PERSON) or f"It has {listed(PERSON, 'and')}.")


def check_output(report: ProblemReport, step: StepDraft, outputs: frozenset[str] | None) -> None:
    """Report an output that hides the decision. Where it was registered before, the output keeps its meaning."""
    if step.gate is None or NAME not in (outputs or ()) or report.registered:
        return
    place: Path = (*step.at, "fields" if step.fields else "with", NAME)
    message = "A step with a gate leaves what was decided as `decision`."
    report.add(place, message, "Give this value another name.", at="key")
