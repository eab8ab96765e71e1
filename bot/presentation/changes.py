"""What an approver changes in the content of a request: before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.presentation import request_content
from bot.presentation.characters import line
from engine import json_values
from engine.domain import CardField
from engine.json_values import Value
from engine.read_models import RequestView


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
