"""What approvers change in the content of a request: before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from msgspec import structs

from bot.presentation import request_content
from bot.presentation.characters import line
from engine import json_values
from engine.domain import CardField, RequestState
from engine.json_values import Value
from engine.read_models import RequestView
from engine.requests import ContentChange, merged_edits


def proposed(request: RequestView, edits: Mapping[str, Value]) -> Iterator[CardField]:
    """Yield each change that is about to be made, with its label, the old value and the new value."""
    labels = {field.path: field.label for field in request_content.labelled(request)}
    for editable in request.model.editable:
        path = json_values.show_path(editable.path)
        if path in edits:
            before = json_values.look(request.model.content.value, editable.path)
            old, new = request_content.show_change(request, editable.field, before, edits[path])
            yield CardField(
                path=path,
                label=line(editable.field.label) or labels.get(path, path),
                type=editable.field.type.value,
                text=new,
                before=old,
            )


def later(request: RequestView, version: int) -> tuple[ContentChange, ...]:
    """Return the changes that were made after this version of the content, the oldest first."""
    return tuple(change for change in request.model.changes if change.version > version)


def at_version(request: RequestView, version: int) -> RequestView:
    """Return the request with the content that it had in this version."""
    model, since = request.model, later(request, version)
    before = {edit.path: edit.before for edit in merged_edits(since)}
    content = structs.replace(model.content, value=json_values.replace_all(model.content.value, before))
    changes = model.changes[: len(model.changes) - len(since)]
    return replace(request, model=structs.replace(model, content=content, changes=changes))


def since(request: RequestView, version: int) -> tuple[CardField, ...]:
    """Return what is different from the content in this version, each value as it was and as it is or was decided.

    Changes that no decision followed do not count, so an expired request has none.
    """
    if request.model.state is RequestState.EXPIRED:
        return ()
    earlier = at_version(request, version)
    then = earlier.model.content.value
    decided = {edit.path: edit.after for edit in request.edits}
    now = json_values.replace_all(request.content_as_asked.value, decided)
    paths = [edit.path for change in request.model.changes for edit in change.edits]
    values = {path: (json_values.look(then, path), json_values.look(now, path)) for path in (*paths, *decided)}
    edits = {json_values.show_path(path): after for path, (before, after) in values.items() if before != after}
    return tuple(proposed(earlier, edits))
