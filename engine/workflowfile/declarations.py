"""Declarations of a step's values: each value has the declaration of the input or form field that it comes from.

A value that is just `{{ inputs.x }}` is edited in the same way as the input `x` is filled in. This holds at the top of
the parameters, inside lists and mappings, and through `set` steps. The declarations are found when the file is
compiled, from its text alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from engine.expressions import CompiledValue, Template, ValueOrigin, find_origin
from engine.fields import Field, FieldPart, FieldType, part_of
from engine.json_values import Path, Value

Key: TypeAlias = str | int


@dataclass(frozen=True, slots=True, eq=False)
class Declarations:
    """A tree of the declarations in a value. Trees may share parts, because a file may pass on one value many times."""

    field: Field | None = None
    """The declaration of the value as a whole. Then there are no children."""
    children: Mapping[Key, Declarations] = dataclasses.field(default_factory=dict)

    def at(self, path: Path) -> Declarations:
        """Return the declarations at `path`, or `NO_DECLARATIONS`."""
        current = self
        for index, key in enumerate(path):
            if current.field is not None:
                return _declaration_of_part(current.field, path[index:])
            current = current.children.get(key, NO_DECLARATIONS)
        return current

    def replace(self, path: Path, declared: Field) -> Declarations:
        """Return the same declarations with `declared` at `path`."""
        if not path:
            return Declarations(declared)
        return Declarations(
            None, {**self.children, path[0]: self.children.get(path[0], NO_DECLARATIONS).replace(path[1:], declared)}
        )

    def iter_values(self, value: Value, path: Path = ()) -> Iterator[tuple[Path, Field | None]]:
        """Yield the path of each declared part of `value`, with its declaration.

        A part without a declaration inside it is not taken apart further, and has None.
        """
        items: Iterator[tuple[Key, Value]] | None = None
        if self.field is None and self.children and isinstance(value, dict):
            items = iter(value.items())
        elif self.field is None and self.children and isinstance(value, list):
            items = iter(enumerate(value))
        if items is None:
            yield path, self.field
            return
        for key, item in items:
            yield from self.children.get(key, NO_DECLARATIONS).iter_values(item, (*path, key))


NO_DECLARATIONS: Final = Declarations()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationSources:
    """The declarations of the values that expressions can read: the inputs, and the outputs of steps by step id.

    `approved`: those of what steps were called with, for steps that leave it. `items`: of an item, by the index of the
    foreach. `frame`: the foreach that repeats the step that reads.
    """

    inputs: Declarations
    steps: Mapping[str, Declarations]
    approved: Mapping[str, Declarations] = dataclasses.field(default_factory=dict)
    items: Mapping[int, Declarations] = dataclasses.field(default_factory=dict)
    frame: int | None = None

    def inside(self, frame: int | None) -> DeclarationSources:
        """Return the sources for a step that this foreach repeats, or that none does."""
        return self if frame == self.frame else dataclasses.replace(self, frame=frame)

    def of(self, value: Value, templates: Mapping[Path, Template], path: Path = ()) -> Declarations:
        """Return the declarations in a value of the file. `templates` holds its texts with expressions, by path."""
        if isinstance(value, str):
            return self.of_template(templates[path]) if path in templates else NO_DECLARATIONS
        if isinstance(value, dict):
            return _combine({key: self.of(item, templates, (*path, key)) for key, item in value.items()})
        if isinstance(value, list):
            return _combine({index: self.of(item, templates, (*path, index)) for index, item in enumerate(value)})
        return NO_DECLARATIONS

    def of_template(self, template: Template) -> Declarations:
        """Return the declarations of the value of an expression, if it is a value of an input or step."""
        origin = find_origin(template)
        return NO_DECLARATIONS if origin is None else _convert(self._at(origin.path), origin)

    def _at(self, path: Path) -> Declarations:
        match path:
            case ("inputs", *rest):
                return self.inputs.at(tuple(rest))
            case ("item", *rest) if self.frame is not None:
                return self.items.get(self.frame, NO_DECLARATIONS).at(tuple(rest))
            case ("steps", str(step), "approved", *rest) if step in self.approved:
                return self.approved[step].at(tuple(rest))
            case ("steps", str(step), *rest) if step in self.steps:
                return self.steps[step].at(tuple(rest))
        return NO_DECLARATIONS


def declarations_of_item(params: Declarations) -> Declarations:
    """Return the declarations of each item of a foreach with these parameters: of a list that is one field."""
    over = params.at(("over",))
    return NO_DECLARATIONS if over.field is None else over.at((0,))


def declarations_of_params(params: CompiledValue, sources: DeclarationSources) -> Declarations:
    """Return the declarations in the parameters of a step."""
    return sources.of(params.value, dict(params.templates))


def declarations_of_fields(fields: Mapping[str, Field | None]) -> Declarations:
    """Return the declarations of inputs, or of a form's fields."""
    return _combine({name: Declarations(declared) for name, declared in fields.items() if declared is not None})


class _Edit(Protocol):
    """An entry of `edit`, with its type if the gate declares one."""

    name: str
    type: Field | None


def declarations_after_edits(edits: Iterable[_Edit], declarations: Declarations) -> Declarations:
    """Return the declarations of parameters once the gate was passed. Types that the gate declares take precedence."""
    for edit in edits:
        if edit.type is not None:
            path = parse_field_path(edit.name)
            declarations = declarations.replace(path, with_source_label(edit.type, declarations.at(path).field))
    return declarations


def parse_field_path(name: str) -> Path:
    """Return the path of a dotted name in the file. A part of digits is an index of a list."""
    return tuple(int(part) if part.isdecimal() and len(part) < 9 else part for part in name.split("."))


def with_source_label(declared: Field, source: Field | None) -> Field:
    """Return a declaration of the gate with the label of the source, by which people know the value."""
    if source is None or declared.label or not source.label:
        return declared
    return Field.model_validate({**declared.model_dump(exclude_unset=True), "label": source.label})


def _combine(children: Mapping[Key, Declarations] | dict[str, Declarations] | dict[int, Declarations]) -> Declarations:
    declared: dict[Key, Declarations] = {key: child for key, child in children.items() if child is not NO_DECLARATIONS}
    return Declarations(None, declared) if declared else NO_DECLARATIONS


def _convert(source: Declarations, origin: ValueOrigin) -> Declarations:
    """Return the declarations after the filters `number` or `int`. Only numbers and money have one.

    Money becomes its amount, or a whole amount.
    """
    if not origin.as_number:
        return source
    if source.field is None:
        return NO_DECLARATIONS
    if origin.as_whole:
        return _convert_to_integer(source.field)
    if source.field.type is FieldType.MONEY and source.field.part is not FieldPart.CURRENCY:
        return Declarations(part_of(source.field, FieldPart.NUMBER))
    return source if source.field.type in (FieldType.NUMBER, FieldType.INTEGER) else NO_DECLARATIONS


_NUMBERS: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY})


def _convert_to_integer(field: Field) -> Declarations:
    if field.type not in _NUMBERS or field.part is FieldPart.CURRENCY:
        return NO_DECLARATIONS
    minimum = 0 if field.type is FieldType.MONEY and field.min is None else field.min
    return Declarations(
        Field(type=FieldType.INTEGER, label=field.label, required=field.required, min=minimum, max=field.max)
    )


def _declaration_of_part(whole: Field, path: Path) -> Declarations:
    """Return the declaration of a part of a field's value."""
    match path:
        case ("amount" | "currency" as name,) if whole.type is FieldType.MONEY and whole.part is None:
            return Declarations(part_of(whole, FieldPart(name)))
        case (int(),) if whole.type is FieldType.CHOICES:
            return Declarations(Field(type=FieldType.CHOICE, label=whole.label, options=whole.options))
    return NO_DECLARATIONS
