"""Reads the steps of a workflow file and their gates, with the steps inside other steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from engine.json_values import Path, Value
from engine.workflowfile import step_lists, unsupported
from engine.workflowfile.draft import EditDraft, StepDraft
from engine.workflowfile.grammar import (
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_STEPS,
    OTHERWISE,
    BranchStepFile,
    ForeachStepFile,
    FormStepFile,
    GateFile,
    PathFile,
    StepFile,
)
from engine.workflowfile.part_reader import missing_space, read_field, read_fields, read_part, report_name
from engine.workflowfile.phrases import cite, write_path
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.schema_errors import SchemaContext, keys_of
from engine.workflowfile.step_kinds import BRANCH, FOREACH, FORM
from engine.workflowfile.step_lists import PathDraft
from engine.workflowfile.unsupported import AVAILABLE_VALUES

_STEP_HINTS: Final = {
    key: hint
    for key, hint in (
        *((key, "Write it under `gate`.") for key in keys_of(GateFile)),
        ("fields", "Only a `form` has fields."),
        ("paths", "Only a `branch` has paths."),
        ("otherwise", "Only a `branch` has this."),
        ("steps", "Only a `foreach` has steps."),
        ("needs", "Steps run in the order of the file."),
    )
    if key not in keys_of(StepFile)
}
_PLACEHOLDERS: Final[Mapping[str, object]] = {"id": "unnamed", "uses": "unnamed"}
_MODELS: Final[Mapping[str, tuple[type[StepFile], str]]] = {
    BRANCH: (BranchStepFile, "a branch"),
    FOREACH: (ForeachStepFile, "a foreach"),
}
"""The grammar of steps that have others inside them, and what they are called."""
_INNER: Final[Mapping[str, Mapping[str, object]]] = {BRANCH: {"paths": {"_": None}}, FOREACH: {"steps": [None]}}
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


def read_steps(report: ProblemReport, root: dict[str, Value]) -> list[StepDraft]:
    raw = root.get("steps")
    if not isinstance(raw, list):
        return []
    drafts = _StepReader(report).read(raw, ("steps",))
    first: dict[str, StepDraft] = {}
    for draft in drafts:
        if draft.id is not None and first.setdefault(draft.id, draft) is not draft:
            place = write_path(first[draft.id].at)
            report.add((*draft.at, "id"), f"The id `{cite(draft.id)}` is taken by {place}; every step needs its own.")
    return drafts


class _StepReader:
    """Reads steps with the steps inside them, all in one list, in the order of the file."""

    def __init__(self, report: ProblemReport) -> None:
        self._report = report
        self._drafts: list[StepDraft] = []
        self._ends: list[int] = []
        self._parents: list[tuple[int, int] | None] = []
        self._frame: int | None = None
        """The index of the foreach that is being read."""

    def read(self, raw: list[Value], at: Path) -> list[StepDraft]:
        """Return the steps of the list `raw`, each followed by those inside it."""
        self._read_list(raw, at, depth=0)
        for draft in self._drafts:
            draft.following = step_lists.following(draft.index, self._ends, self._parents)
        return self._drafts

    def _read_list(self, raw: list[Value], at: Path, *, depth: int) -> range:
        first = len(self._drafts)
        for number, value in enumerate(raw):
            if len(self._drafts) == MAX_STEPS:
                self._report.add((*at, number), f"A workflow may have at most {MAX_STEPS} steps; this is one more.")
                break
            self._read_one(value, (*at, number), depth=depth)
        return range(first, len(self._drafts))

    def _read_one(self, value: Value, at: Path, *, depth: int) -> None:
        draft = _read_step(self._report, value, len(self._drafts), at)
        draft.frame = self._frame
        self._drafts.append(draft)
        self._ends.append(draft.index + 1)
        self._parents.append(None)
        if draft.uses == FOREACH and isinstance(value, dict):
            self._read_body(draft, value, depth=depth)
        if draft.uses == BRANCH and isinstance(value, dict):
            if depth == MAX_DEPTH:
                self._report.add(at, f"Branches lie at most {MAX_DEPTH} deep inside each other.")
                return
            draft.paths = [*self._read_paths(value, at, depth=depth)]
            self._ends[draft.index] = len(self._drafts)
            for path in draft.paths:
                self._set_parent(draft.index, path)

    def _read_body(self, draft: StepDraft, value: dict[str, Value], *, depth: int) -> None:
        """Read the steps that a foreach repeats. The last of them has no step after it: the next item follows."""
        if self._frame is not None:
            hint = "Write the inner one in a workflow of its own, and `run` that."
            self._report.add(draft.at, "A foreach cannot lie inside another one.", hint)
            return
        steps = value.get("steps")
        self._frame = draft.index
        draft.body = self._read_list(steps if isinstance(steps, list) else [], (*draft.at, "steps"), depth=depth + 1)
        self._frame = None
        self._ends[draft.index] = len(self._drafts)

    def _set_parent(self, index: int, path: PathDraft) -> None:
        frame = self._drafts[index].frame
        for inner in (step for step in path.steps if self._drafts[step].frame == frame):
            self._parents[inner] = self._parents[inner] or (index, path.steps.stop)

    def _read_paths(self, value: dict[str, Value], at: Path, *, depth: int) -> Iterator[PathDraft]:
        """Yield the paths of a branch in the order of the file, and the one for all other cases."""
        paths = value.get("paths")
        for name, raw in paths.items() if isinstance(paths, dict) else ():
            path_at: Path = (*at, "paths", name)
            report_name(self._report, name, path_at, subject="The name of a path")
            if not isinstance(raw, dict):
                message = "A path is a mapping of `when` and `steps`."
                self._report.add(path_at, message, missing_space(raw))
                continue
            context = SchemaContext(base=path_at, model=PathFile, name="a path")
            file = read_part(self._report, PathFile, raw, context=context, parts={})
            steps = raw.get("steps")
            inner = self._read_list(steps if isinstance(steps, list) else [], (*path_at, "steps"), depth=depth + 1)
            yield PathDraft(name=name, at=path_at, when=file.when if file is not None else None, steps=inner)
        rest = value.get(OTHERWISE)
        if isinstance(rest, list):
            rest_at: Path = (*at, OTHERWISE)
            inner = self._read_list(rest, rest_at, depth=depth + 1)
            yield PathDraft(name=OTHERWISE, at=rest_at, when=None, steps=inner)


def _read_step(report: ProblemReport, value: Value, index: int, at: Path) -> StepDraft:
    if not isinstance(value, dict):
        report.add(at, "A step is a mapping that has at least `id` and `uses`.", missing_space(value))
        return StepDraft(index=index, at=at, id=None, uses=None)
    name, uses = value.get("id"), value.get("uses")
    draft = StepDraft(
        index=index,
        at=at,
        id=name if isinstance(name, str) else None,
        uses=uses if isinstance(uses, str) else None,
    )
    if draft.id is not None:
        report_name(report, draft.id, (*at, "id"), subject="The id of a step")
    if uses == FORM:
        _read_form_step(report, draft, value)
    else:
        _read_other_step(report, draft, value)
    if draft.gate is not None and draft.gate.edit is not None:
        draft.edit = read_edit(report, report.value((*draft.gate_at, "edit")), (*draft.gate_at, "edit"))
    return draft


def _read_form_step(report: ProblemReport, draft: StepDraft, value: dict[str, Value]) -> None:
    """Read a form into `draft`. The keys of its gate are keys of the step."""
    at = draft.at
    context = SchemaContext(base=at, model=FormStepFile, name="a form", hints=_NESTED_HINTS, examples=_GATE_EXAMPLES)
    placeholders = {**_PLACEHOLDERS, "fields": {"_": "text"}}
    parts: dict[str, Collection[str]] = {"step": (), "gate": ()}
    form = read_part(report, FormStepFile, value, context=context, parts=parts, placeholders=placeholders)
    draft.file, draft.gate, draft.gate_at = form, form, at
    raw = value.get("fields")
    if not isinstance(raw, dict):
        return
    if len(raw) > MAX_FIELDS:
        message = f"A form may have at most {MAX_FIELDS} fields; this has {len(raw)}."
        report.add((*at, "fields"), message, "Ask for the others in a second form.", at="key")
    fields = read_fields(report, raw, (*at, "fields"), subject="The name of a field")
    draft.fields = {name: declared for name, declared in fields.items() if declared is not None}


def _read_other_step(report: ProblemReport, draft: StepDraft, value: dict[str, Value]) -> None:
    """Read a step that is no form into `draft`."""
    model, name = _MODELS.get(draft.uses or "", (StepFile, "a step"))
    context = SchemaContext(base=draft.at, model=model, name=name, hints=_STEP_HINTS)
    parts: dict[str, Collection[str]] = {"step": (), "gate": _GATE_ONLY}
    placeholders = {**_PLACEHOLDERS, **_INNER.get(draft.uses or "", {})}
    draft.file = read_part(report, model, value, context=context, parts=parts, placeholders=placeholders)
    draft.gate_at = (*draft.at, "gate")
    draft.gate = read_gate(report, value.get("gate"), draft.gate_at)


def read_gate(report: ProblemReport, value: Value, at: Path) -> GateFile | None:
    """Return the gate of a step, or None if it has none or cannot be read. Problems are reported."""
    if value is None or value is False:
        return None  # An empty `gate:` was reported with the step.
    if value is True:
        return GateFile()
    if isinstance(value, dict):
        context = SchemaContext(base=at, model=GateFile, name="a gate", hints=_GATE_HINTS, examples=_GATE_EXAMPLES)
        return read_part(report, GateFile, value, context=context, parts={"gate": ()})
    report.add(at, "A gate is `true` or a mapping of its keys.")
    return None


def read_edit(report: ProblemReport, raw: Value, at: Path) -> list[EditDraft]:
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
