"""The form that starts a run, made from the inputs of a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.slack import form_blocks, ids, kept_entries, rich_text, text_objects
from bot.slack.text_objects import Block, View
from engine.json_values import Value
from engine.workflowfile import Workflow

_OWN_BLOCKS: Final = 8
"""Blocks besides the inputs: what the form is for, the message that fills it in, what it lacks, and what became
of the entries of an older one."""
_NO_LONGER_ASKED: Final = "You also entered this. It is no longer asked for:"


def run_form(
    workflow: Workflow,
    *,
    version: int,
    metadata: ids.ModalRef,
    typed: Mapping[str, Value] | None = None,
    above: Sequence[Block] = (),
) -> View:
    """Return a form of the workflow's inputs. `typed`: values that were typed with the command, or come from a message.

    `above`: what stands above the inputs.

    Read it back with `view_state.read_inputs(values, workflow.inputs, typed)`.
    """
    typed = typed or {}
    form = form_blocks.form(
        [
            form_blocks.AskedField(name=name, field=field, current=typed.get(name, field.default))
            for name, field in workflow.inputs.items()
        ],
        version=version,
        room=ids.VIEW_BLOCKS - _OWN_BLOCKS,
    )
    blocks = [*_introduction(workflow), *above, *form.blocks]
    blocks += [text_objects.section(sentence, block=f"without:{index}") for index, sentence in enumerate(form.without)]
    return form_blocks.view(
        callback=ids.RUN_MODAL,
        title=workflow.title,
        blocks=blocks,
        metadata=metadata,
        submit="Start",
        close="Cancel",
    )


def newer_form(
    workflow: Workflow, *, version: int, metadata: ids.ModalRef, values: object, names: Mapping[str, str]
) -> View | None:
    """Return the form for a workflow that changed since its form was opened, with what was entered in the older one.

    Return None if Slack would not show so much. `values`, `names`: the entries of the older form, and its labels.
    """
    form = run_form(workflow, version=version, metadata=metadata)
    kept = kept_entries.keep(form["blocks"], values, names)
    notice = [text_objects.section(_changed(workflow), block="changed")]
    if kept.without_input:
        notice += [
            text_objects.section(_NO_LONGER_ASKED, block="left"),
            rich_text.lines(kept.without_input, block="left:values"),
        ]
    blocks = [*notice, *kept.blocks]
    return {**form, "blocks": blocks} if sum(map(text_objects.weight, blocks)) <= ids.VIEW_BYTES else None


def _changed(workflow: Workflow) -> str:
    title = text_objects.clipped(text_objects.line(workflow.title), ids.HEADER)
    return (
        f"{title} has changed since you opened this form, so nothing was started. "
        "What you entered is still here. Check it, then press Start again."
    )


def _introduction(workflow: Workflow) -> list[Block]:
    """Return the purpose of the form, unless its title says all of it."""
    purpose = workflow.description.strip()
    title = text_objects.line(workflow.title)
    if text_objects.size(title) > ids.MODAL_TITLE:
        purpose = f"{workflow.title}\n{purpose}".strip()
    return [text_objects.section(purpose, block="said")] if purpose not in ("", title) else []
