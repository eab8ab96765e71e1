"""What a person has to say of a step that happened but whose answer was lost: what later steps read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine import fields, json_values
from engine.domain import ReviewPoint
from engine.errors import InvalidValue
from engine.expressions import Template
from engine.fields import Field, FieldType, forms
from engine.json_values import Path, Value
from engine.workflowfile import decision_outputs
from engine.workflowfile.workflow import Step, Workflow

WHOLE: Final = "output"
"""The field for everything that the step produced, where an expression takes it as one value."""
_NO_OUTPUT: Final = frozenset({"error", decision_outputs.NAME})
"""Names behind `steps.<id>` that the engine fills in by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedOutput:
    """`fields`: what to ask, by dotted path; empty: nothing reads the step.

    `paths`: where each of them lies in the output. `required`: every place that some step cannot do without, which may
    lie deeper than what is asked.
    """

    paths: Mapping[str, Path]
    fields: Mapping[str, Field]
    required: tuple[Path, ...]

    @property
    def labels(self) -> dict[str, str]:
        return fields.labels(self.fields)

    def output(self, values: Mapping[str, Value], given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """Return the output that the step would have had. `values`: by dotted path. `given`: what is known of it."""
        made = dict(given or {})
        whole = values.get(WHOLE) if self.paths.get(WHOLE) == () else None
        if isinstance(whole, dict):
            made.update(whole)
        for name, path in self.paths.items():
            value = values.get(name)
            if path and value is not None:
                _put(made, path, _read(self.fields[name], value))
        return made

    def from_texts(self, texts: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, str]]:
        """Return what was typed for each dotted path, and what is wrong with it. A blank text is no value."""
        known = ", ".join(self.fields) or "nothing"
        unknown = {
            name: f"is not read by any later step; they read: {known}" for name in texts if name not in self.fields
        }
        values, wrong = forms.read_text_edits(((name, field, None) for name, field in self.fields.items()), texts)
        return values, unknown | wrong

    def problems(self, output: Mapping[str, Value]) -> dict[str, str]:
        """Return what is missing in an output or wrong with it, one predicate for each dotted path that is asked."""
        found = {}
        for name, path in self.paths.items():
            inside = [place for place in self.required if place[: len(path)] == path]
            why = _problem(self.fields[name], path, inside, dict(output))
            if why is not None:
                found[name] = why
        return found


def expected_output(workflow: Workflow, name: str) -> ExpectedOutput:
    """Return what later steps, and the gate that reviews its output, read of the step `name`. Raises `KeyError`."""
    step = workflow.step(name)
    places = _places(workflow, step)
    asked = _outer(places)
    paths = {json_values.show_path(path) or WHOLE: path for path in sorted(asked, key=str)}
    return ExpectedOutput(
        paths=paths,
        fields={shown: _field(step, path, asked[path], list(paths.values())) for shown, path in paths.items()},
        required=tuple(path for path, read in places.items() if not read.guarded),
    )


@dataclass(frozen=True, slots=True)
class _OutputRead:
    """`readers`: titles of the steps; `guarded`: each of them can do without it."""

    readers: tuple[str, ...]
    guarded: bool

    def and_(self, other: _OutputRead) -> _OutputRead:
        more = tuple(one for one in other.readers if one not in self.readers)
        return _OutputRead((*self.readers, *more), self.guarded and other.guarded)


def _places(workflow: Workflow, step: Step) -> dict[Path, _OutputRead]:
    """Every place in the output that is read."""
    found: dict[Path, _OutputRead] = {}
    for reader, path, guarded in _reads(workflow, step):
        read = _OutputRead((reader,), guarded)
        found[path] = found[path].and_(read) if path in found else read
    return found


def _outer(places: Mapping[Path, _OutputRead]) -> dict[Path, _OutputRead]:
    """The places that are asked: of one inside of another only the outer one, and of a list the whole."""
    found: dict[Path, _OutputRead] = {}
    for path, read in places.items():
        end = next((at for at, part in enumerate(path) if isinstance(part, int)), len(path))
        outer = next((path[:at] for at in range(end) if path[:at] in places), path[:end])
        found[outer] = found[outer].and_(read) if outer in found else read
    return found


def _reads(workflow: Workflow, step: Step) -> Iterator[tuple[str, Path, bool]]:
    if step.gate is not None and step.gate.at is ReviewPoint.AFTER:
        # People are asked about the output itself.
        yield step.label, (), False
    for other in workflow.steps[step.index :]:
        for template in _templates(other, own=other.index == step.index):
            for reference in template.references:
                path = _path_of(reference, step.id)
                if path is not None:
                    yield other.label, path, reference in template.optional_references


def _templates(step: Step, *, own: bool) -> Sequence[Template]:
    """The texts that may read an earlier step; of the step itself those of a gate that reviews its output."""
    if not own:
        return step.templates
    after = step.gate is not None and step.gate.at is ReviewPoint.AFTER
    return step.gate.templates if step.gate is not None and after else ()


def _path_of(reference: Path, step: str) -> Path | None:
    """The place inside of the output of the step, if the reference names one."""
    if reference == ("steps",):
        return ()
    if reference[:2] != ("steps", step) or (reference[2:3] and reference[2] in _NO_OUTPUT):
        return None
    return reference[2:]


def _field(step: Step, path: Path, read: _OutputRead, all_paths: Sequence[Path]) -> Field:
    """The field that asks for it, with a label in words."""
    declared = step.kind.output_types.get(str(path[0])) if len(path) == 1 else None
    type_ = FieldType.JSON if not path else declared or FieldType.TEXT
    words = _words(path) if path else "Everything that the step returned"
    if sum(_words(other) == words for other in all_paths if other) > 1:
        words = " ".join(str(part).replace("_", " ") for part in path).capitalize()
    return Field(type=type_, label=words, help=f"Read by: {', '.join(read.readers)}.", required=not read.guarded)


def _words(path: Path) -> str:
    return str(path[-1]).replace("_", " ").replace("-", " ").strip().capitalize() if path else ""


def _read(field: Field, value: Value) -> Value:
    """What was typed stands for a number, a list or a mapping only if it is written just as that is printed.

    A receipt 7e12 is no number. Quotes make a text of anything.
    """
    if field.type is not FieldType.TEXT or not isinstance(value, str):
        return value
    try:
        meant = json_values.loads(value)
    except InvalidValue:
        return value
    is_number = isinstance(meant, int | Decimal) and not isinstance(meant, bool)
    return value if is_number and json_values.dumps(meant) != value.strip() else meant


def _put(made: dict[str, Value], path: Path, value: Value) -> None:
    *way, last = map(str, path)
    inside = made
    for part in way:
        deeper = inside.get(part)
        if not isinstance(deeper, dict):
            deeper = inside[part] = {}
        inside = deeper
    inside[last] = value


def _problem(field: Field, path: Path, required: Sequence[Path], output: Value) -> str | None:
    value = _at(output, path)
    if value is None or (not path and not value):
        return "is required: later steps read it" if field.required else None
    missing = [json_values.show_path(place[len(path) :]) for place in required if _at(output, place) is None]
    if missing:
        return f"needs {', '.join(missing)}: later steps read it"
    if not path or field.type in (FieldType.TEXT, FieldType.JSON):
        return None
    try:
        fields.validate(field, value)
    except InvalidValue as error:
        return str(error)
    return None


def _at(output: Value, path: Path) -> Value:
    """What lies there; None where there is nothing."""
    value = output
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and -len(value) <= part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value
