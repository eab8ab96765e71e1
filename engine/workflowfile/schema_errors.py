"""pydantic's errors as sentences for a builder, each at the key or the value that it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engine.json_values import Path, Value, clean
from engine.workflowfile.phrases import cite, describe, listed, near, nearest, plain, sentence, show, write_path
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import OWN_ERROR
from engine.workflowfile.unsupported import suggestion

_NO_SPACE: Final = re.compile(r"[A-Za-z_]\w*:[^\s/]")
_YES_NO: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})

# What a type error wants, by the beginning of pydantic's name for the error.
_WANTS: Final = (
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
_ABOUT_KEYS: Final = frozenset({"missing", "extra_forbidden", "unexpected_keyword_argument"})
_PARTS: Final = ("_type", "_parsing", "_from_float", "_parsing_size", "_number", "_sub_type")

Limits = Mapping[str, Any]
# What a limit says, by pydantic's name for the error; `ctx` holds the limit.
_LIMITS: Final[Mapping[str, Callable[[Limits], str]]] = {
    "string_too_long": lambda ctx: f"This may be at most {ctx['max_length']:,} characters long.",
    "string_too_short": lambda ctx: (
        "This may not be empty." if ctx["min_length"] == 1 else f"This needs at least {ctx['min_length']} characters."
    ),
    "string_pattern_mismatch": lambda ctx: f"This text does not match the pattern `{cite(ctx['pattern'])}`.",
    "too_long": lambda ctx: f"At most {ctx['max_length']:,} entries may stand here.",
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
    """The keys that a mapping for this model may have, as they are written in the file."""
    names: list[str] = []
    for name, info in model.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
        names.append(alias or name)
        if alias and (model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")):
            names.append(name)
    return tuple(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What was being read: `base` is where the mapping stands that `model` describes, `what` its name in a sentence.

    `hints`: for keys that are unknown here, but known elsewhere. `not_yet`: keys of `model` that are no help to name.
    """

    base: Path
    model: type[BaseModel]
    what: str
    hints: Mapping[str, str] = field(default_factory=dict)
    not_yet: frozenset[str] = frozenset()


def complain(report: ProblemReport, errors: Sequence[ErrorDetails], reader: Reader) -> None:
    """Puts every error in the report."""
    by_place: dict[Path, list[ErrorDetails]] = {}
    meant: set[tuple[Path, str]] = set()
    # Unknown keys first: one that is a slip of a needed key says all that there is to say.
    for error in sorted(errors, key=lambda error: error["type"] == "missing"):
        path = _place(report, error["loc"][:-1] if error["type"] in _ABOUT_KEYS else error["loc"], reader)
        if error["type"] == "missing":
            _complain_of_missing(report, (*path, str(error["loc"][-1])), reader, meant)
        elif error["type"] in _ABOUT_KEYS:
            _complain_of_unknown(report, error, path, reader, meant)
        else:
            by_place.setdefault(path, []).append(error)
    for path, here in by_place.items():
        about_key = here[0]["loc"][-1:] == ("[key]",)
        message, hint = _of_value(here, str(path[-1]) if about_key else report.value(path))
        report.add(path, message, hint, at="key" if about_key else "value")


def in_words(error: ErrorDetails) -> str:
    """One error outside of a file, as a sentence for whoever changed the value."""
    if error["type"] in _ABOUT_KEYS:
        return "This is needed." if error["type"] == "missing" else "There is no such key."
    message, _ = _of_value([error], clean(error["input"]))
    return message


def _place(report: ProblemReport, loc: Path, reader: Reader) -> Path:
    """`locate`, but never above `base`, which itself may not stand in the file (a step without `with`)."""
    return locate(report, reader.base + loc) if report.has(reader.base) else reader.base


def locate(report: ProblemReport, loc: Path) -> Path:
    """The place in the file that pydantic means: without the names that it adds for the branches of a union."""
    path: Path = ()
    for part in loc:
        if report.has((*path, part)):
            path = (*path, part)
    return path


def _complain_of_missing(
    report: ProblemReport, path: Path, reader: Reader, meant: Collection[tuple[Path, str]]
) -> None:
    *parent, key = path
    if (tuple(parent), key) not in meant:
        owner = _owner(tuple(parent), reader)
        report.add(path, f"{_capital(owner)} needs the key `{cite(key)}`.")


def _complain_of_unknown(
    report: ProblemReport, error: ErrorDetails, parent: Path, reader: Reader, meant: set[tuple[Path, str]]
) -> None:
    key = str(error["loc"][-1])
    model = _model_at(reader.model, error["loc"][:-1])
    known = keys_of(model) if model else ()
    if slip_of := nearest(key, known):
        meant.add((parent, slip_of))
    hint = ""
    if parent == reader.base:
        known = tuple(each for each in known if each not in reader.not_yet)
        hint = reader.hints.get(key, "") or suggestion(key, known, reader.not_yet)
    unknown_key(report, (*parent, key), known=known, what=_owner(parent, reader), hint=hint)


def _owner(path: Path, reader: Reader) -> str:
    return reader.what if path == reader.base else f"`{write_path(_last_name(path))}`"


def _last_name(path: Path) -> Path:
    """The end of a path, from its last key on: `show[3]`."""
    start = next((index for index in reversed(range(len(path))) if isinstance(path[index], str)), 0)
    return path[start:]


def unknown_key(report: ProblemReport, path: Path, *, known: Collection[str], what: str, hint: str = "") -> None:
    key = str(path[-1])
    hint = hint or near(key, known) or (f"The keys are {listed(sorted(known), 'and')}." if known else "")
    report.add(path, f"{_capital(what)} has no key `{cite(key)}`.", hint, at="key")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _model_at(model: type[BaseModel], loc: Path) -> type[BaseModel] | None:
    """The model that reads the mapping at `loc`, as far as the annotations tell."""
    here: type[BaseModel] | None = model
    for part in loc:
        if here is None or isinstance(part, int):
            continue
        info = next((info for name, info in here.model_fields.items() if part in (name, info.alias)), None)
        here = _first_model(info.annotation) if info else here
    return here


def _first_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_first_model, get_args(annotation))), None)


# -- values -------------------------------------------------------------------------------------------------


def _of_value(errors: Sequence[ErrorDetails], value: Value) -> tuple[str, str]:
    """Message and hint for what is wrong at one place; several errors there are the branches of a union."""
    wants = list(dict.fromkeys(filter(None, (_wanted(error["type"]) for error in errors))))
    if len(wants) == len(errors) or (wants and len(errors) > 1 and _is_alien(value, wants)):
        return _wrong_type(wants, value)
    error = next((error for error in errors if not _wanted(error["type"])), errors[0])
    kind, ctx = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return sentence(str(ctx.get("error", "This value cannot be used"))), ""
    if kind in ("literal_error", "enum"):
        return _not_one_of(str(ctx.get("expected", "")), value)
    if kind in _LIMITS:
        return _LIMITS[kind](ctx), ""
    if kind == OWN_ERROR:
        return error["msg"], str(ctx.get("hint", ""))
    return f"The value {show(value)} cannot be used here.", ""


def _wanted(kind: str) -> str | None:
    if kind in ("union_tag_invalid", "union_tag_not_found", "model_attributes_type"):
        return "a mapping" if kind == "model_attributes_type" else None
    if kind == "url_scheme":
        return "an address, like https://example.com/page"
    exact = kind == "none_required" or kind.endswith(_PARTS) or kind in ("timezone_aware", "date_from_datetime_inexact")
    return next((want for start, want in _WANTS if exact and kind.startswith(start)), None)


def _is_alien(value: Value, wants: Collection[str]) -> bool:
    """Whether the value has a type that no branch of the union takes, so that only the types are worth a word."""
    own = {list: "a list", dict: "a mapping", bool: "true or false", int: "a whole number", str: None}
    return own.get(type(value), "a number") not in {*wants, None}


def _wrong_type(wants: Sequence[str], value: Value) -> tuple[str, str]:
    if wants == ["true or false"] and isinstance(value, str) and value.casefold() in _YES_NO:
        return f"Write true or false here, not `{cite(value)}`.", ""
    names = [want for want in wants if want != "a whole number" or "a number" not in wants]
    message = f"This must be {', or '.join(filter(None, (', '.join(names[:-1]), names[-1])))}, not {describe(value)}."
    if isinstance(value, str) and "a mapping" in wants and _NO_SPACE.match(value):
        return message, "Put a space after the colon."
    if "text" in wants and isinstance(value, bool | int | Decimal):
        return message, f'Put it in quotes: "{plain(value)}".'
    return message, ""


def _not_one_of(expected: str, value: Value) -> tuple[str, str]:
    names = re.findall(r"'((?:[^'\\]|\\.)*)'", expected) or [part.strip() for part in expected.split(",")]
    hint = near(value, names) if isinstance(value, str) else ""
    return f"This must be {listed(names)}, not {show(value)}.", hint
