"""When a gate asks, as a choice in a form: always, above a number, or as an expression says. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.presentation import labels
from engine.fields import FieldType
from engine.json_values import Value
from engine.workflowfile import Workflow

ALWAYS: Final = "always"
EXPRESSION: Final = "expression"
ABOVE: Final = "above:"
_ABOVE: Final = re.compile(r"\{\{\s*inputs\.(\w+)\s*>\s*(-?\d+(?:\.\d+)?)((?:\s+or\s+inputs\.\w+)*)\s*\}\}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_NUMERIC: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY})
_MOST: Final = 90
"""Maximum number of choices with a number. Slack takes 100 in all."""
NO_NUMBER: Final = "Write the number, such as 100, into the input below."
NO_EXPRESSION: Final = "Write the expression below."
_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class ConditionEntry:
    """What the three inputs of a condition hold. `chosen`: the choice; `limit`: the number of an amount."""

    chosen: str = ALWAYS
    limit: str = ""
    expression: str = ""


def entry(written: Value, workflow: Workflow) -> ConditionEntry:
    """Return a condition of the file as the form shows it."""
    if written is None:
        return ConditionEntry()
    text = str(written).lower() if isinstance(written, bool) else str(written)
    found = _ABOVE.fullmatch(text)
    chosen = "" if found is None else _key(found[1], found[3])
    names = chosen.removeprefix(ABOVE).split(":")
    if found is not None and names[0] in _named(workflow, _NUMERIC) and {*names[1:]} <= {*_flags(workflow)}:
        return ConditionEntry(chosen, found[2])
    return ConditionEntry(EXPRESSION, expression=text)


def options(workflow: Workflow, chosen: str) -> tuple[tuple[str, str], ...]:
    """Return the choices with their labels. `chosen`: the one of now, which is among them."""
    above = dict[str, str]()
    for key in _keys(workflow, chosen):
        number, *flags = key.removeprefix(ABOVE).split(":")
        ors = "".join(f", or “{_flags(workflow)[flag]}” is yes" for flag in flags)
        above[key] = f"“{_named(workflow, _NUMERIC)[number]}” is above a number{ors}"
    return (ALWAYS, "Always"), *above.items(), (EXPRESSION, "As an expression says")


def write(chosen: str, limit: str, expression: str) -> tuple[Value, str]:
    """Return the condition for the file, None for no condition; and a sentence if something is missing."""
    if chosen.startswith(ABOVE):
        if not _NUMBER.fullmatch(limit.strip()):
            return None, NO_NUMBER
        number, *flags = chosen.removeprefix(ABOVE).split(":")
        ors = "".join(f" or inputs.{flag}" for flag in flags)
        return f"{{{{ inputs.{number} > {limit.strip()}{ors} }}}}", ""
    if chosen == EXPRESSION:
        return (_WORDS.get(expression, expression), "") if expression else (None, NO_EXPRESSION)
    return None, ""


def with_new_limit(text: str, before: ConditionEntry, after: ConditionEntry) -> str:
    """Return a text about a limit with the new number in the place of the old one."""
    number = before.chosen.partition(":")[2].partition(":")[0]
    is_same = after.chosen.partition(":")[2].partition(":")[0] == number
    if not (before.limit and after.limit.strip() and is_same):
        return text
    old = rf"(?<![\w.]){re.escape(before.limit)}(?!\w|\.\d)"
    return re.sub(old, lambda _: after.limit.strip(), text)


def _key(number: str, ors: str) -> str:
    return ":".join([f"{ABOVE}{number}", *re.findall(r"inputs\.(\w+)", ors)])


def _keys(workflow: Workflow, chosen: str) -> Iterator[str]:
    """Yield the choices with a number: of each input alone, and with each one that is yes or no."""
    if chosen.startswith(ABOVE):
        yield chosen
    flags = _flags(workflow)
    keys = [
        key
        for name in _named(workflow, _NUMERIC)
        for key in (f"{ABOVE}{name}", *(f"{ABOVE}{name}:{flag}" for flag in flags))
    ]
    yield from keys[:_MOST]


def _flags(workflow: Workflow) -> dict[str, str]:
    return _named(workflow, frozenset({FieldType.BOOLEAN}))


def _named(workflow: Workflow, types: frozenset[FieldType]) -> dict[str, str]:
    """Return the labels of the inputs of these types, by their names."""
    declared = workflow.inputs.items()
    return {name: labels.of_field(field.label, name) for name, field in declared if field.type in types}
