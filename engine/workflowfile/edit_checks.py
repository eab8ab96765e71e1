"""`edit` of a gate: whether its fields are there, may be edited, and are of the type that the file says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from engine import fields, json_values
from engine.errors import InvalidValue
from engine.expressions import iter_strings
from engine.fields import Field
from engine.json_values import Path, Value
from engine.workflowfile.draft import EditDraft
from engine.workflowfile.phrases import cite, listed, near, nearest
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression


def check_params(
    report: ProblemReport,
    edits: Collection[EditDraft],
    params: Mapping[str, Value],
    *,
    secrets: Collection[Path],
    unknown: Collection[str],
) -> None:
    """The fields of what a step is about to do.

    `secrets`: the paths in `params` that hold one. `unknown`: keys of `params` that the step does not have.
    """
    _check_overlap(report, edits)
    for edit in edits:
        written = tuple(edit.name.split("."))
        if any(_touch(written, tuple(map(str, held))) for held in secrets):
            report.add(edit.at, f"`{cite(edit.name)}` contains a secret and can never be edited.", at="key")
            continue
        path, names = _find(edit.name, dict(params))
        if path is None:
            known = [name for name in names if name not in unknown]
            # A parameter that is only misspelt was told where it stands.
            if known and not any(nearest(slip, [written[0]]) for slip in unknown):
                hint = near(edit.name, known) or f"There {'are' if len(known) > 1 else 'is'} {listed(known, 'and')}."
                report.add(edit.at, f"The step has no parameter `{cite(edit.name)}` to edit.", hint, at="key")
        elif edit.type is not None:
            _check_type(report, edit.at, edit.type, json_values.look(dict(params), path))


def check_outputs(report: ProblemReport, edits: Collection[EditDraft], outputs: frozenset[str] | None) -> None:
    """The fields of what a step produced. `outputs` None: not known before it ran."""
    _check_overlap(report, edits)
    for edit in edits:
        name = edit.name.split(".")[0]
        if outputs is not None and name not in outputs:
            hint = near(name, outputs) or (f"It has {listed(sorted(outputs), 'and')}." if outputs else "")
            report.add(edit.at, f"The step has no output `{cite(name)}` to edit.", hint, at="key")


def _touch(one: Path, other: Path) -> bool:
    """Whether one of the two lies at, inside or above the other."""
    return one[: len(other)] == other or other[: len(one)] == one


def _check_overlap(report: ProblemReport, edits: Collection[EditDraft]) -> None:
    seen: list[EditDraft] = []
    for edit in edits:
        for other in seen:
            if edit.name != other.name and _touch(tuple(edit.name.split(".")), tuple(other.name.split("."))):
                inner, outer = sorted((edit.name, other.name), key=len, reverse=True)
                message = f"`{cite(inner)}` lies inside `{cite(outer)}`; name one of the two."
                report.add(edit.at, message, at="key")
                break
        seen.append(edit)


def _find(name: str, params: dict[str, Value]) -> tuple[Path | None, list[str]]:
    """The path that `name` means, or None with the names that could stand there; no names: it cannot be known."""
    here: Value = params
    path: Path = ()
    for part in name.split("."):
        if isinstance(here, str) and has_expression(here):
            return None, []
        key: str | int = int(part) if isinstance(here, list) and part.isdecimal() and len(part) < 9 else part
        if not _has(here, key):
            return None, [json_values.show_path((*path, each)) for each in _keys(here)] or list(params) or ["nothing"]
        here = json_values.look(here, (key,))
        path = (*path, key)
    return path, []


def _has(here: Value, key: str | int) -> bool:
    try:
        json_values.look(here, (key,))
    except KeyError:
        return False
    return True


def _keys(here: Value) -> Iterable[str | int]:
    if isinstance(here, dict):
        return list(here)[:20]
    return range(min(len(here), 20)) if isinstance(here, list) else ()


def _check_type(report: ProblemReport, at: Path, declared: Field, value: Value) -> None:
    if any(has_expression(text) for _, text in iter_strings(value)):
        return
    try:
        fields.validate(declared, value)
    except InvalidValue as error:
        hint = "Change the type here, or the value under `with`."
        report.add(at, f"The value under `with` does not fit the type {declared.type}: it {error}.", hint)
