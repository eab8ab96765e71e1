"""Template: one text of a workflow file, compiled with its expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from jinja2 import nodes

from engine.domain import SecretName, Segments
from engine.errors import ExpressionError
from engine.expressions import operators, parser, syntax
from engine.expressions.compiler import ExpressionCompiler
from engine.expressions.limits import Budget, Scope, measure
from engine.expressions.lookup import Evaluator
from engine.expressions.operators import Operand
from engine.expressions.static_types import TypeLookup, unknown_type
from engine.json_values import Path, Value

_Part: TypeAlias = str | SecretName | Operand


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Template:
    """A compiled text. It is evaluated as often as needed, each time over another scope."""

    source: str
    is_literal: bool
    """Whether the text has no expression."""
    is_whole: bool
    """Whether the text is one expression and white space. Then the value keeps its type."""
    references: frozenset[Path] = frozenset()
    """Paths of the values that it reads, up to the first key that is computed, such as `("steps", "draft", "subject")`.
    Secrets are not among them."""
    optional_references: frozenset[Path] = frozenset()
    """The references that occur only under `default` or `is defined`, so their values may be missing."""
    secrets: frozenset[str] = frozenset()
    """The names of the secrets that it uses, as in `secret.NAME`."""
    nodes: int = field(default=0, repr=False)
    """Number of names, literals, operators and filters."""
    parts: tuple[_Part, ...] = field(default=(), repr=False)
    evaluator: Evaluator | None = field(default=None, repr=False)
    """None for a literal text, and for a text that uses a secret."""
    type_of: TypeLookup = field(default=unknown_type, repr=False)
    """The types of its references, if its value depends on them."""

    def render(self, scope: Scope) -> Value:
        """Return the value over `scope`. Raises `ExpressionError`, also if the text uses a secret: see `resolve`."""
        return self.evaluate(Budget(scope))

    def render_shown(self, scope: Scope) -> Value:
        """Return the value of a text that is only shown to people, like `render`, but with money as people read it."""
        return self.evaluate(Budget(scope, is_shown=True))

    def evaluate_condition(self, scope: Scope) -> Value:
        """Return the value of a gate's condition, like `render`, but with an error for an ambiguous number."""
        return self.evaluate(Budget(scope, is_gate_condition=True))

    def resolve(self, scope: Scope) -> Value | Segments:
        """Return the value. For a text that uses a secret, return the segments to join with it at execution."""
        return self.segments(Budget(scope)) if self.secrets else self.evaluate(Budget(scope))

    def evaluate(self, budget: Budget) -> Value:
        """Return the value like `render`, but charge a budget that several templates may share."""
        if self.is_literal:
            return self.source
        if self.evaluator is None:
            raise ExpressionError("a secret may not be used here; use it in an HTTP header or body")
        budget.spend(self.nodes)
        return self.evaluator(budget)

    def segments(self, budget: Budget) -> Segments:
        """Return the texts and secret names in order, with adjacent texts joined."""
        budget.spend(self.nodes)
        segments: list[str | SecretName] = []
        pending: list[str | Operand] = []
        for part in self.parts:
            if not isinstance(part, SecretName):
                pending.append(part)
                continue
            segments += _concatenate(budget, pending)
            segments.append(part)
            pending = []
        return (*segments, *_concatenate(budget, pending))


def _concatenate(budget: Budget, parts: Sequence[str | Operand]) -> list[str]:
    text = operators.concatenate(budget, parts)
    return [text] if text else []


def compile_template(source: str, type_of: TypeLookup = unknown_type) -> Template:
    """Compile a text. Raises `ExpressionError` with one sentence for the text's author.

    `type_of`: the types of its references, as far as they are known. Texts that do not depend on them are cached.
    """
    if not parser.has_opening_marks(source):
        return Template(source=source, is_literal=True, is_whole=False)
    template = _compile_without_types(source)
    types = map(type_of, template.references)
    # Only a comparison, which has three nodes, depends on a currency.
    if template.nodes > 2 and any(type_ is not None and type_.fixes_currency for type_ in types):
        return _compile(source, type_of)
    return template


@lru_cache(maxsize=512)
def _compile_without_types(source: str) -> Template:
    return _compile(source, unknown_type)


def _compile(source: str, type_of: TypeLookup) -> Template:
    compiler = ExpressionCompiler(type_of)
    try:
        parts = tuple(_compile_part(compiler, part) for part in parser.parse(source))
    except RecursionError:
        raise ExpressionError(parser.TOO_DEEP) from None
    expressions = [part for part in parts if not isinstance(part, str)]
    is_whole = len(expressions) == 1 and not any(part.strip() for part in parts if isinstance(part, str))
    secrets = frozenset(part.name for part in parts if isinstance(part, SecretName))
    return Template(
        source=source,
        is_literal=False,
        is_whole=is_whole,
        references=frozenset(compiler.required | compiler.optional),
        optional_references=frozenset(compiler.optional - compiler.required),
        secrets=secrets,
        nodes=compiler.nodes,
        parts=tuple(expressions) if is_whole else parts,
        evaluator=None if secrets else _build_evaluator(parts, is_whole=is_whole, may_grow=compiler.may_grow),
        type_of=type_of,
    )


def _compile_part(compiler: ExpressionCompiler, part: str | nodes.Expr) -> _Part:
    if isinstance(part, str):
        return part
    name = syntax.secret_name(part)
    return compiler.compile_operand(part) if name is None else SecretName(name)


def _build_evaluator(parts: Sequence[_Part], *, is_whole: bool, may_grow: bool) -> Evaluator:
    without_secrets = [part for part in parts if not isinstance(part, SecretName)]
    whole = next((part.evaluate for part in without_secrets if isinstance(part, Operand)), None)
    if not is_whole or whole is None:
        return lambda budget: operators.concatenate(budget, without_secrets, is_shown=budget.is_shown)
    return _measure_result(whole) if may_grow else whole


def _measure_result(evaluate: Evaluator) -> Evaluator:
    def evaluate_and_measure(budget: Budget) -> Value:
        value = evaluate(budget)
        measure(value)
        return value

    return evaluate_and_measure
