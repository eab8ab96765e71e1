"""Drafts: the parts of a workflow file, each read by itself, so that a mistake in one part hides none in another."""

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
    MAX_TRIGGERS,
    FilePart,
    FormStepFile,
    GateFile,
    StepFile,
    TriggerFile,
    WorkflowFile,
)
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import check_name, has_expression
from engine.workflowfile.schema_errors import SchemaContext, keys_of, locate, report_errors
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.unsupported import AVAILABLE_VALUES

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
_PLACEHOLDERS: Final[Mapping[str, object]] = {"id": "unnamed", "uses": "unnamed"}
_GATE_ONLY: Final = tuple(set(AVAILABLE_VALUES["gate"]) - unsupported.unsupported_keys(("gate",)))
"""Keys of a gate with some supported values. On a step such a key is reported as misplaced, not as unsupported."""
_QUORUM_HINT: Final = "Write policy: {quorum: 2}."
_EXPIRES_HINT: Final = "For the time to decide, write expires: 4h."
_NESTED_HINTS: Final = {
    **dict.fromkeys(("quorum", "approvals", "min_approvals", "required_approvals"), _QUORUM_HINT),
    "approver": "Write approvers: [ada@example.com].",
    "deadline": _EXPIRES_HINT,
    "timeout": f"{_EXPIRES_HINT} The `timeout` of a call stands on the step.",
    "chain": "Write policy: {chain: [[ada@example.com], [lee@example.com]]}.",
    "post_to": 'Write channels: [{post_to: "#approvals"}].',
}
_GATE_HINTS: Final = {
    **dict.fromkeys(set(keys_of(StepFile)) - set(keys_of(GateFile)), "Write it on the step."),
    **_NESTED_HINTS,
}
_GATE_EXAMPLES: Final = {
    "policy": "Or write {quorum: 2} or {chain: [[…], […]]}.",
    "chain": "Write each group as a list: [[ada@example.com], [lee@example.com]].",
    "chain[]": "Write each group as a list: [[ada@example.com], [lee@example.com]].",
    "exclude": "Write [requester], [requester, editor] or [].",
    "remind": "Or write {after: 4h}.",
    "escalate": "Write {after: 4h, to: [owner]}.",
    "channels": 'Write [slack, email], or for a channel [{post_to: "#approvals"}].',
    "channels[]": 'For a channel, write {post_to: "#approvals"}.',
}


@dataclass(slots=True, kw_only=True)
class EditDraft:
    """One entry of `edit`."""

    name: str
    type: Field | None
    """The type, or None if the value decides it."""
    at: Path
    """The path of the entry in the file."""


@dataclass(slots=True, kw_only=True)
class StepDraft:
    """A step, as far as it could be read. `id` and `uses` may be known even if `file` could not be read."""

    index: int
    at: Path
    id: str | None
    uses: str | None
    file: StepFile | None = None
    gate: GateFile | None = None
    gate_at: Path = ()
    """The path of the mapping with the gate's keys."""
    edit: list[EditDraft] | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    """The fields of a form that could be read."""


@dataclass(slots=True, kw_only=True)
class TriggerDraft:
    """An entry of `triggers`, as far as it could be read."""

    index: int
    at: Path
    file: TriggerFile


@dataclass(slots=True, kw_only=True)
class WorkflowDraft:
    """A whole file, as far as it could be read."""

    file: WorkflowFile | None
    inputs: Mapping[str, Field | None] | None = None
    """None if `inputs` could not be read. The value of an input is None if its declaration could not be read."""
    steps: list[StepDraft] = field(default_factory=list)
    triggers: list[TriggerDraft] = field(default_factory=list)


def read_draft(report: ProblemReport) -> WorkflowDraft:
    """Read the file by the grammar alone, and report its problems."""
    root = report.value(())
    if not isinstance(root, dict):
        report.add((), "A workflow file is a mapping that begins with `name: …`.")
        return WorkflowDraft(file=None)
    file = _read_part(
        report,
        WorkflowFile,
        root,
        context=SchemaContext(base=(), model=WorkflowFile, name="a workflow"),
        parts={"workflow": ()},
    )
    return WorkflowDraft(
        file=file,
        inputs=_read_inputs(report, root),
        steps=_read_steps(report, root),
        triggers=_read_triggers(report, root),
    )


def _read_part(
    report: ProblemReport,
    model: type[PartT],
    value: dict[str, Value],
    *,
    context: SchemaContext,
    parts: Mapping[str, Collection[str]],
    placeholders: Mapping[str, object] | None = None,
) -> PartT | None:
    """Read a part without its wrong keys, which are reported. Return None if a wrong key is required.

    `parts`: the parts of the file whose keys this mapping has, each with the keys that mean something else here.
    `placeholders`: values for required keys that are missing or wrong, so that the other keys can still be read.
    """
    value = unsupported.remove_unsupported(report, value, model, context.base, parts=parts)
    context = replace(context, not_yet=unsupported.unsupported_keys(parts))
    known_keys = keys_of(model)
    empty = [key for key in value if value[key] is None and key in known_keys]
    for key in empty:
        report.add((*context.base, key), f"`{key}` has no value.", "Give it one, or delete the line.", at="key")
    filled = {key: value[key] for key in value if key not in empty}
    try:
        return model.model_validate(filled)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    errors = [error for error in errors if not (error["type"] == "missing" and error["loc"][0] in empty)]
    report_errors(report, errors, context)
    wrong = {error["loc"][0] for error in errors if error["loc"]}
    try:
        right = {key: filled[key] for key in filled if key not in wrong}
        return model.model_validate({**(placeholders or {}), **right})
    except ValidationError:
        return None


# -- inputs and other fields --------------------------------------------------------------------------------


def _read_inputs(report: ProblemReport, root: dict[str, Value]) -> dict[str, Field | None] | None:
    raw = root.get("inputs", {})
    if not isinstance(raw, dict):
        return None
    if len(raw) > MAX_INPUTS:
        report.add(("inputs",), f"A workflow may have at most {MAX_INPUTS} inputs; this has {len(raw)}.", at="key")
    return _read_fields(report, raw, ("inputs",), subject="The name of an input")


def _read_fields(report: ProblemReport, raw: dict[str, Value], at: Path, *, subject: str) -> dict[str, Field | None]:
    fields: dict[str, Field | None] = {}
    for name, value in list(raw.items())[:MAX_INPUTS]:
        _check_name(report, name, (*at, name), subject=subject)
        fields[name] = read_field(report, value, (*at, name))
    return fields


def _check_name(report: ProblemReport, name: str, at: Path, *, subject: str) -> None:
    """Report an invalid name. The name of an input or field is a key of the file, the name of a step is a value."""
    try:
        check_name(name, subject)
    except PydanticCustomError as error:
        context = error.context or {}
        report.add(at, error.message(), context.get("hint", ""), at="key" if at[-1] == name else "value")


def read_field(report: ProblemReport, value: Value, at: Path) -> Field | None:
    """Read the declaration of a field. Report its problems and return None if it has any."""
    is_literal = True
    for path, text in iter_strings(value):
        if has_expression(text):
            is_literal = False
            report.add(at + path, "A field is declared with plain text; expressions do not work here.")
    if not is_literal:
        return None
    try:
        field = Field.model_validate(value)
        if not report.registered:
            check_declaration(field)
        return field
    except ValidationError as error:
        report_errors(report, error.errors(include_url=False), SchemaContext(base=at, model=Field, name="a field"))
        return None


# -- triggers -----------------------------------------------------------------------------------------------


def _read_triggers(report: ProblemReport, root: dict[str, Value]) -> list[TriggerDraft]:
    raw = root.get("triggers")
    if not isinstance(raw, list):
        return []
    if len(raw) > MAX_TRIGGERS:
        message = f"A workflow may have at most {MAX_TRIGGERS} triggers; this has {len(raw)}."
        report.add(("triggers", MAX_TRIGGERS), message)
    drafts = list[TriggerDraft]()
    for index, value in enumerate(raw[:MAX_TRIGGERS]):
        at: Path = ("triggers", index)
        if not isinstance(value, dict):
            report.add(at, 'A trigger is a mapping, like {schedule: "0 9 * * mon"}.', _missing_space(value))
            continue
        context = SchemaContext(base=at, model=TriggerFile, name="a trigger")
        file = _read_part(report, TriggerFile, value, context=context, parts={"trigger": ()})
        if file is not None:
            drafts.append(TriggerDraft(index=index, at=at, file=file))
    return drafts


# -- steps and gates ----------------------------------------------------------------------------------------


def _read_steps(report: ProblemReport, root: dict[str, Value]) -> list[StepDraft]:
    raw = root.get("steps")
    if not isinstance(raw, list):
        return []
    if len(raw) > MAX_STEPS:
        report.add(("steps", MAX_STEPS), f"A workflow may have at most {MAX_STEPS} steps; this has {len(raw)}.")
    drafts = [_read_step(report, value, index) for index, value in enumerate(raw[:MAX_STEPS])]
    first_index: dict[str, int] = {}
    for draft in drafts:
        if draft.id is not None and first_index.setdefault(draft.id, draft.index) != draft.index:
            first = f"steps[{first_index[draft.id]}]"
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
        _check_name(report, draft.id, (*at, "id"), subject="The id of a step")
    if uses == FORM:
        _read_form_step(report, draft, value)
    else:
        _read_other_step(report, draft, value)
    if draft.gate is not None and draft.gate.edit is not None:
        draft.edit = _read_edit(report, report.value((*draft.gate_at, "edit")), (*draft.gate_at, "edit"))
    return draft


def _read_form_step(report: ProblemReport, draft: StepDraft, value: dict[str, Value]) -> None:
    """Read a form into `draft`. The keys of its gate are keys of the step."""
    at = draft.at
    context = SchemaContext(base=at, model=FormStepFile, name="a form", hints=_NESTED_HINTS, examples=_GATE_EXAMPLES)
    placeholders = {**_PLACEHOLDERS, "fields": {"_": "text"}}
    parts: dict[str, Collection[str]] = {"step": ("approvers",), "gate": ()}
    form = _read_part(report, FormStepFile, value, context=context, parts=parts, placeholders=placeholders)
    draft.file, draft.gate, draft.gate_at = form, form, at
    raw = value.get("fields")
    if not isinstance(raw, dict):
        return
    if len(raw) > MAX_FIELDS:
        message = f"A form may have at most {MAX_FIELDS} fields; this has {len(raw)}."
        report.add((*at, "fields"), message, "Ask for the others in a second form.", at="key")
    fields = _read_fields(report, raw, (*at, "fields"), subject="The name of a field")
    draft.fields = {name: declared for name, declared in fields.items() if declared is not None}


def _read_other_step(report: ProblemReport, draft: StepDraft, value: dict[str, Value]) -> None:
    """Read a step that is no form into `draft`."""
    context = SchemaContext(base=draft.at, model=StepFile, name="a step", hints=_STEP_HINTS)
    # Unless the step asks people on an error, `approvers` on it means the approvers of its gate.
    misplaced = () if value.get("on_error") == "ask" else ("approvers",)
    parts = {"step": misplaced, "gate": _GATE_ONLY}
    draft.file = _read_part(report, StepFile, value, context=context, parts=parts, placeholders=_PLACEHOLDERS)
    draft.gate_at = (*draft.at, "gate")
    draft.gate = _read_gate(report, value.get("gate"), draft.gate_at)


def _missing_space(value: Value) -> str:
    return "Put a space after the colon." if isinstance(value, str) and ":" in value else ""


def _read_gate(report: ProblemReport, value: Value, at: Path) -> GateFile | None:
    if value is None or value is False:
        return None  # An empty `gate:` was reported with the step.
    if value is True:
        return GateFile()
    if isinstance(value, dict):
        context = SchemaContext(base=at, model=GateFile, name="a gate", hints=_GATE_HINTS, examples=_GATE_EXAMPLES)
        return _read_part(report, GateFile, value, context=context, parts={"gate": ()})
    report.add(at, "A gate is `true` or a mapping of its keys.")
    return None


def _read_edit(report: ProblemReport, raw: Value, at: Path) -> list[EditDraft]:
    """Read the fields that may be edited: a list of names and `name: type`, or one mapping of these."""
    edits: list[EditDraft] = []
    if isinstance(raw, dict):
        for name, value in raw.items():
            edits.append(_read_entry(report, name, value, (*at, name)))
    elif isinstance(raw, list):
        for index, entry in enumerate(raw):
            entry_at: Path = (*at, index)
            if isinstance(entry, str):
                edits.append(EditDraft(name=entry, type=None, at=entry_at))
            elif isinstance(entry, dict) and len(entry) == 1:
                ((name, value),) = entry.items()
                edits.append(_read_entry(report, name, value, (*entry_at, name)))
            else:
                report.add(entry_at, "An entry of `edit` is the name of a field, or one `name: type`.")
    names: set[str] = set()
    for edit in edits:
        if edit.name in names:
            report.add(edit.at, f"`{cite(edit.name)}` is here twice.", at="key")
        names.add(edit.name)
    return edits


def _read_entry(report: ProblemReport, name: str, value: Value, at: Path) -> EditDraft:
    return EditDraft(name=name, type=None if value is None else read_field(report, value, at), at=at)


def item_path(report: ProblemReport, at: Path, index: int) -> Path:
    """Return the path of item `index` of a list, or of the list itself if the file has one text in its place."""
    return locate(report, (*at, index))
