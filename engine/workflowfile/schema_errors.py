"""Schema errors: pydantic's errors as sentences for builders, each at its key or value in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engine.json_values import Path, Value, clean
from engine.workflowfile.phrases import (
    cite,
    describe,
    find_nearest,
    list_names,
    show,
    suggest,
    write_path,
    write_plain,
    write_sentence,
)
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import OWN_ERROR
from engine.workflowfile.unsupported import suggest_word

_MISSING_SPACE: Final = re.compile(r"[A-Za-z_]\w*:[^\s/]")
_YES_NO: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})

# The expected type in words, by the beginning of pydantic's name for the type error.
_EXPECTED_TYPES: Final = (
    ("bool", "true or false"),
    ("string", "text"),
    ("int", "a whole number"),
    ("float", "a number"),
    ("decimal", "a number"),
    ("finite", "a number"),
    ("list", "a list"),
    ("tuple", "a list"),
    ("set", "a list"),
    ("frozen_set", "a list"),
    ("dict", "a mapping"),
    ("mapping", "a mapping"),
    ("model", "a mapping"),
    ("dataclass", "a mapping"),
    ("datetime", "a date and time, like 2026-01-31T09:00:00Z"),
    ("timezone", "a date and time with its offset, like 2026-01-31T09:00:00Z"),
    ("date", "a date, like 2026-01-31"),
    ("time_delta", "a duration"),
    ("time", "a time of day, like 09:00"),
    ("url", "an address, like https://example.com/page"),
    ("uuid", "a UUID"),
    ("bytes", "text"),
    ("none_required", "nothing"),
)
_KEY_ERRORS: Final = frozenset({"missing", "extra_forbidden", "unexpected_keyword_argument"})
_TYPE_ERROR_ENDINGS: Final = ("_type", "_parsing", "_from_float", "_parsing_size", "_number", "_sub_type")
_OTHER_TYPE_ERRORS: Final = frozenset({"none_required", "timezone_aware", "date_from_datetime_inexact"})

Limits = Mapping[str, Any]
# The sentence about a limit, by pydantic's name for the error. `ctx` holds the limit.
_LIMITS: Final[Mapping[str, Callable[[Limits], str]]] = {
    "string_too_long": lambda ctx: f"This may be at most {ctx['max_length']:,} characters long.",
    "string_too_short": lambda ctx: (
        "This may not be empty." if ctx["min_length"] == 1 else f"This needs at least {ctx['min_length']} characters."
    ),
    "string_pattern_mismatch": lambda ctx: f"This text does not match the pattern `{cite(ctx['pattern'])}`.",
    "too_long": lambda ctx: f"At most {ctx['max_length']:,} entries are allowed here.",
    "too_short": lambda ctx: f"This needs at least {ctx['min_length']} {_entries(ctx['min_length'])}.",
    "greater_than": lambda ctx: f"This must be more than {ctx['gt']}.",
    "greater_than_equal": lambda ctx: f"This must be at least {ctx['ge']}.",
    "less_than": lambda ctx: f"This must be less than {ctx['lt']}.",
    "less_than_equal": lambda ctx: f"This must be at most {ctx['le']}.",
    "multiple_of": lambda ctx: f"This must be a multiple of {ctx['multiple_of']}.",
    "decimal_max_places": lambda ctx: f"This may have at most {ctx['decimal_places']} digits after the point.",
    "decimal_max_digits": lambda ctx: f"This may have at most {ctx['max_digits']} digits.",
}


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that a mapping for this model may have, as they are written in the file."""
    names: list[str] = []
    for name, info in model.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
        names.append(alias or name)
        if alias and (model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")):
            names.append(name)
    return tuple(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaContext:
    """The mapping of the file that pydantic was reading when it found the errors."""

    base: Path
    """The path of the mapping."""
    model: type[BaseModel]
    """The model that describes the mapping."""
    name: str
    """The name of the mapping in a sentence."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Hints for keys that are unknown here, but known in another part of the file."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """Hints for values of a wrong kind, by their key. `channels[]` is an entry of the list `channels`."""
    not_yet: frozenset[str] = frozenset()
    """Keys of `model` that are not available yet, so no hint names them."""


def report_errors(report: ProblemReport, errors: Sequence[ErrorDetails], context: SchemaContext) -> None:
    """Add every error to the report."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    misspelt: set[tuple[Path, str]] = set()
    # Unknown keys come first: if one is a misspelt required key, the missing key is not reported again.
    for error in sorted(errors, key=lambda error: error["type"] == "missing"):
        if report.is_full:
            return
        path = _locate_below_base(report, error["loc"][:-1] if error["type"] in _KEY_ERRORS else error["loc"], context)
        if error["type"] == "missing":
            _report_missing_key(report, (*path, str(error["loc"][-1])), context, misspelt)
        elif error["type"] in _KEY_ERRORS:
            _report_unknown_key(report, error, path, context, misspelt)
        else:
            by_path.setdefault(path, []).append(error)
    for path, value_errors in by_path.items():
        is_about_key = value_errors[0]["loc"][-1:] == ("[key]",)
        value = str(path[-1]) if is_about_key else report.value(path)
        message, hint = _explain_value(value_errors, value, context.examples.get(_from_last_key_in_words(path), ""))
        report.add(path, message, hint, at="key" if is_about_key else "value")


def describe_error(error: ErrorDetails) -> str:
    """Return an error outside a file as a sentence for the person who changed the value."""
    if error["type"] in _KEY_ERRORS:
        return "This is needed." if error["type"] == "missing" else "There is no such key."
    message, _ = _explain_value([error], clean(error["input"]))
    return message


def _locate_below_base(report: ProblemReport, loc: Path, context: SchemaContext) -> Path:
    """Return the path of an error like `locate`, but never above `base`. The file may lack `base`, such as `with`."""
    return locate(report, context.base + loc) if report.has(context.base) else context.base


def locate(report: ProblemReport, loc: Path) -> Path:
    """Return the path in the file for pydantic's location, without the names that it adds for branches of a union."""
    path: Path = ()
    for part in loc:
        if report.has((*path, part)):
            path = (*path, part)
    return path


def _report_missing_key(
    report: ProblemReport, path: Path, context: SchemaContext, misspelt: Collection[tuple[Path, str]]
) -> None:
    *parent, key = path
    if (tuple(parent), key) not in misspelt:
        owner = _describe_owner(tuple(parent), context)
        report.add(path, f"{_capitalize(owner)} needs the key `{cite(key)}`.")


def _report_unknown_key(
    report: ProblemReport, error: ErrorDetails, parent: Path, context: SchemaContext, misspelt: set[tuple[Path, str]]
) -> None:
    key = str(error["loc"][-1])
    model = _model_at(context.model, error["loc"][:-1])
    keys = keys_of(model) if model else ()
    if nearest := find_nearest(key, keys):
        misspelt.add((parent, nearest))
    hint = ""
    if parent == context.base:
        keys = tuple(known_key for known_key in keys if known_key not in context.not_yet)
        hint = context.hints.get(key, "") or suggest_word(key, keys, context.not_yet)
    report_unknown_key(report, (*parent, key), known=keys, owner=_describe_owner(parent, context), hint=hint)


def _describe_owner(path: Path, context: SchemaContext) -> str:
    return context.name if path == context.base else f"`{write_path(_from_last_key(path))}`"


def _from_last_key(path: Path) -> Path:
    """Return the end of a path, beginning with its last key: `show[3]`."""
    start = next((index for index in reversed(range(len(path))) if isinstance(path[index], str)), 0)
    return path[start:]


def _from_last_key_in_words(path: Path) -> str:
    return "".join("[]" if isinstance(part, int) else part for part in _from_last_key(path))


def report_unknown_key(
    report: ProblemReport, path: Path, *, known: Collection[str], owner: str, hint: str = ""
) -> None:
    """Report a key that its `owner`, the mapping in words, does not have."""
    key = str(path[-1])
    hint = hint or suggest(key, known) or (f"The keys are {list_names(sorted(known), 'and')}." if known else "")
    report.add(path, f"{_capitalize(owner)} has no key `{cite(key)}`.", hint, at="key")


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _model_at(model: type[BaseModel], loc: Path) -> type[BaseModel] | None:
    """Return the model of the mapping at `loc`, or None if the annotations do not name one."""
    current: type[BaseModel] | None = model
    for part in loc:
        if current is None or isinstance(part, int):
            continue
        info = next((info for name, info in current.model_fields.items() if part in (name, info.alias)), None)
        current = _first_model(info.annotation) if info else current
    return current


def _first_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_first_model, get_args(annotation))), None)


# -- values -------------------------------------------------------------------------------------------------


def _explain_value(errors: Sequence[ErrorDetails], value: Value, example: str = "") -> tuple[str, str]:
    """Return the message and hint for the errors of one value. Several errors come from the branches of a union.

    `example`: the hint for a value of a wrong kind, if there is no better one.
    """
    expected_types = list(dict.fromkeys(filter(None, (_expected_type(error["type"]) for error in errors))))
    if len(expected_types) == len(errors) or (
        expected_types and len(errors) > 1 and _has_other_type(value, expected_types)
    ):
        message, hint = _explain_wrong_type(expected_types, value)
        return message, hint or example
    error = next((error for error in errors if not _expected_type(error["type"])), errors[0])
    kind, ctx = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return write_sentence(str(ctx.get("error", "This value cannot be used"))), ""
    if kind in ("literal_error", "enum"):
        message, hint = _explain_not_one_of(str(ctx.get("expected", "")), value)
        return message, hint or example
    if kind in _LIMITS:
        return _LIMITS[kind](ctx), ""
    if kind == OWN_ERROR:
        return error["msg"], str(ctx.get("hint", ""))
    return f"The value {show(value)} cannot be used here.", ""


def _expected_type(kind: str) -> str | None:
    if kind in ("union_tag_invalid", "union_tag_not_found", "model_attributes_type"):
        return "a mapping" if kind == "model_attributes_type" else None
    if kind == "url_scheme":
        return "an address, like https://example.com/page"
    is_type_error = kind.endswith(_TYPE_ERROR_ENDINGS) or kind in _OTHER_TYPE_ERRORS
    return next((words for start, words in _EXPECTED_TYPES if is_type_error and kind.startswith(start)), None)


def _has_other_type(value: Value, expected_types: Collection[str]) -> bool:
    """Return whether no branch of the union takes the type of the value. Then the message names only the types."""
    type_words = {list: "a list", dict: "a mapping", bool: "true or false", int: "a whole number", str: None}
    return type_words.get(type(value), "a number") not in {*expected_types, None}


def _explain_wrong_type(expected_types: Sequence[str], value: Value) -> tuple[str, str]:
    if expected_types == ["true or false"] and isinstance(value, str) and value.casefold() in _YES_NO:
        return f"Write true or false here, not `{cite(value)}`.", ""
    names = [type_ for type_ in expected_types if type_ != "a whole number" or "a number" not in expected_types]
    message = f"This must be {', or '.join(filter(None, (', '.join(names[:-1]), names[-1])))}, not {describe(value)}."
    if isinstance(value, str) and "a mapping" in expected_types and _MISSING_SPACE.match(value):
        return message, "Put a space after the colon."
    if "text" in expected_types and isinstance(value, bool | int | Decimal):
        return message, f'Put it in quotes: "{write_plain(value)}".'
    return message, ""


def _explain_not_one_of(expected: str, value: Value) -> tuple[str, str]:
    names = re.findall(r"'((?:[^'\\]|\\.)*)'", expected) or [part.strip() for part in expected.split(",")]
    hint = suggest(value, names) if isinstance(value, str) else ""
    return f"This must be {list_names(names)}, not {show(value)}.", hint
