"""The modals of `/signoff edit`: what to change, a step, the difference that it makes, and the whole file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.slack import builder_inputs, form_blocks, ids, step_edits, text_objects, view_state
from bot.slack.builder_inputs import BuilderInput
from bot.slack.ids import ModalRef
from bot.slack.register_modal import paste_block
from bot.slack.text_objects import Block, Element, View
from engine.workflowfile import Workflow

PART_BLOCK: Final = "part"
ITSELF: Final = "@"
"""The option for the workflow itself. No step has such an id."""
NOTHING_YET: Final = "Nothing is registered yet. This changes:"
TOO_LARGE: Final = (
    "This file is too large for a form in Slack (over 15,000 characters). Change it in an editor, then upload it with "
    "/signoff register."
)


def choice(workflow: Workflow, *, metadata: ModalRef) -> View:
    """Return the choice of what to change."""
    steps = [step for step in workflow.steps if step_edits.find_place(workflow, step.id) is not None]
    options = [_option("The title and the description", ITSELF)]
    options += [_option(step_edits.label(workflow, step.id), step.id) for step in steps[: ids.OPTIONS - 1]]
    element: Element = {"type": "static_select", "action_id": ids.INPUT, "options": options}
    rest = "What no form has, such as inputs, calls and what may be edited, is changed in the whole file."
    whole = text_objects.button("Edit the whole file", action=ids.WHOLE_FILE, value=workflow.name)
    hint = "You see what changes before anything is registered."
    return form_blocks.view(
        callback=ids.CHANGE_MODAL,
        title=workflow.title,
        blocks=[
            form_blocks.input_block(PART_BLOCK, "What do you want to change?", element, hint=hint, required=True),
            text_objects.context([text_objects.plain(rest)], block="rest"),
            text_objects.actions([whole], block="whole"),
        ],
        metadata=metadata,
        submit="Continue",
        close="Cancel",
    )


def _option(label: str, value: str) -> Element:
    return {"text": text_objects.plain_line(label, ids.OPTION_TEXT), "value": value}


def chosen(values: object) -> str:
    """Return the part that was chosen, or an empty text."""
    return view_state.read_text(values, PART_BLOCK)


def step_form(title: str, asked: Sequence[BuilderInput], *, metadata: ModalRef, version: int = 0) -> View:
    """Return the form of a step. `version`: another one empties inputs that hold something."""
    common = [one for one in asked if one.is_common]
    more = builder_inputs.blocks([one for one in asked if not one.is_common], version=version)
    above_more = [text_objects.header("More settings", block="more")]
    return form_blocks.view(
        callback=ids.STEP_MODAL,
        title=title,
        blocks=[*builder_inputs.blocks(common, version=version), *(above_more if more else []), *more],
        metadata=metadata,
        submit="Show what changes",
        close="Back",
    )


def check(changes: Sequence[Block], *, note: str = "", metadata: ModalRef) -> View:
    """Return what changes, to register or to go back. `note`: a sentence above it."""
    heading = note or NOTHING_YET
    return form_blocks.view(
        callback=ids.CHANGE_CHECK_MODAL,
        title="Check the changes",
        blocks=[text_objects.section(heading, block="heading"), *changes],
        metadata=metadata,
        submit="Register",
        close="Back",
    )


def whole_file(source: str, *, metadata: ModalRef, above: Sequence[Block] = ()) -> View | None:
    """Return the form with the whole file, or None if it is too large. `above`: what it changes."""
    pieces = text_objects.input_pieces(source)
    if pieces is None:
        return None
    blocks = [_piece(piece, number, len(pieces)) for number, piece in enumerate(pieces, start=1)]
    return form_blocks.view(
        callback=ids.FILE_MODAL,
        title="Edit the file",
        blocks=[*above, *blocks],
        metadata=metadata,
        submit="Register" if above else "Show what changes",
        close="Back",
    )


def _piece(text: str, number: int, count: int) -> Block:
    element: Element = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "multiline": True,
        "max_length": ids.INPUT_TEXT,
        **({"initial_value": text} if text else {}),
    }
    label = "Workflow file" if count == 1 else f"Workflow file, part {number} of {count}"
    return form_blocks.input_block(paste_block(number), label, element, required=number == 1)
