"""Compiled values: a whole value of a workflow file, such as the parameters of a step, with its texts compiled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from engine import json_values
from engine.domain import Params, Segments
from engine.errors import ExpressionError
from engine.expressions.limits import MAX_SIZE, Budget, Scope, measure
from engine.expressions.static_types import TypeLookup, unknown_type
from engine.expressions.template import Template, compile_template
from engine.expressions.url_template import render_address
from engine.json_values import MAX_DEPTH, Path, Value


class _RenderPass:
    """One rendering of a compiled value. All of its texts share one budget and one size limit."""

    __slots__ = ("budget", "remaining_size", "secrets")

    def __init__(self, scope: Scope, *, secrets: dict[Path, Segments] | None = None) -> None:
        self.budget = Budget(scope)
        self.remaining_size = MAX_SIZE
        self.secrets = secrets


_Renderer: TypeAlias = Callable[[_RenderPass], Value]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledValue:
    """A value whose texts are compiled.

    `references`, `optional_references` and `secrets` are those of all its templates together.
    """

    value: Value
    """The value as written. `render` returns its literal parts themselves, so callers must not change them."""
    templates: tuple[tuple[Path, Template], ...]
    """The texts with expressions, each with its path."""
    references: frozenset[Path]
    optional_references: frozenset[Path]
    secrets: frozenset[str]
    renderer: _Renderer | None = field(default=None, repr=False)
    """None if the whole value is literal."""

    def render(self, scope: Scope) -> Value:
        """Return the value over `scope`. Raises `ExpressionError` with the path, also if a text uses a secret."""
        return self.value if self.renderer is None else self.renderer(_RenderPass(scope))


def resolve_params(compiled: CompiledValue, scope: Scope) -> Params:
    """Return the parameters over `scope`. A text that uses a secret becomes segments, apart from the other values.

    `compiled` must be a mapping. Raises `ExpressionError` with the path of the text that cannot be evaluated.
    """
    secrets: dict[Path, Segments] = {}
    value = compiled.value if compiled.renderer is None else compiled.renderer(_RenderPass(scope, secrets=secrets))
    if not isinstance(value, dict):
        raise ExpressionError("parameters are a mapping of names to values; write one under `with`")
    return Params(value, secrets)


def iter_strings(value: Value) -> Iterator[tuple[Path, str]]:
    """Yield every text in `value` with its path, in order. Keys are not texts.

    Raises `ExpressionError` at a value that is nested deeper than `engine.json_values.MAX_DEPTH` levels.
    """
    return _iter_strings(value, ())


def _iter_strings(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif len(path) >= MAX_DEPTH and isinstance(value, list | dict):
        raise ExpressionError(f"this nests deeper than {MAX_DEPTH} levels; use fewer lists in lists")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _iter_strings(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _iter_strings(item, (*path, key))


def compile_value(
    value: Value,
    *,
    addresses: Collection[str] = (),
    unevaluated: Collection[str] = (),
    type_of: TypeLookup = unknown_type,
) -> CompiledValue:
    """Compile every text in `value`. Raises `ExpressionError` with the path of the first text that cannot be compiled.

    `addresses`: keys of `value` that hold a web address, whose expressions must not change the server.
    `unevaluated`: keys whose texts stay as they are. `type_of`: the types of references, as far as they are known.
    """
    templates: dict[Path, Template] = {}
    for path, text in iter_strings(value):
        if path and path[0] in unevaluated:
            continue
        try:
            template = compile_template(text, type_of)
        except ExpressionError as error:
            raise _add_path(path, error) from None
        if not template.is_literal:
            templates[path] = template
    compiled = templates.values()
    required = {path for template in compiled for path in template.references - template.optional_references}
    references = frozenset(path for template in compiled for path in template.references)
    return CompiledValue(
        value=value,
        templates=tuple(templates.items()),
        references=references,
        optional_references=references - required,
        secrets=frozenset(name for template in compiled for name in template.secrets),
        renderer=_build_renderer(value, (), templates, frozenset((name,) for name in addresses)),
    )


def _add_path(path: Path, error: ExpressionError) -> ExpressionError:
    return ExpressionError(f"{json_values.show_path(path)}: {error}") if path else error


def _build_renderer(
    value: Value, path: Path, templates: Mapping[Path, Template], addresses: Collection[Path]
) -> _Renderer | None:
    """Return the function that renders `value`, or None if the whole value is literal."""
    if isinstance(value, str):
        return _build_text_renderer(path, templates[path], is_address=path in addresses) if path in templates else None

    def build(item: Value, key: str | int) -> _Renderer | None:
        return _build_renderer(item, (*path, key), templates, addresses)

    if isinstance(value, list):
        items = [(item, build(item, index)) for index, item in enumerate(value)]
        if any(render for _, render in items):
            return lambda render_pass: [render(render_pass) if render else item for item, render in items]
    if isinstance(value, dict):
        entries = [(key, item, build(item, key)) for key, item in value.items()]
        if any(render for _, _, render in entries):
            return lambda render_pass: {key: render(render_pass) if render else item for key, item, render in entries}
    return None


def _build_text_renderer(path: Path, template: Template, *, is_address: bool) -> _Renderer:
    evaluate = partial(render_address, template) if is_address else template.evaluate

    def render(render_pass: _RenderPass) -> Value:
        try:
            if template.secrets and render_pass.secrets is not None:
                render_pass.secrets[path] = template.segments(render_pass.budget)
                return ""
            value = evaluate(render_pass.budget)
            render_pass.remaining_size = measure(value, remaining=render_pass.remaining_size, depth=len(path))
        except ExpressionError as error:
            raise _add_path(path, error) from None
        return value

    return render
