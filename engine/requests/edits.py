"""What people may change in a request, and what their edits make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from engine import fields, json_values, urls
from engine.domain import InvalidEdits, Params, ReviewPoint
from engine.errors import InvalidValue
from engine.fields import Field, forms
from engine.fields.normal_forms import listed
from engine.json_values import Path, Value
from engine.requests.model import Editable, Request, invalid_params
from engine.workflowfile.step_kinds import StepKind

MAX_EDITED: Final = 1_500_000
"""Characters of JSON that the content may have after edits."""


class Edit(Struct, frozen=True):
    """One field changed by a person."""

    path: Path
    label: str
    before: Value
    after: Value

    def as_value(self) -> dict[str, Value]:
        return {"path": list(self.path), "label": self.label, "before": self.before, "after": self.after}

    @classmethod
    def from_value(cls, stored: Any) -> Edit:
        """The reverse of `as_value`."""
        return cls(tuple(stored["path"]), stored["label"], stored["before"], stored["after"])


def editable_fields(editable: Iterable[Editable], content: Value) -> Iterator[tuple[str, Field, Value]]:
    """Yield dotted path, field and present value of everything that may be changed, as forms are read by."""
    for place in editable:
        yield json_values.show_path(place.path), place.field, json_values.look(content, place.path)


def read_text_edits(asked: Request, given: Mapping[str, str]) -> dict[str, Value] | InvalidEdits:
    """Return the edits that were typed as text, by dotted path, without what is the same as before.

    A text for a path that cannot be edited is kept as it is: `apply_edits` says what can.
    """
    places = [*editable_fields(asked.editable, asked.content.value)]
    edits, errors = forms.read_text_edits(places, given)
    if errors:
        return _refused(errors, {json_values.show_path(place.path): place for place in asked.editable})
    known = {path for path, _, _ in places}
    return {**{path: text for path, text in given.items() if path not in known}, **edits}


def apply_edits(
    asked: Request, given: Mapping[str, Value], *, kind: StepKind
) -> tuple[tuple[Edit, ...], Params] | InvalidEdits:
    """The edits that change something, and the content with them. Every wrong one is named, none is applied then."""
    by_path = {json_values.show_path(one.path): one for one in asked.editable}
    edits, errors = _read(asked, by_path, given, kind)
    errors |= _overlaps(edits)
    if errors:
        return _refused(errors, by_path)
    approved = _with_edits(asked.content, edits)
    if edits and len(json_values.dumps(approved.value)) > MAX_EDITED:
        errors = {
            json_values.show_path(one.path): f"all together may be at most {MAX_EDITED:,} characters." for one in edits
        }
    elif asked.subject.is_form:
        lacking = missing(asked, approved)
        errors = {
            path: "is required"
            for one in lacking
            if not _is_null(one, given.get(path := json_values.show_path(one.path), ""))
        }
    elif edits and asked.subject.at is ReviewPoint.BEFORE:
        errors = invalid_params(kind, approved)
    return _refused(errors, by_path) if errors else (tuple(edits), approved)


def _refused(errors: dict[str, str], by_path: Mapping[str, Editable]) -> InvalidEdits:
    return InvalidEdits(
        errors=errors,
        labels={path: by_path[path].field.label for path in errors if path in by_path and by_path[path].field.label},
    )


def _read(
    asked: Request, by_path: Mapping[str, Editable], given: Mapping[str, Value], kind: StepKind
) -> tuple[list[Edit], dict[str, str]]:
    edits: list[Edit] = []
    errors: dict[str, str] = {}
    for dotted, raw in _taken_apart(asked, by_path, given, errors):
        editable = by_path[dotted]
        try:
            before = json_values.look(asked.content.value, editable.path)
            edits += _edit(editable, dotted, raw, before, is_address=_is_address(asked, editable, kind))
        except InvalidValue as error:
            errors[dotted] = str(error)
    return edits, errors


def _is_address(asked: Request, editable: Editable, kind: StepKind) -> bool:
    """Whether a web address is edited that the step is about to call."""
    return asked.subject.at is ReviewPoint.BEFORE and editable.path[0] in kind.address_params


def _edit(editable: Editable, dotted: str, raw: Value, before: Value, *, is_address: bool) -> list[Edit]:
    """Nothing, if the value came back as it was: also one that the field would not take, or would write otherwise."""
    if json_values.canonical(json_values.clean(raw)) == json_values.canonical(before):
        return []
    after = fields.validate(editable.field, raw)
    if is_address and isinstance(after, str):
        after = urls.checked(after)
    if fields.same_value(editable.field, before, after):
        return []
    return [Edit(editable.path, editable.field.label or dotted, before, after)]


# -- a place that is edited in its parts --------------------------------------------------------------------


def _taken_apart(
    asked: Request, by_path: Mapping[str, Editable], given: Mapping[str, Value], errors: dict[str, str]
) -> Iterator[tuple[str, Value]]:
    """What was given, by editable place. A mapping or list whose values are edited one by one may come as a whole."""
    around = {one.path[:length] for one in by_path.values() for length in range(1, len(one.path))}
    for dotted, raw in given.items():
        if dotted in by_path:
            yield dotted, raw
            continue
        path = _path(asked, dotted)
        if path is None or path not in around:
            errors[dotted] = _not_editable(by_path)
            continue
        try:
            yield from [*_parts(json_values.clean(raw), json_values.look(asked.content.value, path), path, by_path)]
        except InvalidValue as error:
            errors[dotted] = str(error)


def _path(asked: Request, dotted: str) -> Path | None:
    try:
        return json_values.read_path(dotted, asked.content.value)
    except KeyError:
        return None


def _parts(raw: Value, now: Value, path: Path, by_path: Mapping[str, Editable]) -> Iterator[tuple[str, Value]]:
    """The editable places in `raw`, which must be shaped as what stands there now."""
    if (dotted := json_values.show_path(path)) in by_path:
        yield dotted, raw
    elif isinstance(now, dict) and isinstance(raw, dict) and raw.keys() == now.keys():
        for key in now:
            yield from _parts(raw[key], now[key], (*path, key), by_path)
    elif isinstance(now, list) and isinstance(raw, list) and len(raw) == len(now):
        for index, item in enumerate(raw):
            yield from _parts(item, now[index], (*path, index), by_path)
    elif json_values.canonical(raw) != json_values.canonical(now):
        raise InvalidValue("must keep its names and its length; only its values can be changed")


# -- what comes of it ---------------------------------------------------------------------------------------


def missing(asked: Request, filled: Params) -> list[Editable]:
    """The fields of a form that must be filled in, and are not."""
    empty = [one for one in asked.editable if json_values.look(filled.value, one.path) in (None, [])]
    return [one for one in empty if one.field.required]


def _is_null(editable: Editable, given: Value) -> bool:
    """Whether somebody answered with the null of JSON, which is a value."""
    return editable.field.type is fields.FieldType.JSON and given is None


def _with_edits(content: Params, edits: list[Edit]) -> Params:
    whole = json_values.replace_all(content.value, {edit.path: edit.after for edit in edits})
    assert isinstance(whole, dict)
    return Params(whole, content.secrets)


def _not_editable(by_path: Mapping[str, Editable]) -> str:
    if not by_path:
        return "nothing of this request can be edited."
    return f"this field cannot be edited; these can: {listed(by_path)}."


def _overlaps(edits: list[Edit]) -> dict[str, str]:
    """Two edits of which one lies inside the other: the order would decide, so neither is taken."""
    whole = {edit.path: edit.path for edit in edits}
    return {
        json_values.show_path(
            one.path
        ): f"this lies inside {json_values.show_path(other)}, which was edited too; edit one of them."
        for one in edits
        for length in range(len(one.path))
        if (other := whole.get(one.path[:length])) is not None
    }
