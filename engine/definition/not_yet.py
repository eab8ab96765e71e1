"""What the grammar knows and the engine cannot do yet: parsed, checked, then refused with a sentence.

Whoever builds one of these deletes its line here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from engine.data import Path
from engine.definition.grammar import UNBUILT_KINDS, Part
from engine.definition.kinds import FORM
from engine.definition.problems import Report
from engine.definition.reading import Draft, StepDraft, item_path
from engine.definition.scalars import person_kind
from engine.definition.wording import cite, listed

# part of the file -> key -> the values that are available; none: the whole key is not.
NOT_YET: Final[Mapping[str, Mapping[str, tuple[object, ...]]]] = {
    "workflow": {
        "triggers": (),
    },
    "step": {
        "on_error": ("stop", "continue"),
        "approvers": (),
    },
    "gate": {
        "policy": ("any",),
        "exclude": ([],),
        "on_expiry": ("stop", "continue", "reject"),
        "escalate": (),
        "remind": (),
        "hours": (False,),
        "channels": (),
        "assurance": ("link", "code"),
        "feedback": (False,),
        "revise": (),
        "revise_limit": (),
        "hold": (),
    },
}
PEOPLE_NOT_YET: Final = frozenset({"role"})


def refuse(report: Report, draft: Draft) -> None:
    """Reports everything in the file that is not available yet and has no other problem."""
    if draft.file is not None:
        _keys(report, draft.file, "workflow", ())
        if draft.file.owner is not None:
            _person(report, draft.file.owner, ("owner",))
        for index, person in enumerate(draft.file.may_run or ()):
            _person(report, person, item_path(report, ("may_run",), index))
    for step in draft.steps:
        _refuse_in_step(report, step)


def _refuse_in_step(report: Report, step: StepDraft) -> None:
    if step.file is not None:
        # In a form these are the approvers of its gate.
        _keys(report, step.file, "step", step.at, without=("approvers",) if step.uses == FORM else ())
    if step.gate is not None:
        _keys(report, step.gate, "gate", step.gate_at)
        at: Path = (*step.gate_at, "approvers")
        for index, person in enumerate(step.gate.approvers):
            _person(report, person, item_path(report, at, index))


def unbuilt_kind(report: Report, step: StepDraft) -> bool:
    """Whether the step uses a kind that is still to be built; reports it."""
    if step.uses not in UNBUILT_KINDS:
        return False
    report.add((*step.at, "uses"), f"`uses: {step.uses}` is not available yet.")
    return True


def _keys(report: Report, part: Part, kind: str, at: Path, *, without: Collection[str] = ()) -> None:
    for key, available in NOT_YET[kind].items():
        path = (*at, key)
        if key in without or key not in part.model_fields_set or report.has_problem(path):
            continue
        value = getattr(part, key)
        if available and value in available:
            continue
        named = f"{key}: {cite(value)}" if isinstance(value, str) and available else key
        texts = [each for each in available if isinstance(each, str)]
        hint = f"So far it can be {listed(texts)}." if texts else ""
        report.add(path, f"`{named}` is not available yet.", hint, at="key")


def _person(report: Report, person: str, path: Path) -> None:
    if person_kind(person) in PEOPLE_NOT_YET and not report.has_problem(path):
        hint = "Name people by email address or Slack user id, or a usergroup by group:handle."
        report.add(path, f"`{cite(person)}` is not available yet.", hint)
