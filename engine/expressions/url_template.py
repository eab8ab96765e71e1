"""Templates of web addresses: each inserted value stays inside the part of the address where its expression is."""

from __future__ import annotations

from engine import urls
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import value_text
from engine.expressions.limits import Budget
from engine.expressions.operators import Operand
from engine.expressions.template import Template
from engine.json_values import Value


def render_address(template: Template, budget: Budget) -> Value:
    """Return the address over the scope of `budget`, exactly as it will be called.

    Raises `ExpressionError` for a value that would change another part of the address.
    """
    if template.is_whole or template.secrets:
        value = template.evaluate(budget)
        try:
            return urls.checked(value) if isinstance(value, str) else value
        except InvalidValue as error:
            raise ExpressionError(f"{_describe_references(template)} {error}") from None
    budget.spend(template.nodes)
    parts = [
        urls.InsertedValue(value_text.write_text(budget, part.evaluate(budget), label=part.label), part.label)
        if isinstance(part, Operand)
        else str(part)
        for part in template.parts
    ]
    try:
        address = urls.build(parts)
    except InvalidValue as error:
        raise ExpressionError(str(error)) from None
    budget.charge_write(len(address))
    return address


def describe_server_source(template: Template) -> str | None:
    """Return the names of the values that choose the server, or None if the file itself names the server."""
    if not template.references:
        return None
    if template.is_whole:
        return _describe_references(template)
    parts = _address_parts(template)
    labels = [part.label for part in parts if isinstance(part, urls.InsertedValue)]
    choosing = [label for label, part in zip(labels, urls.places(parts), strict=True) if part.chooses_server]
    if not choosing:
        return None
    if all("." in label for label in choosing):
        return value_text.list_names(choosing)
    # A computed value has no name, so all references of the template are named.
    return _describe_references(template)


def check_literal_address(template: Template) -> None:
    """Raise `InvalidValue` if the literal part of the address names no server that can be called."""
    if template.is_literal and template.source:
        urls.check_written([template.source])
    elif not (template.is_literal or template.is_whole or template.secrets):
        urls.check_written(_address_parts(template))


def _address_parts(template: Template) -> list[str | urls.InsertedValue]:
    """Return the parts of the address, with an empty value for each expression."""
    return [urls.InsertedValue("", part.label) if isinstance(part, Operand) else str(part) for part in template.parts]


def _describe_references(template: Template) -> str:
    names = [".".join(map(str, path)) for path in template.references]
    return value_text.list_names(names) if names else "the expression"
