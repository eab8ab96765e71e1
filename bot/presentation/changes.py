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
    """Yield each change that is about to be made, with its label, what stands there, and what is to stand there."""
    for place in request.model.editable:
        path = json_values.show_path(place.path)
        if path in edits:
            before = json_values.look(request.model.content.value, place.path)
            yield CardField(
                path=path,
                label=line(place.field.label or path),
                type=place.field.type.value,
                text=request_content.show_in(request, place.field, edits[path]),
                before=request_content.show_in(request, place.field, before),
            )
