"""The form that starts a run, made from the inputs of a workflow."""

from __future__ import annotations

from collections.abc import Mapping

from bot.slack import form_blocks, ids, text_objects
from bot.slack.text_objects import Block, View
from engine.json_values import Value
from engine.workflowfile import Workflow


def run_form(
    workflow: Workflow, *, version: int, metadata: ids.ModalRef, typed: Mapping[str, Value] | None = None
) -> View:
    """Return a form of the workflow's inputs. `typed`: values that were typed with the command.

    Read it back with `view_state.read_inputs(values, workflow.inputs, typed)`.
    """
    typed = typed or {}
    form = form_blocks.form(
        [
            form_blocks.AskedField(name=name, field=field, current=typed.get(name, field.default))
            for name, field in workflow.inputs.items()
        ],
        version=version,
        room=ids.VIEW_BLOCKS - 3,
    )
    blocks = [*_introduction(workflow), *form.blocks]
    blocks += [text_objects.section(sentence, block=f"without:{index}") for index, sentence in enumerate(form.without)]
    return form_blocks.view(
        callback=ids.RUN_MODAL,
        title=workflow.title,
        blocks=blocks,
        metadata=metadata,
        submit="Start",
        close="Cancel",
    )


def _introduction(workflow: Workflow) -> list[Block]:
    """Return the purpose of the form, unless its title says all of it."""
    purpose = workflow.description.strip()
    title = text_objects.line(workflow.title)
    if text_objects.size(title) > ids.MODAL_TITLE:
        purpose = f"{workflow.title}\n{purpose}".strip()
    return [text_objects.section(purpose, block="said")] if purpose not in ("", title) else []
