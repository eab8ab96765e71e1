"""The edits of a request: which fields a person may change, and the content with their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from engine import fields, json_values, urls
from engine.domain import InvalidEdits, Params, ReviewPoint
from engine.errors import MISSING, InvalidValue
from engine.fields import Field, forms
from engine.fields.normal_forms import listed
from engine.json_values import Path, Value
from engine.requests.model import Edit, Editable, Request, invalid_params
from engine.workflowfile.step_kinds import StepKind

MAX_EDITED: Final = 1_500_000
"""Maximum size of the content after edits, in characters of JSON."""


def editable_fields(editable: Iterable[Editable], content: Value) -> Iterator[tuple[str, Field, Value]]:
    """Yield the dotted path, the field and the current value of each editable place, for `engine.fields.forms`."""
    for editable_value in editable:
        yield (
            json_values.show_path(editable_value.path),
            editable_value.field,
            json_values.look(content, editable_value.path),
        )


def read_text_edits(request: Request, typed: Mapping[str, str]) -> dict[str, Value] | InvalidEdits:
    """Return the edits that were typed as text, by dotted path, without fields that are unchanged.

    A text for a path that cannot be edited stays among the edits, and `apply_edits` refuses it.
    """
    places = [*editable_fields(request.editable, request.content.value)]
    edits, errors = forms.read_text_edits(places, typed)
    if errors:
        return invalid_edits(request, errors)
    names = {path for path, _, _ in places}
    return {**{path: text for path, text in typed.items() if path not in names}, **edits}


def apply_edits(
    request: Request, values: Mapping[str, Value], *, kind: StepKind
) -> tuple[tuple[Edit, ...], Params] | InvalidEdits:
    """Return the edits that change something and the content with them, or every edit that is invalid."""
    by_path = {json_values.show_path(editable.path): editable for editable in request.editable}
    edits, errors = _read_edits(request, by_path, values, kind)
    errors |= _overlaps(edits)
    if errors:
        return _invalid_edits(errors, by_path)
    approved = _with_edits(request.content, edits)
    if edits and len(json_values.dumps(approved.value)) > MAX_EDITED:
        errors = {
            json_values.show_path(edit.path): f"makes the content longer than {MAX_EDITED:,} characters"
            for edit in edits
        }
    elif request.subject.is_form:
        errors = {
            path: MISSING
            for editable in missing(request, approved)
            if not _is_null(editable, values.get(path := json_values.show_path(editable.path), ""))
        }
    elif edits and _shows_params(request):
        errors = invalid_params(kind, approved)
    return _invalid_edits(errors, by_path) if errors else (tuple(edits), approved)


def invalid_edits(request: Request, errors: Mapping[str, str]) -> InvalidEdits:
    """Return the refusal of edits with these predicates, by dotted path."""
    return _invalid_edits(dict(errors), {json_values.show_path(place.path): place for place in request.editable})


def _invalid_edits(errors: dict[str, str], by_path: Mapping[str, Editable]) -> InvalidEdits:
    return InvalidEdits(
        errors=errors,
        labels={path: by_path[path].field.label for path in errors if path in by_path and by_path[path].field.label},
    )


def _read_edits(
    request: Request, by_path: Mapping[str, Editable], values: Mapping[str, Value], kind: StepKind
) -> tuple[list[Edit], dict[str, str]]:
    edits: list[Edit] = []
    errors: dict[str, str] = {}
    for dotted, raw in _split_by_place(request, by_path, values, errors):
        editable = by_path[dotted]
        try:
            before = json_values.look(request.content.value, editable.path)
            edits += _read_edit(editable, raw, before, is_address=_is_address(request, editable, kind))
        except InvalidValue as error:
            errors[dotted] = str(error)
    return edits, errors


def _is_address(request: Request, editable: Editable, kind: StepKind) -> bool:
    """Return whether the place holds a web address that the step is about to call."""
    return _shows_params(request) and editable.path[0] in kind.address_params


def _shows_params(request: Request) -> bool:
    """Return whether the content is what the step is called with, and not what it made."""
    return request.subject.at is not ReviewPoint.AFTER


def _read_edit(editable: Editable, raw: Value, before: Value, *, is_address: bool) -> list[Edit]:
    """Return the edit, or nothing if the value is unchanged.

    An unchanged value is not validated: it may be one that the field would refuse or write in another form.
    """
    if json_values.same(json_values.clean(raw), before):
        return []
    after = fields.validate(editable.field, raw)
    if is_address and isinstance(after, str):
        after = urls.checked(after)
    if fields.same_value(editable.field, before, after):
        return []
    return [Edit(editable.path, editable.label, before, after)]


# -- values that are edited one by one --------------------------------------------------------------------


def _split_by_place(
    request: Request, by_path: Mapping[str, Editable], values: Mapping[str, Value], errors: dict[str, str]
) -> Iterator[tuple[str, Value]]:
    """Yield each value with its editable place. A mapping or list with editable values may be given as a whole."""
    containers = {editable.path[:length] for editable in by_path.values() for length in range(1, len(editable.path))}
    for dotted, raw in values.items():
        if dotted in by_path:
            yield dotted, raw
            continue
        path = _find_path(request, dotted)
        if path is None or path not in containers:
            errors[dotted] = forms.unknown(dotted, by_path) if path is None and by_path else _not_editable(by_path)
            continue
        try:
            yield from [*_parts(json_values.clean(raw), json_values.look(request.content.value, path), path, by_path)]
        except InvalidValue as error:
            errors[dotted] = str(error)


def _find_path(request: Request, dotted: str) -> Path | None:
    try:
        return json_values.read_path(dotted, request.content.value)
    except KeyError:
        return None


def _parts(raw: Value, now: Value, path: Path, by_path: Mapping[str, Editable]) -> Iterator[tuple[str, Value]]:
    """Yield the editable places in `raw`, which must have the same names and lengths as the current value."""
    if (dotted := json_values.show_path(path)) in by_path:
        yield dotted, raw
    elif isinstance(now, dict) and isinstance(raw, dict) and raw.keys() == now.keys():
        for key in now:
            yield from _parts(raw[key], now[key], (*path, key), by_path)
    elif isinstance(now, list) and isinstance(raw, list) and len(raw) == len(now):
        for index, item in enumerate(raw):
            yield from _parts(item, now[index], (*path, index), by_path)
    elif not json_values.same(raw, now):
        raise InvalidValue("must keep its names and its length: only its values can be changed")


# -- the edited content ---------------------------------------------------------------------------------------


def missing(request: Request, filled: Params) -> list[Editable]:
    """Return the required fields of a form that have no value."""
    empty = [editable for editable in request.editable if json_values.look(filled.value, editable.path) in (None, [])]
    return [editable for editable in empty if editable.field.required]


def _is_null(editable: Editable, value: Value) -> bool:
    """Return whether the field takes JSON and was filled in with `null`, which is a value."""
    return editable.field.type is fields.FieldType.JSON and value is None


def _with_edits(content: Params, edits: list[Edit]) -> Params:
    whole = json_values.replace_all(content.value, {edit.path: edit.after for edit in edits})
    assert isinstance(whole, dict)
    return replace(content, value=whole)


def _not_editable(by_path: Mapping[str, Editable]) -> str:
    if not by_path:
        return "cannot be changed, and neither can anything else in this request"
    return f"cannot be changed. You can change: {listed(by_path)}"


def _overlaps(edits: list[Edit]) -> dict[str, str]:
    """Return an error for each edit inside another edit: the result would depend on their order."""
    paths = {edit.path: edit for edit in edits}
    return {
        json_values.show_path(edit.path): f"is a part of “{outer.label}”, which was changed too. Change one of them"
        for edit in edits
        for length in range(len(edit.path))
        if (outer := paths.get(edit.path[:length])) is not None
    }
