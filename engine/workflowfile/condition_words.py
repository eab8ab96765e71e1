"""Conditions of workflows in words, as far as words can say exactly what they are; others as code. Pure.

“Amount” is above 100 EUR or “VIP” is yes: labels and texts stand in quotes, so that no label looks like our words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine import identifiers, timestamps
from engine.expressions import Template
from engine.expressions.conditions import (
    Comparison,
    Condition,
    Junction,
    Literal,
    Literals,
    Operand,
    ReadValue,
    Relation,
    read_condition,
)
from engine.fields import Field, FieldType
from engine.json_values import Path, Value
from engine.workflowfile.workflow import Workflow

_QUOTATION: Final = re.compile("“[^”]*”")
_UNSAYABLE: Final = "“”\u115f\u1160\u2800\u3164\uffa0"
"""Characters that no text in our words may have: our quotation marks, and letters that look like blanks."""
_LONGEST_TEXT: Final = 60
"""Maximum length of a label or a text that stands in the words of a condition, in characters."""
_MOST_VALUES: Final = 12
"""Maximum number of values in a list of the words."""

_ORDERED: Final = {
    Relation.ABOVE: "above",
    Relation.AT_LEAST: "at least",
    Relation.BELOW: "below",
    Relation.AT_MOST: "at most",
}
_IN_TIME: Final = {
    Relation.ABOVE: "after",
    Relation.AT_LEAST: "on or after",
    Relation.BELOW: "before",
    Relation.AT_MOST: "on or before",
}
_NUMBERS: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER})
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})
_VERDICTS: Final = {"approved": "approved", "rejected": "rejected"}


class _Unsayable(Exception):
    """A condition that words would not say exactly."""


@dataclass(frozen=True, slots=True)
class Said:
    """A condition as people read it. `is_code`: it is the expression itself."""

    text: str
    is_code: bool = False


def condition(template: Template, workflow: Workflow) -> Said:
    """Return a condition as a clause that follows "if": “Amount” is above 100 EUR or “VIP” is yes."""
    return _said(template, _ConditionWords(workflow))


def brief(template: Template, workflow: Workflow) -> Said:
    """Return a condition for a list: above 100 EUR or “VIP”. The only amount of the workflow needs no name."""
    return _said(template, _BriefConditionWords(workflow))


def code(template: Template) -> str:
    """Return an expression in one line, without the braces around the whole of it."""
    source = " ".join(template.source.split())
    return source.removeprefix("{{").removesuffix("}}").strip() if template.is_whole else source


def _said(template: Template, words: _ConditionWords) -> Said:
    structure = read_condition(template)
    try:
        if structure is not None:
            return Said(words.joined(structure))
    except _Unsayable:
        pass
    return Said(code(template), is_code=True)


class _ConditionWords:
    """The words of the conditions of one workflow."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        names = [declared.label or identifiers.in_words(name) for name, declared in workflow.inputs.items()]
        self._ambiguous = {name for name in names if names.count(name) > 1}
        steps = [step.label for step in workflow.steps]
        self._alike = {label for label in steps if steps.count(label) > 1}

    # -- how comparisons are joined --

    def joined(self, condition: Condition) -> str:
        """Return the words of a condition. Two ways of joining are told apart by commas and by "either"."""
        if isinstance(condition, Comparison):
            return self.comparison(condition)
        word = "and" if condition.needs_all else "or"
        parts = [*map(self._part, condition.parts)]
        is_mixed = any(isinstance(part, Junction) for part in condition.parts) or any(map(_has_comma, parts))
        if len(parts) == 2 and not is_mixed:
            return f" {word} ".join(parts)
        return ", ".join([*parts[:-1], f"{word} {parts[-1]}"]) if not is_mixed else f", {word} ".join(parts)

    def _part(self, condition: Condition) -> str:
        """Return the words of a part, which may be joined of comparisons itself."""
        if isinstance(condition, Comparison):
            return self.comparison(condition)
        if any(isinstance(part, Junction) for part in condition.parts):
            raise _Unsayable
        said = f" {'and' if condition.needs_all else 'or'} ".join(map(self._inner, condition.parts))
        return said if condition.needs_all else f"either {said}"

    def _inner(self, condition: Condition) -> str:
        assert isinstance(condition, Comparison)
        said = self.comparison(condition)
        if _has_comma(said):
            raise _Unsayable
        return said

    # -- one comparison --

    def comparison(self, comparison: Comparison) -> str:
        """Return the words of one comparison."""
        left, relation, right = comparison.left, comparison.relation, comparison.right
        if relation in (Relation.IN, Relation.NOT_IN) and isinstance(right, ReadValue):
            return self._contains(left, right, relation is Relation.IN)
        if not isinstance(left, ReadValue):
            raise _Unsayable
        if (outcome := self._outcome(left, relation, right)) is not None:
            return outcome
        return f"{self.subject(left)} {self._predicate(left, relation, right)}"

    def _outcome(self, left: ReadValue, relation: Relation, right: Operand) -> str | None:
        """Return the words about the decision of an earlier step, or None if it is about something else."""
        path = left.path
        if path[0] != "steps" or path[2:] != ("decision", "verdict") or left.default is not None:
            return None
        verdict = _VERDICTS.get(str(right.value)) if isinstance(right, Literal) else None
        if verdict is None or relation not in (Relation.IS, Relation.IS_NOT):
            raise _Unsayable
        return f"step {self._step(str(path[1]))} was {'' if relation is Relation.IS else 'not '}{verdict}"

    def _contains(self, left: Operand, right: ReadValue, wanted: bool) -> str:
        """Return the words about an option, or a text, that a value has in it."""
        declared = self._field(right)
        if declared is None or not isinstance(left, Literal) or not isinstance(left.value, str):
            raise _Unsayable
        if declared.type is FieldType.CHOICES:
            verb = "includes" if wanted else "does not include"
        elif declared.type in _TEXTS and left.value:
            verb = "contains" if wanted else "does not contain"
        else:
            raise _Unsayable
        return f"{self.subject(right)} {verb} {_text(left.value, declared)}"

    def _predicate(self, left: ReadValue, relation: Relation, right: Operand) -> str:
        if isinstance(right, Literals):
            return self._one_of(left, relation, right)
        if relation in (Relation.IN, Relation.NOT_IN):
            raise _Unsayable
        unit = self._unit(left, right)
        if relation not in _ORDERED:
            return f"is {'not ' if relation is Relation.IS_NOT else ''}{self._value(left, right, unit)}"
        declared = self._field(left)
        if declared is not None and declared.type is FieldType.DATE:
            return f"is {_IN_TIME[relation]} {self._value(left, right, unit)}"
        if isinstance(right, Literal) and not _is_number(right.value):
            raise _Unsayable
        return f"is {_ORDERED[relation]} {self._value(left, right, unit)}"

    def _one_of(self, left: ReadValue, relation: Relation, right: Literals) -> str:
        if relation not in (Relation.IN, Relation.NOT_IN) or not 0 < len(right.values) <= _MOST_VALUES:
            raise _Unsayable
        if any(not isinstance(value, str) for value in right.values):
            raise _Unsayable
        values = [self._value(left, Literal(value), "") for value in right.values]
        if len(values) == 1:
            return f"is {'' if relation is Relation.IN else 'not '}{values[0]}"
        return f"is {'one' if relation is Relation.IN else 'none'} of {', '.join(values)}"

    # -- the two sides --

    def subject(self, reference: ReadValue) -> str:
        """Return the name of a value that is read."""
        name = self._name(reference)
        if reference.default is None:
            return name
        if reference.default is False:
            return f"{name} (no if empty)"
        if reference.default is True:
            return f"{name} (yes if empty)"
        return f"{name} ({self._value(reference, Literal(reference.default), self._unit(reference, None))} if empty)"

    def _name(self, reference: ReadValue) -> str:
        root, *rest = reference.path
        if root == "inputs" and rest:
            return self._input_name(reference, str(rest[0]), [*map(str, rest[1:])])
        if root == "steps" and len(rest) > 1 and rest[1] not in ("decision", "approved", "error"):
            return f"{_end(rest[1:])} of step {self._step(str(rest[0]))}"
        if reference.path in _PLAIN_NAMES:
            return _PLAIN_NAMES[reference.path]
        if root == "ask" and len(rest) == 2 and rest[0] == "arguments":
            return f"{_end(rest[1:])} of what is asked"
        if root == "item" and len(rest) == 1:
            return f"{_end(rest)} of the item"
        raise _Unsayable

    def _input_name(self, reference: ReadValue, name: str, rest: list[str]) -> str:
        declared = self._workflow.inputs.get(name)
        label = "" if declared is None else declared.label or identifiers.in_words(name)
        if declared is None or label in self._ambiguous:
            raise _Unsayable
        is_money = declared.type is FieldType.MONEY
        if rest == ["currency"] and is_money and not reference.is_number:
            return f"the currency of {_quoted(label)}"
        if rest not in ([], ["amount"] if is_money else []) or (rest and not reference.is_number):
            raise _Unsayable
        if reference.is_number and not is_money and declared.type not in _NUMBERS:
            raise _Unsayable
        return _quoted(label) if not reference.is_number or declared.currency or not is_money else _any_money(label)

    def _step(self, step: str) -> str:
        found = next((one.label for one in self._workflow.steps if one.id == step), None)
        if found is None or found in self._alike:
            raise _Unsayable
        return _quoted(identifiers.in_words(found))

    def _field(self, reference: ReadValue) -> Field | None:
        """Return the declaration of an input, if all of it is read."""
        root, *rest = reference.path
        return self._workflow.inputs.get(str(rest[0])) if root == "inputs" and len(rest) == 1 else None

    def _unit(self, left: ReadValue, right: Operand | None) -> str:
        """Return the currency that a number beside money is in."""
        declared = self._workflow.inputs.get(str(left.path[1])) if left.path[0] == "inputs" else None
        if declared is None or declared.type is not FieldType.MONEY or left.path[2:] == ("currency",):
            return ""
        if isinstance(right, Literal) and not _is_number(right.value) and right.value is not None:
            raise _Unsayable
        if declared.currency is None and not left.is_number and isinstance(right, Literal) and right.value is not None:
            raise _Unsayable
        return f" {declared.currency}" if declared.currency else ""

    def _value(self, left: ReadValue, right: Operand, unit: str) -> str:
        declared = self._field(left)
        if isinstance(right, ReadValue):
            if right.default is not None:
                raise _Unsayable
            return self._name(right)
        if not isinstance(right, Literal):
            raise _Unsayable
        value = right.value
        if value is None:
            return "empty"
        if isinstance(value, bool):
            if declared is not None and declared.type is not FieldType.BOOLEAN:
                raise _Unsayable
            return "yes" if value else "no"
        if _is_number(value):
            if declared is not None and declared.type not in _NUMBERS | {FieldType.MONEY}:
                raise _Unsayable
            return f"{_number(value)}{unit}"
        if not isinstance(value, str):
            raise _Unsayable
        return _date(value) if declared is not None and declared.type is FieldType.DATE else _text(value, declared)


class _BriefConditionWords(_ConditionWords):
    """The words for a list, which leaves out what is clear."""

    def comparison(self, comparison: Comparison) -> str:
        """Return the words of one comparison."""
        left, relation, right = comparison.left, comparison.relation, comparison.right
        said = super().comparison(comparison)
        if not isinstance(left, ReadValue):
            return said
        if isinstance(right, Literal) and isinstance(right.value, bool) and relation is Relation.IS:
            # A default that is the other answer changes nothing where this one is asked for.
            plain = self._name(left)
            if left.default is None or left.default is not right.value:
                return plain if right.value else f"not {plain}" if left.default is None else said
        if relation in _ORDERED and isinstance(right, Literal) and left.default is None and self._is_only_amount(left):
            return said.removeprefix(f"{self.subject(left)} is ")
        return said

    def _is_only_amount(self, reference: ReadValue) -> bool:
        """Return whether a value is the only money of the inputs, in a currency that the words name."""
        amounts = [name for name, one in self._workflow.inputs.items() if one.type is FieldType.MONEY]
        return amounts == [*reference.path[1:2]] and reference.path[0] == "inputs" and bool(self._unit(reference, None))


_PLAIN_NAMES: Final[Mapping[Path, str]] = {
    ("ask", "risk"): "the risk of what is asked",
    ("ask", "tool"): "the tool of what is asked",
    ("item",): "the item",
    ("index",): "the number of the item",
}


def _any_money(label: str) -> str:
    return f"{_quoted(label)} in its currency"


def _has_comma(said: str) -> bool:
    """Return whether our own words have a comma, which could be taken for one between conditions."""
    return ", " in _QUOTATION.sub("", said)


def _end(path: list[str | int]) -> str:
    """Return the name of a value of an output, or of what is asked."""
    names = [part for part in path if isinstance(part, str)]
    if len(names) < len(path) or not names:
        raise _Unsayable
    return _quoted(" · ".join(map(identifiers.in_words, names)))


def _quoted(text: str) -> str:
    """Return a text in quotes. One that could not be told from our words is not said."""
    if any(mark in text for mark in _UNSAYABLE) or not _is_seen(text) or not 0 < len(text) <= _LONGEST_TEXT:
        raise _Unsayable
    return f"“{text}”"


def _is_seen(text: str) -> bool:
    """Return whether each character of a text is seen, in one line."""
    return text.isprintable() and " ".join(text.split()) == text


def _text(value: str, declared: Field | None) -> str:
    """Return a text, or the label of an option."""
    if declared is None or not declared.options:
        return _quoted(value)
    shown = {option.value: option.label for option in declared.options}
    label = shown.get(value)
    if label is None or [*shown.values()].count(label) > 1:
        raise _Unsayable
    return _quoted(label)


def _date(value: str) -> str:
    words = timestamps.in_words(value)
    if words == value or ":" in words:
        raise _Unsayable
    return words


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _number(value: Value) -> str:
    assert isinstance(value, int | Decimal)
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
