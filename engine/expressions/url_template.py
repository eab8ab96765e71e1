"""A template that is a web address: each value stays in the part of the address where its expression stands."""

from __future__ import annotations

from engine import urls
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import value_text
from engine.expressions.limits import Budget
from engine.expressions.operators import Operand
from engine.expressions.template import Template
from engine.json_values import Value


def render_address(template: Template, budget: Budget) -> Value:
    """Return the address over the scope of `budget`, as it will be called.

    Raises `ExpressionError` for a value that would lead the call elsewhere.
    """
    if template.is_whole or template.secrets:
        value = template.evaluate(budget)
        try:
            return urls.checked(value) if isinstance(value, str) else value
        except InvalidValue as error:
            raise ExpressionError(f"{_source(template)} {error}") from None
    budget.spend(template.nodes)
    parts = [
        urls.Inserted(value_text.write(budget, part.evaluate(budget), label=part.label), part.label)
        if isinstance(part, Operand)
        else str(part)
        for part in template.parts
    ]
    try:
        address = urls.build(parts)
    except InvalidValue as error:
        raise ExpressionError(str(error)) from None
    budget.write(len(address))
    return address


def address_origin(template: Template) -> str | None:
    """Return what the address of the server comes from, or None if the file names it itself."""
    if not template.references:
        return None
    if template.is_whole:
        return _source(template)
    parts = _unfilled(template)
    labels = [part.label for part in parts if isinstance(part, urls.Inserted)]
    choosing = [label for label, place in zip(labels, urls.places(parts), strict=True) if place.chooses_server]
    if not choosing:
        return None
    # What is calculated has no name of its own.
    return value_text.listing(choosing) if all("." in label for label in choosing) else _source(template)


def check_written(template: Template) -> None:
    """Raise `InvalidValue` where what the file writes of the address names no server that can be called."""
    if template.is_literal and template.source:
        urls.check_written([template.source])
    elif not (template.is_literal or template.is_whole or template.secrets):
        urls.check_written(_unfilled(template))


def _unfilled(template: Template) -> list[str | urls.Inserted]:
    """The parts of the address, its values left open."""
    return [urls.Inserted("", part.label) if isinstance(part, Operand) else str(part) for part in template.parts]


def _source(template: Template) -> str:
    names = [".".join(map(str, path)) for path in template.references]
    return value_text.listing(names) if names else "the expression"
