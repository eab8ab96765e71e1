"""The files of a request on its page: the inputs that take one, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.web import form_inputs
from engine import json_values, media_types
from engine.domain import RequestState
from engine.errors import about
from engine.fields import Field, FieldType, file_rules
from engine.file_references import FileReference, find_all
from engine.read_models import RequestView, RunView


def inputs(request: RequestView) -> frozenset[str]:
    """Return the names of the inputs that take a file, while the request is open."""
    if request.model.state is not RequestState.PENDING:
        return frozenset()
    places = (place for place in request.model.editable if place.field.type is FieldType.FILE)
    return frozenset(form_inputs.key(json_values.show_path(place.path)) for place in places)


def under_paths(request: RequestView, errors: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    """Return the sentence of each input whose file was refused, by the dotted path of its field.

    `errors`: predicates by the name of the input. `labels`: by path.
    """
    paths = {
        form_inputs.key(path): path for place in request.model.editable for path in [json_values.show_path(place.path)]
    }
    return {paths[name]: about(labels.get(paths[name], paths[name]), error) for name, error in errors.items()}


def hints(field: Field) -> Iterator[str]:
    """Yield which files a field takes."""
    if field.types:
        words = file_rules.listed(field.types)
        yield f"{words[0].upper()}{words[1:]}."
    most = file_rules.in_bytes(field.max_size)
    if most is not None:
        yield f"At most {media_types.size_in_words(most)}."


def of_request(request: RequestView, run: RunView | None) -> tuple[FileReference, ...]:
    """Return the files on the page of a request: those that it asks about, that people gave, and those of its run."""
    model = request.model
    values = [model.content.value, *(value for edit in request.edits for value in (edit.before, edit.after))]
    found = [file for value in values for file in find_all(value)]
    return tuple(dict.fromkeys([*found, *(of_run(run) if run is not None else ())]))


def of_run(run: RunView) -> tuple[FileReference, ...]:
    """Return the files of a run: those that it was started with, those that people gave, and those that steps made."""
    values = [dict(run.inputs), *(dict(step.output or {}) for step in run.steps)]
    values += [step.params.value for step in run.steps if step.params is not None]
    return tuple(dict.fromkeys(file for value in values for file in find_all(value)))
