"""Checks of a gate's `edit`: its fields exist, may be edited, and have the type that the file declares."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from engine import fields, json_values
from engine.errors import InvalidValue
from engine.expressions import iter_strings
from engine.fields import Field
from engine.json_values import Path, Value
from engine.workflowfile.draft import EditDraft
from engine.workflowfile.phrases import cite, find_nearest, list_names, suggest
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression


def check_params(
    report: ProblemReport,
    edits: Collection[EditDraft],
    params: Mapping[str, Value],
    *,
    secrets: Collection[Path],
    fixed: Collection[str],
    unknown: Collection[str],
) -> None:
    """Check the fields of a gate that reviews the parameters of a step.

    `secrets`: the paths in `params` that hold a secret. `fixed`: keys that people can never edit. `unknown`: keys of
    `params` that the step does not have.
    """
    check_overlap(report, edits)
    for edit in edits:
        path_parts = tuple(edit.name.split("."))
        if any(_overlap(path_parts, tuple(map(str, secret))) for secret in secrets):
            report.add(edit.at, f"`{cite(edit.name)}` contains a secret and can never be edited.", at="key")
            continue
        if path_parts[0] in fixed:
            report.add(edit.at, f"`{cite(path_parts[0])}` can never be edited.", at="key")
            continue
        path, names = _find_param(edit.name, dict(params))
        if path is None:
            known_keys = [name for name in names if name not in unknown]
            # A misspelt parameter was reported at its own place.
            if known_keys and not any(find_nearest(key, [path_parts[0]]) for key in unknown):
                hint = (
                    suggest(edit.name, known_keys)
                    or f"There {'are' if len(known_keys) > 1 else 'is'} {list_names(known_keys, 'and')}."
                )
                report.add(edit.at, f"The step has no parameter `{cite(edit.name)}` to edit.", hint, at="key")
        elif edit.type is not None:
            _check_type(report, edit.at, edit.type, json_values.look(dict(params), path))


def check_outputs(report: ProblemReport, edits: Collection[EditDraft], outputs: frozenset[str] | None) -> None:
    """Check the fields of a gate that reviews the outputs of a step. `outputs` is None if only the run knows them."""
    check_overlap(report, edits)
    for edit in edits:
        name = edit.name.split(".")[0]
        if outputs is not None and name not in outputs:
            hint = suggest(name, outputs) or (f"It has {list_names(sorted(outputs), 'and')}." if outputs else "")
            report.add(edit.at, f"The step has no output `{cite(name)}` to edit.", hint, at="key")


def _overlap(first: Path, second: Path) -> bool:
    """Return whether one path equals the other or lies inside it."""
    return first[: len(second)] == second or second[: len(first)] == first


def check_overlap(report: ProblemReport, edits: Collection[EditDraft]) -> None:
    """Report a field of `edit` that lies inside another one."""
    earlier: list[EditDraft] = []
    for edit in edits:
        for other in earlier:
            if edit.name != other.name and _overlap(tuple(edit.name.split(".")), tuple(other.name.split("."))):
                inner, outer = sorted((edit.name, other.name), key=len, reverse=True)
                message = f"`{cite(inner)}` lies inside `{cite(outer)}`; name one of the two."
                report.add(edit.at, message, at="key")
                break
        earlier.append(edit)


def _find_param(name: str, params: dict[str, Value]) -> tuple[Path | None, list[str]]:
    """Return the path of the parameter `name`, or None with the names that are possible in its place.

    There are no names if the parameter is inside an expression, whose value is known only during the run.
    """
    value: Value = params
    path: Path = ()
    for part in name.split("."):
        if isinstance(value, str) and has_expression(value):
            return None, []
        key: str | int = int(part) if isinstance(value, list) and part.isdecimal() and len(part) < 9 else part
        if not _has_key(value, key):
            names = [json_values.show_path((*path, known_key)) for known_key in _keys(value)]
            return None, names or list(params) or ["nothing"]
        value = json_values.look(value, (key,))
        path = (*path, key)
    return path, []


def _has_key(value: Value, key: str | int) -> bool:
    try:
        json_values.look(value, (key,))
    except KeyError:
        return False
    return True


def _keys(value: Value) -> Iterable[str | int]:
    if isinstance(value, dict):
        return list(value)[:20]
    return range(min(len(value), 20)) if isinstance(value, list) else ()


def _check_type(report: ProblemReport, at: Path, declared: Field, value: Value) -> None:
    if any(has_expression(text) for _, text in iter_strings(value)):
        return
    try:
        fields.validate(declared, value)
    except InvalidValue as error:
        hint = "Change the type here, or the value under `with`."
        report.add(at, f"The value under `with` does not fit the type {declared.type}: it {error}.", hint)
