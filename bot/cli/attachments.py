"""Files that a command names, `-i invoice=@invoice.pdf`: they are handed in before the command is carried out."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cli import client
from bot.cli.context import load_context
from bot.presentation import refusals
from bot.terminal import attached_files
from engine import fields, json_values
from engine.domain import DEFAULT_WORKSPACE, InvalidEdits
from engine.fields import Field
from engine.store import request_queries, workflows


def with_inputs(workflow: str, typed: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs of a run, with references in the place of the files that are named."""
    if not _may_name_files(typed):
        return dict(typed)
    declared = _inputs_of(workflow)
    texts, errors = attached_files.attach_all(declared, typed, client.attach)
    if errors:
        client.refuse("\n".join(refusals.of_options(errors, fields.labels(declared))))
    return texts


def with_edits(request: str, typed: Mapping[str, str]) -> dict[str, str]:
    """Return the edits of a request, with references in the place of the files that are named."""
    if not _may_name_files(typed):
        return dict(typed)
    with client.open_for_reading() as connection:
        view = request_queries.request_view(connection, request)
    editable = view.model.editable if view is not None else ()
    declared = {json_values.show_path(place.path): place.field for place in editable}
    texts, errors = attached_files.attach_all(declared, typed, client.attach)
    if errors:
        client.refuse(refusals.sentence(InvalidEdits(errors=errors, labels=fields.labels(declared))))
    return texts


def _may_name_files(typed: Mapping[str, str]) -> bool:
    return any(text.strip().startswith(attached_files.SIGN) for text in typed.values())


def _inputs_of(name: str) -> Mapping[str, Field]:
    """Return the inputs of a registered workflow; none if there is no such workflow, which the command will say."""
    # Imported here, because most commands name no file.
    from bot.step_types import load_step_types
    from engine import workflowfile

    with client.open_for_reading() as connection:
        current = workflows.load_workflow(connection, DEFAULT_WORKSPACE, name)
    if current is None:
        return {}
    return workflowfile.load(current.source, kinds=load_step_types(load_context().settings), registered=True).inputs
