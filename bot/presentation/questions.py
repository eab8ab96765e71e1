"""The line that names a request, or a run, in a list. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from msgspec import structs

from bot.presentation import asks, labels, request_content, summary
from bot.presentation.characters import line
from engine import fields
from engine.domain import CardField, RequestState, accounts
from engine.json_values import Value
from engine.read_models import RequestView, RunView


def of_request(request: RequestView) -> str:
    """Return the question of a request, with values that tell it from others of the same workflow."""
    return summary.question(request.title, request_content.values(request))


def as_asked(request: RequestView) -> str:
    """Return the question of a request with the values that were asked about, also after a decision changed some."""
    if not request.edits:
        return of_request(request)
    model = structs.replace(request.model, changes=(), content=request.content_as_asked)
    return of_request(replace(request, decision=None, model=model))


def of_run(run: RunView, latest: RequestView | None) -> str:
    """Return what a run is about: the question of its latest request, else its inputs, or an empty text."""
    if latest is not None and not is_over_failure(latest):
        return of_request(latest)
    if asked := asks.title(run):
        return asked
    return " · ".join(summary.key_values("", [*_inputs(run.inputs)]))


def is_over_failure(request: RequestView) -> bool:
    """Return whether a request asked what to do about a failure, and was answered. Then it names its run no longer."""
    return request.model.subject.is_failure and request.model.state is not RequestState.PENDING


def _inputs(inputs: Mapping[str, Value]) -> Iterator[CardField]:
    """Yield the inputs that people can read; ids of accounts mean nothing to them."""
    for name, value in inputs.items():
        if not (isinstance(value, str) and accounts.parse_account(value)):
            field = fields.infer(value)
            text = request_content.show(field, value)
            yield CardField(path=name, label=line(labels.in_words(name)), type=field.type.value, text=text)
