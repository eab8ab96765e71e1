"""The modals of `/signoff new`: the templates, the questions of one of them, and the steps that come of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from bot.gallery import Gallery, GalleryQuestion, GalleryTemplate, QuestionType
from bot.gallery_answers import NAME, OWN_LABELS, TITLE
from bot.slack import builder_inputs, form_blocks, ids, text_objects, view_state, workflow_view
from bot.slack.builder_inputs import BuilderInput
from bot.slack.ids import ModalRef
from bot.slack.text_objects import Block, Element, View
from engine.workflowfile import Workflow

_TEMPLATE: Final = "template"
_MOST_GROUPS: Final = 100
_KINDS: Final[Mapping[QuestionType, str]] = {
    QuestionType.PEOPLE: "people",
    QuestionType.CHANNEL: "channel",
    QuestionType.NUMBER: "number",
    QuestionType.INTEGER: "number",
    QuestionType.CHOICE: "choice",
}


def choice(gallery: Gallery, *, metadata: ModalRef) -> View:
    """Return the choice among the templates, in their groups."""
    groups = [
        {"label": text_objects.plain_line(group, ids.OPTION_TEXT), "options": [*map(_option, templates)][: ids.OPTIONS]}
        for group, templates in gallery.groups.items()
    ]
    element: Element = {"type": "static_select", "action_id": ids.INPUT, "option_groups": groups[:_MOST_GROUPS]}
    hint = "You answer a few questions, see its steps, and register it. You can change all of it later."
    own_file = "To write a workflow file yourself, type /signoff register."
    return form_blocks.view(
        callback=ids.NEW_MODAL,
        title="New workflow",
        blocks=[
            form_blocks.input_block(_TEMPLATE, "What is it for?", element, hint=hint, required=True),
            text_objects.context([text_objects.plain(own_file)], block="own"),
        ],
        metadata=metadata,
        submit="Continue",
        close="Cancel",
    )


def _option(template: GalleryTemplate) -> Element:
    return {
        "text": text_objects.plain_line(template.title, ids.OPTION_TEXT),
        "value": template.name,
        "description": text_objects.plain_line(template.purpose, ids.OPTION_TEXT),
    }


def chosen(values: object) -> str:
    """Return the name of the template that was chosen, or an empty text."""
    return view_state.read_text(values, _TEMPLATE)


TEMPLATE_BLOCK: Final = _TEMPLATE


def inputs(template: GalleryTemplate, *, free_name: str) -> list[BuilderInput]:
    """Return the inputs for the questions of a template."""
    asked = [
        BuilderInput(
            name=NAME,
            label=OWN_LABELS[NAME],
            help="Lower-case letters, digits and hyphens. People type it to start the workflow.",
            text=free_name,
            required=True,
        ),
        BuilderInput(name=TITLE, label=OWN_LABELS[TITLE], text=template.title, required=True),
    ]
    return [*asked, *map(_input, template.questions)]


def _input(question: GalleryQuestion) -> BuilderInput:
    return BuilderInput(
        name=question.name,
        label=question.label,
        kind=_KINDS.get(question.type, "text"),
        help=question.help,
        text=question.typed_default,
        required=question.required,
        options=tuple((option, option) for option in question.options),
        owner="you",
    )


def questions(
    template: GalleryTemplate, asked: Sequence[BuilderInput], *, metadata: ModalRef, version: int = 0
) -> View:
    """Return the questions of a template. `version`: another one empties inputs that hold something."""
    return form_blocks.view(
        callback=ids.ANSWERS_MODAL,
        title=template.title,
        blocks=[
            text_objects.section(template.purpose, block="purpose"),
            *builder_inputs.blocks(asked, version=version),
        ],
        metadata=metadata,
        submit="Show the steps",
        close="Back",
    )


def check(workflow: Workflow, *, approvers: Mapping[str, str], notes: Sequence[str], metadata: ModalRef) -> View:
    """Return the numbered steps with who is asked when, to register or to go back. `notes`: sentences above them."""
    heading = f"{text_objects.line(workflow.title)} ({workflow.name}). Nothing is registered yet."
    blocks: list[Block] = [text_objects.section(heading, block="heading")]
    blocks += [text_objects.section(note, block=f"note:{number}") for number, note in enumerate(notes)]
    blocks += [*workflow_view.inputs(workflow), *workflow_view.steps(workflow, approvers=approvers, version=1)]
    return form_blocks.view(
        callback=ids.NEW_CHECK_MODAL,
        title="Check the steps",
        blocks=blocks,
        metadata=metadata,
        submit="Register",
        close="Back",
    )


def with_draft(metadata: ModalRef, draft: dict[str, str], **more: Any) -> ModalRef | None:
    """Return the metadata with what was entered, or None if Slack would not carry so much."""
    carried = msgspec.structs.replace(metadata, draft=draft, **more)
    try:
        ids.encode(carried)
    except ValueError:
        return None
    return carried
