"""The content of a request, field by field, as people read it. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

from bot.presentation import asks, dates, labels, oversight, sign_ins
from bot.presentation.characters import line, stands_apart, visible
from engine import fields, file_references, json_values
from engine.domain import CardFact, CardField, Params, RequestState, accounts
from engine.fields import Field, FieldType
from engine.json_values import Path, Value
from engine.oversight.attention import ShownValue
from engine.read_models import RequestView
from engine.requests import is_email
from engine.workflowfile.step_kinds import FOREACH, HTTP

NO_LABELS: Final[Mapping[Path, str]] = {}
_WHOLE: Final = frozenset({FieldType.MONEY, FieldType.FILE})
"""Types of mappings that are one value."""
_FLAT_DEPTH: Final = 3
"""Levels of nested data that are shown field by field; deeper data is shown as JSON."""


def _content(request: RequestView) -> Iterator[tuple[Path, Field, CardField]]:
    """Yield each value of the content: its path, its field, and how it is shown."""
    model = request.model
    edits = request.edits
    editable = {place.path for place in model.editable}
    declared = {place.path: place.field for place in (*model.declared, *model.editable)}
    shown = _shown_content(request, request.content_as_asked)
    if model.subject.uses == HTTP and isinstance(shown, dict) and sign_ins.PATH[0] in shown:
        declared = {path: field for path, field in declared.items() if path[:1] != sign_ins.PATH}
        declared[sign_ins.PATH] = sign_ins.FIELD
    decided = json_values.replace_all(shown, {edit.path: edit.after for edit in edits})
    edited = {edit.path[:length] for edit in edits for length in range(len(edit.path) + 1)}
    # The fields are those of the original content: an edit may have changed its shape.
    for path, before in _iter_fields(shown, _Places(declared)):
        value = json_values.look(decided, path)
        field = declared[path] if path in declared else fields.infer(value)
        # The content of a form replaces nothing.
        is_edited = not model.subject.is_form and path in edited
        changed = show_change(request, field, before, value) if is_edited else None
        old, new = changed or _since_version_before(request, path, field, value)
        card_field = CardField(
            path=json_values.show_path(path),
            label=line(field.label or json_values.show_path(path)),
            type=field.type.value,
            text=new,
            editable=path in editable,
            before=old,
            account=_account(request, field, value),
            tells=model.subject.uses != FOREACH,
            files=tuple(file_references.find_all(value)),
        )
        yield path, field, card_field


def _shown_content(request: RequestView, content: Params) -> Value:
    """Return the content as people may see it: of a sign-in only how it is done."""
    return sign_ins.readable(request.model.subject.uses, content.shown())


def _since_version_before(request: RequestView, path: Path, field: Field, value: Value) -> tuple[str | None, str]:
    """Return a value as it was when an approver asked for changes, or None if it is still the same, and as it is."""
    if request.asked_to_change is not None and request.model.state is RequestState.PENDING:
        with contextlib.suppress(KeyError):
            before = json_values.look(_shown_content(request, request.asked_to_change.content), path)
            if before != value:
                return show_change(request, field, before, value)
    return None, show_in(request, field, value)


def values(request: RequestView) -> tuple[CardField, ...]:
    """Return the values that matter: those that can be edited, the others of the content, and those that are shown.

    Technical values are among them only if there is nothing else to see.
    """
    content = labelled(request)
    main = [field for field in content if not _is_technical(request, field)] or (() if request.show else content)
    from_workflow = asks.from_workflow if request.model.ask is not None else line
    shown = (
        CardField(
            path="",
            label=from_workflow(line(label)),
            type="text",
            text=visible(dates.in_words(text)),
            tells=request.oversight is None or not oversight.is_whole_title(request.oversight),
        )
        for label, text in request.show
    )
    return (
        *(field for field in main if field.editable),
        *(field for field in main if not field.editable),
        *shown,
    )


def technical_facts(request: RequestView) -> Iterator[CardFact]:
    """Yield the values of the content that people see only under technical details."""
    for field in labelled(request):
        if _is_technical(request, field):
            yield CardFact(label=field.label, text=(field.text,))


def labelled(request: RequestView) -> tuple[CardField, ...]:
    """Return the content field by field, every field with a label that people understand."""
    content = [*_content(request)]
    unlabelled = [path for path, field, _ in content if not field.label]
    named = labels.of_items(unlabelled) if request.model.subject.uses == FOREACH else labels.of_paths(unlabelled)
    fields = [
        shown if field.label else replace(shown, label=line(named[path]) or shown.path)
        for path, field, shown in content
    ]
    if request.model.ask is not None:
        # A program names its arguments, and their fields.
        return tuple(replace(shown, label=asks.argument(shown.label)) for shown in fields)
    return tuple(fields)


def risky_values(request: RequestView) -> Iterator[ShownValue]:
    """Yield each value that people read, with its label, its type and the name at the end of its path."""
    labels_of = {field.path: field.label for field in labelled(request) if not _is_technical(request, field)}
    content = request.model.content.shown()
    for path, field, shown in _content(request):
        if shown.path in labels_of and path:
            value = json_values.look(content, path)
            yield ShownValue(label=labels_of[shown.path], name=str(path[-1]), type=field.type, value=value)


def _is_technical(request: RequestView, field: CardField) -> bool:
    return not field.editable and any(
        field.path == name or field.path.startswith(f"{name}.") for name in request.technical
    )


def show_in(request: RequestView, field: Field, value: Value) -> str:
    """Return a value of a request as people read it.

    A person is shown by name, and by the email address that tells them from a namesake.
    """
    if field.type is not FieldType.PERSON or not isinstance(value, str):
        return show(field, value)
    person, account = request.people.get(value), accounts.parse_account(value)
    if person is None:
        is_id = account is not None and account.value == value
        return accounts.person_label(account.kind, value) if account is not None and is_id else show(field, value)
    if is_email(value):
        return line(f"{person.label} ({value})")
    return line(f"{person.label} ({person.email})" if person.email else person.label)


def show_change(request: RequestView, field: Field, before: Value, after: Value) -> tuple[str, str]:
    """Return both values of an edit as people read them, or exactly if both would read the same, as 5 and 5.00 EUR."""
    shown = show_in(request, field, before), show_in(request, field, after)
    if shown[0] != shown[1]:
        return shown
    old, new = (visible(fields.show(_shown_type(field, value), value)) for value in (before, after))
    return old, new


def _account(request: RequestView, field: Field, value: Value) -> str | None:
    known = field.type is FieldType.PERSON and isinstance(value, str) and value in request.people
    return str(value) if known and not is_email(str(value)) else None


def show(field: Field, value: Value) -> str:
    """Return a value of this field as people read it: a date in words, a list of plain texts as "rush, it"."""
    if isinstance(value, list) and (found := [file_references.find(item) for item in value]) and all(found):
        return visible("; ".join(file.words for file in found if file is not None))
    if isinstance(value, list) and value and all(_is_plain_item(item) for item in value):
        items = [dates.in_words(str(item)) for item in value]
        # A date in words has a comma in it.
        return visible(("; " if items != value else ", ").join(items))
    return visible(dates.in_words(fields.show_to_read(_shown_type(field, value), value)))


def _shown_type(field: Field, value: Value) -> FieldType:
    if file_references.find(value) is not None:
        return FieldType.FILE
    return FieldType.JSON if isinstance(value, dict | list) and field.type is FieldType.TEXT else field.type


def _is_plain_item(item: Value) -> bool:
    """Return whether a text can stand in a list with commas, and still be told from its neighbours."""
    return isinstance(item, str) and item.strip() == item != "" and "," not in item and not stands_apart(visible(item))


def undeclared(values: Mapping[str, Value], given: Mapping[Path, str] = NO_LABELS) -> Iterator[tuple[str, Value]]:
    """Yield the parts of values that no form declares, such as an output, each with its label.

    `given`: the labels that the builder gave to some parts.
    """
    parts = [*_iter_fields(dict(values), _Places(given))]
    named = labels.of_paths([path for path, _ in parts if path not in given])
    for path, value in parts:
        yield line(given.get(path) or named[path]), value


class _Places:
    """The paths whose values are shown as one field at any depth, and the paths of the containers around them."""

    def __init__(self, whole: Collection[Path]) -> None:
        self.whole = frozenset(whole)
        self.around = frozenset(path[:length] for path in whole for length in range(len(path)))


def _iter_fields(value: Value, places: _Places, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Yield the path and value of each field to show."""
    if path and (path in places.whole or not _is_split(value, places, path)):
        yield path, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _iter_fields(item, places, (*path, key))


def _is_split(value: Value, places: _Places, path: Path) -> bool:
    """Return whether the parts of a value are shown as fields: if one of them is declared, or in a small mapping."""
    if path in places.around:
        return True
    small = isinstance(value, dict) and bool(value) and len(path) < _FLAT_DEPTH
    return small and fields.infer(value).type not in _WHOLE
