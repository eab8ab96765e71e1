"""The amount of a request, and who may approve it: what the limits in the roles file are compared with. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from msgspec import Struct

from engine.domain import Params
from engine.expressions import Template
from engine.json_values import Value
from engine.oversight import limits
from engine.oversight.limits import Limit, Money
from engine.oversight.risk import CannotTell, read_money
from engine.requests.request_risk import compiled, content_scope, evaluate
from engine.workflowfile.content_scope import reads_content


class RequestAmount(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The amount that people approve: `source`, an expression over the content, or else `text`.

    `unclear`: why there is none. `limits`: those of the people who are asked and have one, by person, as they were when
    the request opened.
    """

    source: str = ""
    text: str = ""
    unclear: str = ""
    limits: dict[str, dict[str, Decimal]] = {}

    def of(self, content: Params) -> Money | CannotTell:
        """Return the amount of this content, or why there is none."""
        if self.source:
            return _amount(compiled(self.source), content_scope(content))
        return CannotTell(self.unclear) if self.unclear else read_money(self.text) or CannotTell("it is no amount")

    def limited(self, content: Params, people: Collection[str]) -> frozenset[str]:
        """Return who of these people may not approve this content."""
        if not self.limits:
            return frozenset()
        amount = self.of(content)
        return frozenset(person for person in people if not limits.may_approve(self.limits.get(person), amount))

    def with_limits(self, known: Mapping[str, Limit]) -> RequestAmount:
        """Return the amount with these limits of people."""
        by_person = {person: dict(limit) for person, limit in known.items()}
        return RequestAmount(source=self.source, text=self.text, unclear=self.unclear, limits=by_person)


def amount_of(template: Template | None, scope: Mapping[str, Value]) -> RequestAmount | None:
    """Return the amount of what a gate is about to ask, or None if the gate names none."""
    if template is None:
        return None
    if reads_content(template):
        return RequestAmount(source=template.source)
    amount = _amount(template, scope)
    if isinstance(amount, CannotTell):
        return RequestAmount(unclear=str(amount))
    return RequestAmount(text=f"{amount[0]:f} {amount[1]}")


def _amount(template: Template, scope: Mapping[str, Value]) -> Money | CannotTell:
    value = evaluate(template, scope)
    if isinstance(value, CannotTell):
        return value
    return read_money(value) or CannotTell("it is no amount with a currency")
