"""A whole value of a workflow file, such as the parameters of a step, with every text in it compiled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from engine import json_values
from engine.domain import Params, Segments
from engine.errors import ExpressionError
from engine.expressions.limits import MAX_SIZE, Budget, Scope, measure
from engine.expressions.template import Template, compile_template
from engine.expressions.url_template import render_address
from engine.json_values import MAX_DEPTH, Path, Value


class _Filling:
    """One pass over a compiled value: all of its texts share one budget and one size."""

    __slots__ = ("budget", "room", "secrets")

    def __init__(self, scope: Scope, *, secrets: dict[Path, Segments] | None = None) -> None:
        self.budget = Budget(scope)
        self.room = MAX_SIZE
        self.secrets = secrets


_Fill: TypeAlias = Callable[[_Filling], Value]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """`references`, `guarded`, `secrets`: as in `Template`, of all texts together.

    `value`: as written; whatever of it has no expression is returned as it is, and is not to be changed.
    """

    value: Value
    templates: tuple[tuple[Path, Template], ...]
    """The texts with expressions, each with its path."""
    references: frozenset[Path]
    guarded: frozenset[Path]
    secrets: frozenset[str]
    fill: _Fill | None = field(default=None, repr=False)
    """None: all of it is literal."""

    def render(self, scope: Scope) -> Value:
        """The value over `scope`. Raises `ExpressionError` with the path, also if it uses a secret."""
        return self.value if self.fill is None else self.fill(_Filling(scope))


def resolve_params(compiled: Compiled, scope: Scope) -> Params:
    """The parameters over `scope`, with every text that uses a secret put aside as segments.

    `compiled` is of a mapping. Raises `ExpressionError` with the path of what cannot be evaluated.
    """
    secrets: dict[Path, Segments] = {}
    value = compiled.value if compiled.fill is None else compiled.fill(_Filling(scope, secrets=secrets))
    if not isinstance(value, dict):
        raise ExpressionError("parameters are a mapping of names to values; write one under `with`")
    return Params(value, secrets)


def iter_strings(value: Value) -> Iterator[tuple[Path, str]]:
    """Every text in `value` with its path, in order; keys are not among them.

    Raises `ExpressionError` when it comes to what is nested deeper than `engine.json_values.MAX_DEPTH` levels.
    """
    return _strings(value, ())


def _strings(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif len(path) >= MAX_DEPTH and isinstance(value, list | dict):
        raise ExpressionError(f"this nests deeper than {MAX_DEPTH} levels; use fewer lists in lists")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*path, key))


def compile_value(value: Value, *, addresses: Collection[str] = ()) -> Compiled:
    """Compiles every text in `value`. Raises `ExpressionError` with the path of the first that cannot be.

    `addresses`: keys of `value` that hold a web address, in which no expression leads elsewhere.
    """
    templates: dict[Path, Template] = {}
    for path, text in iter_strings(value):
        try:
            template = compile_template(text)
        except ExpressionError as error:
            raise _located(path, error) from None
        if not template.is_literal:
            templates[path] = template
    found = templates.values()
    strict = {path for template in found for path in template.references - template.guarded}
    references = frozenset(path for template in found for path in template.references)
    return Compiled(
        value=value,
        templates=tuple(templates.items()),
        references=references,
        guarded=references - strict,
        secrets=frozenset(name for template in found for name in template.secrets),
        fill=_filler(value, (), templates, frozenset((name,) for name in addresses)),
    )


def _located(path: Path, error: ExpressionError) -> ExpressionError:
    return ExpressionError(f"{json_values.show_path(path)}: {error}") if path else error


def _filler(value: Value, path: Path, templates: Mapping[Path, Template], addresses: Collection[Path]) -> _Fill | None:
    """None for what is literal throughout."""
    if isinstance(value, str):
        return _text_filler(path, templates[path], is_address=path in addresses) if path in templates else None
    if isinstance(value, list):
        items = [(item, _filler(item, (*path, index), templates, addresses)) for index, item in enumerate(value)]
        if any(fill for _, fill in items):
            return lambda filling: [fill(filling) if fill else item for item, fill in items]
    if isinstance(value, dict):
        entries = [(key, item, _filler(item, (*path, key), templates, addresses)) for key, item in value.items()]
        if any(fill for _, _, fill in entries):
            return lambda filling: {key: fill(filling) if fill else item for key, item, fill in entries}
    return None


def _text_filler(path: Path, template: Template, *, is_address: bool) -> _Fill:
    evaluate = partial(render_address, template) if is_address else template.evaluate

    def fill(filling: _Filling) -> Value:
        try:
            if template.secrets and filling.secrets is not None:
                filling.secrets[path] = template.segments(filling.budget)
                return ""
            value = evaluate(filling.budget)
            filling.room = measure(value, room=filling.room, depth=len(path))
        except ExpressionError as error:
            raise _located(path, error) from None
        return value

    return fill
