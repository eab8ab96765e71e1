"""The expected output of a step whose answer was lost: the values that later steps read, for a person to fill in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine import fields, json_values
from engine.domain import ReviewPoint
from engine.errors import MISSING, InvalidValue
from engine.expressions import Template
from engine.fields import Field, FieldType, forms
from engine.identifiers import in_words
from engine.json_values import Path, Value
from engine.workflowfile import decision_outputs
from engine.workflowfile.workflow import Step, Workflow

WHOLE_OUTPUT: Final = "output"
"""The field for the whole output, if an expression reads it as one value."""
_ENGINE_NAMES: Final = frozenset({"error", decision_outputs.NAME})
"""Names after `steps.<id>` that the engine itself fills in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedOutput:
    """The parts of a step's output that a person must fill in."""

    paths: Mapping[str, Path]
    """The path of each field in the output, by dotted path."""
    fields: Mapping[str, Field]
    """The fields to fill in, by dotted path. Empty if nothing reads the step."""
    required: tuple[Path, ...]
    """Every path that some step requires. It may lie inside the value of a field."""

    @property
    def labels(self) -> dict[str, str]:
        """The label of each field, by dotted path."""
        return fields.labels(self.fields)

    def build_output(
        self, values: Mapping[str, Value], known_output: Mapping[str, Value] | None = None
    ) -> dict[str, Value]:
        """Return the output made of the known part `known_output` and of the values by dotted path."""
        output = dict(known_output or {})
        whole = values.get(WHOLE_OUTPUT) if self.paths.get(WHOLE_OUTPUT) == () else None
        if isinstance(whole, dict):
            output.update(whole)
        for name, path in self.paths.items():
            value = values.get(name)
            if path and value is not None:
                _set_at(output, path, _read_value(self.fields[name], value))
        return output

    def parse_texts(self, texts: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, str]]:
        """Return the values of the typed texts and the error of each wrong text, by dotted path.

        A blank text is no value.
        """
        names = ", ".join(self.fields) or "nothing"
        unknown = {
            name: f"is not read by any later step; they read: {names}" for name in texts if name not in self.fields
        }
        values, wrong = forms.read_text_edits(((name, field, None) for name, field in self.fields.items()), texts)
        return values, unknown | wrong

    def find_problems(self, output: Mapping[str, Value]) -> dict[str, str]:
        """Return the problem of each missing or wrong field of an output, as a predicate by dotted path."""
        problems = {}
        for name, path in self.paths.items():
            required_inside = [required for required in self.required if required[: len(path)] == path]
            problem = _find_problem(self.fields[name], path, required_inside, dict(output))
            if problem is not None:
                problems[name] = problem
        return problems


def find_expected_output(workflow: Workflow, name: str, *, known: Collection[str] = ()) -> ExpectedOutput:
    """Return the output of the step `name` that later steps and a gate after the step read.

    `known`: top-level values of it that no one needs to give. Raises `KeyError` if there is no such step.
    """
    step = workflow.step(name)
    reads = {path: read for path, read in _find_reads(workflow, step).items() if not path or path[0] not in known}
    read_paths = _find_read_paths(reads)
    paths = {json_values.show_path(path) or WHOLE_OUTPUT: path for path in sorted(read_paths, key=str)}
    return ExpectedOutput(
        paths=paths,
        fields={name: _build_field(step, path, read_paths[path], list(paths.values())) for name, path in paths.items()},
        required=tuple(path for path, read in reads.items() if not read.is_optional),
    )


@dataclass(frozen=True, slots=True)
class _OutputRead:
    """The steps that read one path of the output."""

    readers: tuple[str, ...]
    """The titles of the steps."""
    is_optional: bool
    """Whether every step can do without the value."""

    def merge(self, other: _OutputRead) -> _OutputRead:
        """Return the readers of both."""
        more = tuple(reader for reader in other.readers if reader not in self.readers)
        return _OutputRead((*self.readers, *more), self.is_optional and other.is_optional)


def _find_reads(workflow: Workflow, step: Step) -> dict[Path, _OutputRead]:
    """Return every path in the output that is read."""
    reads: dict[Path, _OutputRead] = {}
    for reader, path, is_optional in _iter_reads(workflow, step):
        read = _OutputRead((reader,), is_optional)
        reads[path] = reads[path].merge(read) if path in reads else read
    return reads


def _find_read_paths(reads: Mapping[Path, _OutputRead]) -> dict[Path, _OutputRead]:
    """Return the paths to ask for. A path inside another one is not asked for itself, nor is an item of a list."""
    paths: dict[Path, _OutputRead] = {}
    for path, read in reads.items():
        end = next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))
        outer = next((path[:index] for index in range(end) if path[:index] in reads), path[:end])
        paths[outer] = paths[outer].merge(read) if outer in paths else read
    return paths


def _iter_reads(workflow: Workflow, step: Step) -> Iterator[tuple[str, Path, bool]]:
    """Yield each read of the output: the title of the step, the path, and whether the value may be missing."""
    if step.gate is not None and step.gate.at is ReviewPoint.AFTER:
        # A gate after the step asks people about the whole output.
        yield step.label, (), False
    for reader, template in _iter_texts(workflow, step):
        for reference in template.references:
            path = _output_path(reference, step.id)
            if path is not None:
                yield reader, path, reference in template.optional_references


def _iter_texts(workflow: Workflow, step: Step) -> Iterator[tuple[str, Template]]:
    """Yield each text that may read the output of a step, with the title of what it belongs to."""
    for other in workflow.steps[step.index :]:
        for template in _templates(other, own=other.index == step.index):
            yield other.label, template
    for _, template in workflow.output.templates if workflow.output is not None else ():
        yield "What the workflow returns", template


def _templates(step: Step, *, own: bool) -> Sequence[Template]:
    """Return the texts that may read the output. `own`: only a gate after the step may read the step's own output."""
    if not own:
        return step.templates
    return step.gate.templates if step.gate is not None and step.gate.at is ReviewPoint.AFTER else ()


def _output_path(reference: Path, step: str) -> Path | None:
    """Return the path inside the step's output that a reference names, or None for any other reference."""
    if reference == ("steps",):
        return ()
    if reference[:2] != ("steps", step) or (reference[2:3] and reference[2] in _ENGINE_NAMES):
        return None
    return reference[2:]


def _build_field(step: Step, path: Path, read: _OutputRead, all_paths: Sequence[Path]) -> Field:
    """Return the field that asks for the value at `path`, with a label in words."""
    declared = step.kind.output_types.get(str(path[0])) if len(path) == 1 else None
    type_ = FieldType.JSON if not path else declared or FieldType.TEXT
    label = _label_of(path) if path else "Everything that the step returned"
    if len(path) == 1 and isinstance(step.params.value, dict):
        field = step.kind.output_fields(step.params.value).get(str(path[0]))
        label = field.label if field is not None and field.label else label
    if sum(_label_of(other) == label for other in all_paths if other) > 1:
        label = " · ".join(in_words(str(part)) for part in path)
    return Field(type=type_, label=label, help=f"Read by: {', '.join(read.readers)}.", required=not read.is_optional)


def _label_of(path: Path) -> str:
    return in_words(str(path[-1])) if path else ""


def _read_value(field: Field, value: Value) -> Value:
    """Return the JSON value in a typed text, or the text itself.

    A number counts only in the form in which it is printed: the receipt 7e12 stays a text. A text in quotes is a text.
    """
    if field.type is not FieldType.TEXT or not isinstance(value, str):
        return value
    try:
        parsed = json_values.loads(value)
    except InvalidValue:
        return value
    is_number = isinstance(parsed, int | Decimal) and not isinstance(parsed, bool)
    return value if is_number and json_values.dumps(parsed) != value.strip() else parsed


def _set_at(output: dict[str, Value], path: Path, value: Value) -> None:
    *parents, last = map(str, path)
    mapping = output
    for part in parents:
        child = mapping.get(part)
        if not isinstance(child, dict):
            child = mapping[part] = {}
        mapping = child
    mapping[last] = value


def _find_problem(field: Field, path: Path, required: Sequence[Path], output: Value) -> str | None:
    value = _get_at(output, path)
    if value is None or (not path and not value):
        return f"{MISSING}: later steps read it" if field.required else None
    missing = [
        json_values.show_path(required_path[len(path) :])
        for required_path in required
        if _get_at(output, required_path) is None
    ]
    if missing:
        return f"needs {', '.join(missing)}: later steps read it"
    if not path or field.type in (FieldType.TEXT, FieldType.JSON):
        return None
    try:
        fields.validate(field, value)
    except InvalidValue as error:
        return str(error)
    return None


def _get_at(output: Value, path: Path) -> Value:
    """Return the value at `path`, or None if there is none."""
    value = output
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and -len(value) <= part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value
