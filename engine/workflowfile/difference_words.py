"""What differs between two versions of a workflow in words, for people who do not know the format. Pure.

Conditions stand as the steps of a workflow tell them, lists as "a, b and c", durations and amounts in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from engine import currencies, durations
from engine.errors import InvalidValue, SignoffError
from engine.expressions import compile_template
from engine.identifiers import in_words
from engine.json_values import Path, Value, dumps
from engine.workflowfile import condition_words
from engine.workflowfile.difference import PartChange, PartChangeKind, differences
from engine.workflowfile.workflow import Workflow

_SHOWN: Final = 300
"""Maximum length of a value in a sentence, in characters."""
_CONDITIONS: Final = frozenset({"when", "if", "only_when"})
"""Keys whose value is a condition."""
_DURATIONS: Final = frozenset(
    {
        *("after", "every", "expires", "fallback_after", "for", "hold", "outcome_within", "timeout", "undo"),
        *("valid_for", "wait"),
    }
)
"""Keys whose value may be a duration."""
_MARKS: Final = (", ", "; ", ": ", " and ", "(", ")", "“", "”")
"""What a text in a list must not have, or it is quoted: it could be taken for several values."""


def sentences(before: Workflow | None, after: Workflow) -> list[str]:
    """Return what differs between two versions, a sentence for each change; for a new workflow, its parts."""
    return [sentence(change, before, after) for change in differences(before, after)]


def sentence(change: PartChange, before: Workflow | None, after: Workflow) -> str:
    """Return a change in words, on one line."""
    subject = ", ".join(filter(None, (change.place, words_of(change.key))))
    subject = subject[:1].upper() + subject[1:]
    old, new = _shown(change.before, change.key, before), _shown(change.after, change.key, after)
    if old == new:
        # Two values whose words are the same, such as the number 1 and the text "1".
        old, new = _cut(dumps(change.before)), _cut(dumps(change.after))
    match change.kind:
        case PartChangeKind.ADDED:
            return f"{subject}: {new} (new)"
        case PartChangeKind.REMOVED if not change.place and change.key == ("owner",):
            return f"{subject}: not in the file any more, so it stays {old}"
        case PartChangeKind.REMOVED:
            return f"{subject}: removed (was {old})"
        case PartChangeKind.MOVED:
            return f"{subject}: in another order"
        case _:
            return f"{subject}: {new} (was {old})"


def words_of(key: Path) -> str:
    """Return what a key of a file is about, for people who do not know the format."""
    names = [str(part) for part in key]
    known = next((size for size in range(len(names), 0, -1) if tuple(names[:size]) in _WORDS), 0)
    first = [_WORDS[tuple(names[:known])]] if known else []
    return ", ".join((*first, *(name if name in _NAMES else in_words(name) for name in names[known:])))


_NAMES: Final = frozenset({"url", "json"})
_WORDS: Final[Mapping[tuple[str, ...], str]] = {
    ("gate", "when"): "people are asked if",
    ("gate", "approvers"): "who is asked",
    ("gate", "policy"): "how many have to approve",
    ("gate", "expires"): "expires after",
    ("gate", "on_expiry"): "after it expires",
    ("gate", "edit"): "what approvers can change",
    ("gate", "show"): "what approvers see",
    ("gate", "title"): "title of the request",
    ("gate", "requester"): "whether the requester decides",
    ("gate", "remind"): "reminders",
    ("gate", "escalate"): "who is asked later",
    ("may_run",): "who may start it",
    ("owner",): "owner",
    ("protected",): "every change waits for another person",
    ("uses",): "what it does",
    ("when",): "runs if",
    ("with",): "with",
}
"""Keys of a file in words."""


# -- values -------------------------------------------------------------------------------------------------


def _shown(value: Value, key: Path, workflow: Workflow | None) -> str:
    return _cut(_value(value, key, workflow))


def _cut(text: str) -> str:
    """Return a text on one line, cut if it is long."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _value(value: Value, key: Path, workflow: Workflow | None) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "yes" if value else "no"
        case str():
            return _text(value, key, workflow)
        case int() | Decimal():
            return dumps(value)
        case list():
            return _joined([_inner(item, key, workflow) for item in value])
    return _mapping(value, key, workflow)


def _text(value: str, key: Path, workflow: Workflow | None) -> str:
    name = next((part for part in reversed(key) if isinstance(part, str)), "")
    if name in _CONDITIONS:
        return _condition(value, workflow)
    if name in _DURATIONS:
        try:
            return durations.in_words(durations.parse(value))
        except InvalidValue:
            return value
    return value or "empty"


def _condition(value: str, workflow: Workflow | None) -> str:
    try:
        template = compile_template(value)
    except SignoffError:
        return value
    return condition_words.code(template) if workflow is None else condition_words.condition(template, workflow).text


def _mapping(value: Mapping[str, Value], key: Path, workflow: Workflow | None) -> str:
    amount, currency = value.get("amount"), value.get("currency")
    if value.keys() == {"amount", "currency"} and isinstance(currency, str) and _is_number(amount):
        return currencies.show(str(amount), currency)
    named = [f"{_name(key, name)}: {_inner(item, (*key, name), workflow)}" for name, item in value.items()]
    return "; ".join(named) or "nothing"


def _name(key: Path, name: str) -> str:
    around = (*key[-1:], name)
    return words_of(around if around in _WORDS else (name,)) or name


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _inner(value: Value, key: Path, workflow: Workflow | None) -> str:
    """Return a value inside another one, so that where it ends can be seen."""
    said = _value(value, key, workflow)
    if isinstance(value, list | dict):
        return f"({said})"
    return f"“{said}”" if isinstance(value, str) and said == value and any(mark in said for mark in _MARKS) else said


def _joined(parts: list[str]) -> str:
    *most, last = parts or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last
