"""One text of a workflow file with its expressions, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from jinja2 import nodes

from engine.domain import SecretName, Segments
from engine.errors import ExpressionError
from engine.expressions import operators, parser, syntax
from engine.expressions.compiler import Translator
from engine.expressions.limits import Budget, Scope, measure
from engine.expressions.lookup import Evaluator
from engine.expressions.operators import Operand
from engine.json_values import Path, Value

_Part: TypeAlias = str | SecretName | Operand


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Template:
    """`references`: each as long as its keys are literal, `("steps", "draft", "subject")`; `secret` is not among them.

    `guarded`: those references that occur only under `default` or `is defined`. `secrets`: the names of `secret.NAME`.
    """

    source: str
    is_literal: bool
    """There is no expression in it."""
    is_whole: bool
    """It is one expression and white space: its value keeps its type."""
    references: frozenset[Path] = frozenset()
    guarded: frozenset[Path] = frozenset()
    secrets: frozenset[str] = frozenset()
    nodes: int = field(default=0, repr=False)
    parts: tuple[_Part, ...] = field(default=(), repr=False)
    produce: Evaluator | None = field(default=None, repr=False)

    def render(self, scope: Scope) -> Value:
        """Its value over `scope`. Raises `ExpressionError`, also if it uses a secret: those are for `resolve`."""
        return self.evaluate(Budget(scope))

    def guards(self, scope: Scope) -> Value:
        """`render` for a condition that decides whether people are asked: what may mean two things is an error."""
        return self.evaluate(Budget(scope, is_guard=True))

    def resolve(self, scope: Scope) -> Value | Segments:
        """Its value, or, if it uses a secret, the segments that are joined with that secret at execution."""
        return self.segments(Budget(scope)) if self.secrets else self.evaluate(Budget(scope))

    def evaluate(self, budget: Budget) -> Value:
        """`render` at the expense of a budget that several templates share."""
        if self.is_literal:
            return self.source
        if self.produce is None:
            raise ExpressionError("a secret may not be used here; use it in an HTTP header or body")
        budget.spend(self.nodes)
        return self.produce(budget)

    def segments(self, budget: Budget) -> Segments:
        """Texts and secret names in order, no two texts next to each other."""
        budget.spend(self.nodes)
        segments: list[str | SecretName] = []
        pending: list[str | Operand] = []
        for part in self.parts:
            if not isinstance(part, SecretName):
                pending.append(part)
                continue
            segments += _text(budget, pending)
            segments.append(part)
            pending = []
        return (*segments, *_text(budget, pending))


def _text(budget: Budget, parts: Sequence[str | Operand]) -> list[str]:
    text = operators.glue(budget, parts)
    return [text] if text else []


def compile_template(source: str) -> Template:
    """Reads and translates `source`, once for the same text. Raises `ExpressionError`: one sentence for its writer."""
    if not parser.has_marks(source):
        return Template(source=source, is_literal=True, is_whole=False)
    return _compile(source)


@lru_cache(maxsize=512)
def _compile(source: str) -> Template:
    translator = Translator()
    try:
        parts = tuple(_part(translator, part) for part in parser.read(source))
    except RecursionError:
        raise ExpressionError(parser.TOO_DEEP) from None
    expressions = [part for part in parts if not isinstance(part, str)]
    is_whole = len(expressions) == 1 and not any(part.strip() for part in parts if isinstance(part, str))
    secrets = frozenset(part.name for part in parts if isinstance(part, SecretName))
    return Template(
        source=source,
        is_literal=False,
        is_whole=is_whole,
        references=frozenset(translator.strict | translator.lenient),
        guarded=frozenset(translator.lenient - translator.strict),
        secrets=secrets,
        nodes=translator.nodes,
        parts=tuple(expressions) if is_whole else parts,
        produce=None if secrets else _producer(parts, is_whole=is_whole, builds=translator.builds),
    )


def _part(translator: Translator, part: str | nodes.Expr) -> _Part:
    if isinstance(part, str):
        return part
    name = syntax.secret_name(part)
    return translator.operand(part) if name is None else SecretName(name)


def _producer(parts: Sequence[_Part], *, is_whole: bool, builds: bool) -> Evaluator:
    plain = [part for part in parts if not isinstance(part, SecretName)]
    whole = next((part.evaluate for part in plain if isinstance(part, Operand)), None)
    if not is_whole or whole is None:
        return lambda budget: operators.glue(budget, plain)
    return _measured(whole) if builds else whole


def _measured(evaluate: Evaluator) -> Evaluator:
    def produce(budget: Budget) -> Value:
        value = evaluate(budget)
        measure(value)
        return value

    return produce
