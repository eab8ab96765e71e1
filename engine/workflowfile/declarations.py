"""Which declaration holds for a value of a step: that of the input or the form's field that it comes from.

A value that is just `{{ inputs.x }}` is edited as `x` is filled in, wherever it stands: at the top, inside of lists and
mappings, or passed on through `set`. Found once, when the file is compiled, from its text alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.expressions import CompiledValue, Template, ValueOrigin, find_origin
from engine.fields import Field, FieldPart, FieldType, part_of
from engine.json_values import Path, Value

Key: TypeAlias = str | int


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """The declarations in a value, by place. Parts of it are shared: a file may pass one value on many times."""

    field: Field | None = None
    inside: Mapping[Key, Declaration] = dataclasses.field(default_factory=dict)

    def at(self, path: Path) -> Declaration:
        """Return the declarations at `path`; nothing declared: `NOTHING`."""
        here = self
        for index, key in enumerate(path):
            if here.field is not None:
                return _part(here.field, path[index:])
            here = here.inside.get(key, NOTHING)
        return here

    def with_(self, path: Path, declared: Field) -> Declaration:
        """Return the same declarations, except that `declared` holds at `path`."""
        if not path:
            return Declaration(declared)
        return Declaration(None, {**self.inside, path[0]: self.inside.get(path[0], NOTHING).with_(path[1:], declared)})

    def places(self, value: Value, path: Path = ()) -> Iterator[tuple[Path, Field | None]]:
        """Take `value` apart as far as something is declared inside of it: its places, with what is declared there."""
        items: Iterator[tuple[Key, Value]] | None = None
        if self.field is None and self.inside and isinstance(value, dict):
            items = iter(value.items())
        elif self.field is None and self.inside and isinstance(value, list):
            items = iter(enumerate(value))
        if items is None:
            yield path, self.field
            return
        for key, item in items:
            yield from self.inside.get(key, NOTHING).places(item, (*path, key))


NOTHING: Final = Declaration()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What expressions can take values from: `inputs`, and what `steps` left, by id."""

    inputs: Declaration
    steps: Mapping[str, Declaration]

    def of(self, value: Value, templates: Mapping[Path, Template], path: Path = ()) -> Declaration:
        """Return the declarations in a value of the file. `templates`: its texts with expressions, by place."""
        if isinstance(value, str):
            return self._of_template(templates[path]) if path in templates else NOTHING
        if isinstance(value, dict):
            return _gathered({key: self.of(item, templates, (*path, key)) for key, item in value.items()})
        if isinstance(value, list):
            return _gathered({index: self.of(item, templates, (*path, index)) for index, item in enumerate(value)})
        return NOTHING

    def _of_template(self, template: Template) -> Declaration:
        found = find_origin(template)
        return NOTHING if found is None else _as_taken(self._named(found.path), found)

    def _named(self, path: Path) -> Declaration:
        match path:
            case ("inputs", *rest):
                return self.inputs.at(tuple(rest))
            case ("steps", str(step), *rest) if step in self.steps:
                return self.steps[step].at(tuple(rest))
        return NOTHING


def of_params(params: CompiledValue, sources: Sources) -> Declaration:
    """Return the declarations in the parameters of a step."""
    return sources.of(params.value, dict(params.templates))


def of_fields(fields: Mapping[str, Field | None]) -> Declaration:
    """Return the declarations of inputs, or of a form."""
    return _gathered({name: Declaration(one) for name, one in fields.items() if one is not None})


def written(name: str) -> Path:
    """Return the path that a dotted name of the file means, where it names nothing but keys and places in lists."""
    return tuple(int(part) if part.isdecimal() and len(part) < 9 else part for part in name.split("."))


def labelled(declared: Field, source: Field | None) -> Field:
    """Return a declaration of the gate's own, under the name that people know the value by."""
    if source is None or declared.label or not source.label:
        return declared
    return Field.model_validate({**declared.model_dump(exclude_unset=True), "label": source.label})


def _gathered(inside: Mapping[Key, Declaration] | dict[str, Declaration] | dict[int, Declaration]) -> Declaration:
    known: dict[Key, Declaration] = {key: one for key, one in inside.items() if one is not NOTHING}
    return Declaration(None, known) if known else NOTHING


def _as_taken(found: Declaration, how: ValueOrigin) -> Declaration:
    """Under `| number` money is its amount, under `| int` a whole one, and what is no number is something else."""
    if not how.as_number:
        return found
    if found.field is None:
        return NOTHING
    if how.as_whole:
        return _as_whole(found.field)
    if found.field.type is FieldType.MONEY and found.field.part is not FieldPart.CURRENCY:
        return Declaration(part_of(found.field, FieldPart.NUMBER))
    return found if found.field.type in (FieldType.NUMBER, FieldType.INTEGER) else NOTHING


_NUMBERS: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY})


def _as_whole(field: Field) -> Declaration:
    if field.type not in _NUMBERS or field.part is FieldPart.CURRENCY:
        return NOTHING
    lowest = 0 if field.type is FieldType.MONEY and field.min is None else field.min
    return Declaration(
        Field(type=FieldType.INTEGER, label=field.label, required=field.required, min=lowest, max=field.max)
    )


def _part(whole: Field, path: Path) -> Declaration:
    """Return the declaration of a part of what a field holds."""
    match path:
        case ("amount" | "currency" as name,) if whole.type is FieldType.MONEY and whole.part is None:
            return Declaration(part_of(whole, FieldPart(name)))
        case (int(),) if whole.type is FieldType.CHOICES:
            return Declaration(Field(type=FieldType.CHOICE, label=whole.label, options=whole.options))
    return NOTHING
