"""A tree -> the parts of a workflow, each read by itself, so that what is wrong in one hides nothing in another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from engine.expressions import iter_strings
from engine.fields import Field, check_declaration
from engine.json_values import Path, Value
from engine.workflowfile import unsupported
from engine.workflowfile.grammar import (
    MAX_FIELDS,
    MAX_INPUTS,
    MAX_STEPS,
    FilePart,
    FormStepFile,
    GateFile,
    StepFile,
    WorkflowFile,
)
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import check_name, has_expression
from engine.workflowfile.schema_errors import Reader, complain, keys_of, locate
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.unsupported import NOT_YET

PartT = TypeVar("PartT", bound=FilePart)

_STEP_HINTS: Final = {
    key: hint
    for key, hint in (
        *((key, "Write it under `gate`.") for key in keys_of(GateFile)),
        ("fields", "Only a `form` has fields."),
        ("needs", "Steps run in the order of the file."),
    )
    if key not in keys_of(StepFile)
}
_STAND_INS: Final[Mapping[str, object]] = {"id": "unnamed", "uses": "unnamed"}
_GATE_ONLY: Final = tuple(set(NOT_YET["gate"]) - unsupported.whole_keys(("gate",)))
"""Keys of a gate that are right at a gate: where they stand on a step they are no more than misplaced."""
_GATE_HINTS: Final = dict.fromkeys(set(keys_of(StepFile)) - set(keys_of(GateFile)), "Write it on the step.")


@dataclass(slots=True, kw_only=True)
class EditDraft:
    """One entry of `edit`. `type` None: evident from the value. `at`: where it stands in the file."""

    name: str
    type: Field | None
    at: Path


@dataclass(slots=True, kw_only=True)
class StepDraft:
    """A step as far as it could be read. `id` is known even where `file` is not. `gate_at`: where its keys stand.

    `fields`: of a form, those that could be read.
    """

    index: int
    at: Path
    id: str | None
    uses: str | None
    file: StepFile | None = None
    gate: GateFile | None = None
    gate_at: Path = ()
    edit: list[EditDraft] | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class WorkflowDraft:
    """A whole file as far as it could be read. `inputs`: None where a declaration, or all of them, cannot be read."""

    file: WorkflowFile | None
    inputs: Mapping[str, Field | None] | None = None
    steps: list[StepDraft] = field(default_factory=list)


def read_draft(report: ProblemReport) -> WorkflowDraft:
    """Everything that the grammar alone can tell."""
    root = report.value(())
    if not isinstance(root, dict):
        report.add((), "A workflow file is a mapping that begins with `name: …`.")
        return WorkflowDraft(file=None)
    file = _read_part(
        report,
        WorkflowFile,
        root,
        reader=Reader(base=(), model=WorkflowFile, what="a workflow"),
        parts={"workflow": ()},
    )
    return WorkflowDraft(file=file, inputs=_read_inputs(report, root), steps=_read_steps(report, root))


def _read_part(
    report: ProblemReport,
    model: type[PartT],
    value: dict[str, Value],
    *,
    reader: Reader,
    parts: Mapping[str, Collection[str]],
    stand_ins: Mapping[str, object] | None = None,
) -> PartT | None:
    """The part, without the keys that are wrong (they are reported); None if it cannot do without them.

    `parts`: those of the file whose keys stand here, with the keys that mean something else here. `stand_ins`: values
    for needed keys that are missing or wrong, so that the others can be looked at all the same.
    """
    value = unsupported.set_aside(report, value, model, reader.base, kinds=parts)
    reader = replace(reader, not_yet=unsupported.whole_keys(parts))
    known = keys_of(model)
    empty = [key for key in value if value[key] is None and key in known]
    for key in empty:
        report.add((*reader.base, key), f"`{key}` has no value.", "Give it one, or delete the line.", at="key")
    given = {key: value[key] for key in value if key not in empty}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    errors = [error for error in errors if not (error["type"] == "missing" and error["loc"][0] in empty)]
    complain(report, errors, reader)
    wrong = {error["loc"][0] for error in errors if error["loc"]}
    try:
        right = {key: given[key] for key in given if key not in wrong}
        return model.model_validate({**(stand_ins or {}), **right})
    except ValidationError:
        return None


# -- inputs and other fields --------------------------------------------------------------------------------


def _read_inputs(report: ProblemReport, root: dict[str, Value]) -> dict[str, Field | None] | None:
    raw = root.get("inputs", {})
    if not isinstance(raw, dict):
        return None
    if len(raw) > MAX_INPUTS:
        report.add(("inputs",), f"A workflow may have at most {MAX_INPUTS} inputs; this has {len(raw)}.", at="key")
    return _read_fields(report, raw, ("inputs",), what="The name of an input")


def _read_fields(report: ProblemReport, raw: dict[str, Value], at: Path, *, what: str) -> dict[str, Field | None]:
    found: dict[str, Field | None] = {}
    for name, value in list(raw.items())[:MAX_INPUTS]:
        _check_name(report, name, (*at, name), what=what)
        found[name] = read_field(report, value, (*at, name))
    return found


def _check_name(report: ProblemReport, name: str, at: Path, *, what: str) -> None:
    """Of an input or a field the name is the key, of a step it is the value."""
    try:
        check_name(name, what)
    except PydanticCustomError as error:
        context = error.context or {}
        report.add(at, error.message(), context.get("hint", ""), at="key" if at[-1] == name else "value")


def read_field(report: ProblemReport, value: Value, at: Path) -> Field | None:
    """The declaration of a field; None if it is wrong."""
    literal = True
    for path, text in iter_strings(value):
        if has_expression(text):
            literal = False
            report.add(at + path, "A field is declared with plain text; expressions do not work here.")
    if not literal:
        return None
    try:
        field = Field.model_validate(value)
        if not report.registered:
            check_declaration(field)
        return field
    except ValidationError as error:
        complain(report, error.errors(include_url=False), Reader(base=at, model=Field, what="a field"))
        return None


# -- steps and gates ----------------------------------------------------------------------------------------


def _read_steps(report: ProblemReport, root: dict[str, Value]) -> list[StepDraft]:
    raw = root.get("steps")
    if not isinstance(raw, list):
        return []
    if len(raw) > MAX_STEPS:
        report.add(("steps", MAX_STEPS), f"A workflow may have at most {MAX_STEPS} steps; this has {len(raw)}.")
    drafts = [_read_step(report, value, index) for index, value in enumerate(raw[:MAX_STEPS])]
    seen: dict[str, int] = {}
    for draft in drafts:
        if draft.id is not None and seen.setdefault(draft.id, draft.index) != draft.index:
            first = f"steps[{seen[draft.id]}]"
            report.add((*draft.at, "id"), f"The id `{cite(draft.id)}` is taken by {first}; every step needs its own.")
    return drafts


def _read_step(report: ProblemReport, value: Value, index: int) -> StepDraft:
    at: Path = ("steps", index)
    if not isinstance(value, dict):
        report.add(at, "A step is a mapping that has at least `id` and `uses`.", _missing_space(value))
        return StepDraft(index=index, at=at, id=None, uses=None)
    name, uses = value.get("id"), value.get("uses")
    draft = StepDraft(
        index=index,
        at=at,
        id=name if isinstance(name, str) else None,
        uses=uses if isinstance(uses, str) else None,
    )
    if draft.id is not None:
        _check_name(report, draft.id, (*at, "id"), what="The id of a step")
    if uses == FORM:
        reader = Reader(base=at, model=FormStepFile, what="a form")
        stand_ins = {**_STAND_INS, "fields": {"_": "text"}}
        parts: dict[str, Collection[str]] = {"step": ("approvers",), "gate": ()}
        form = _read_part(report, FormStepFile, value, reader=reader, parts=parts, stand_ins=stand_ins)
        draft.file, draft.gate, draft.gate_at = form, form, at
        if isinstance(declared := value.get("fields"), dict):
            if len(declared) > MAX_FIELDS:
                message = f"A form may have at most {MAX_FIELDS} fields; this has {len(declared)}."
                report.add((*at, "fields"), message, "Ask for the others in a second form.", at="key")
            found = _read_fields(report, declared, (*at, "fields"), what="The name of a field")
            draft.fields = {name: one for name, one in found.items() if one is not None}
    else:
        reader = Reader(base=at, model=StepFile, what="a step", hints=_STEP_HINTS)
        # Who writes approvers on another step means those of its gate.
        misplaced = () if value.get("on_error") == "ask" else ("approvers",)
        parts = {"step": misplaced, "gate": _GATE_ONLY}
        draft.file = _read_part(report, StepFile, value, reader=reader, parts=parts, stand_ins=_STAND_INS)
        draft.gate_at = (*at, "gate")
        draft.gate = _read_gate(report, value.get("gate"), draft.gate_at)
    if draft.gate is not None and draft.gate.edit is not None:
        draft.edit = _read_edit(report, report.value((*draft.gate_at, "edit")), (*draft.gate_at, "edit"))
    return draft


def _missing_space(value: Value) -> str:
    return "Put a space after the colon." if isinstance(value, str) and ":" in value else ""


def _read_gate(report: ProblemReport, value: Value, at: Path) -> GateFile | None:
    if value is None or value is False:
        return None  # an empty `gate:` was reported with the step
    if value is True:
        return GateFile()
    if isinstance(value, dict):
        reader = Reader(base=at, model=GateFile, what="a gate", hints=_GATE_HINTS)
        return _read_part(report, GateFile, value, reader=reader, parts={"gate": ()})
    report.add(at, "A gate is `true` or a mapping of its keys.")
    return None


def _read_edit(report: ProblemReport, raw: Value, at: Path) -> list[EditDraft]:
    """The fields that may be edited: a list of names and `name: type`, or one mapping of these."""
    found: list[EditDraft] = []
    if isinstance(raw, dict):
        for name, value in raw.items():
            found.append(_read_entry(report, name, value, (*at, name)))
    elif isinstance(raw, list):
        for index, entry in enumerate(raw):
            here: Path = (*at, index)
            if isinstance(entry, str):
                found.append(EditDraft(name=entry, type=None, at=here))
            elif isinstance(entry, dict) and len(entry) == 1:
                ((name, value),) = entry.items()
                found.append(_read_entry(report, name, value, (*here, name)))
            else:
                report.add(here, "An entry of `edit` is the name of a field, or one `name: type`.")
    seen: set[str] = set()
    for edit in found:
        if edit.name in seen:
            report.add(edit.at, f"`{cite(edit.name)}` stands here twice.", at="key")
        seen.add(edit.name)
    return found


def _read_entry(report: ProblemReport, name: str, value: Value, at: Path) -> EditDraft:
    return EditDraft(name=name, type=None if value is None else read_field(report, value, at), at=at)


def item_path(report: ProblemReport, at: Path, index: int) -> Path:
    """Where item `index` of a list stands; the list itself where one text was written for a list of one."""
    return locate(report, (*at, index))


def refuse_people(report: ProblemReport, draft: WorkflowDraft) -> None:
    """Reports people that nothing can resolve yet."""
    if draft.file is not None and draft.file.owner is not None:
        unsupported.refuse_person(report, draft.file.owner, ("owner",))
    for index, person in enumerate((draft.file and draft.file.may_run) or ()):
        unsupported.refuse_person(report, person, item_path(report, ("may_run",), index))
    for step in draft.steps:
        for index, person in enumerate(step.gate.approvers if step.gate else ()):
            unsupported.refuse_person(report, person, item_path(report, (*step.gate_at, "approvers"), index))
