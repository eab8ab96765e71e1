"""The modals and messages about a run that a message starts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bot.slack import form_blocks, ids, text_objects
from bot.slack.ids import MessageRef, ModalRef
from bot.slack.message_source import SourceMessage
from bot.slack.message_view import SlackMessage
from bot.slack.text_objects import Block, Element, View
from engine import fields
from engine.domain import Offer
from engine.name_lists import join_names
from engine.workflowfile import Workflow

NO_OFFER: Final = (
    "No workflow that you may start takes messages. The people who build workflows here can let one do so."
)
_WORKFLOW: Final = "workflow"
_PIECE: Final = "message:"
_MOST_PIECES: Final = 15
_QUOTED: Final = 300


def choice(offers: Sequence[Offer], source: SourceMessage, *, metadata: ModalRef) -> View:
    """Return the choice among workflows. It shows the message, because its text has to come back with the choice."""
    options = [
        {"text": text_objects.plain_line(offer.title, ids.OPTION_TEXT), "value": offer.workflow}
        for offer in offers[: ids.OPTIONS]
    ]
    element: Element = {"type": "static_select", "action_id": ids.INPUT, "options": options}
    left = len(offers) - len(options)
    hint = f"{left} more are not listed here. Start them with /signoff run." if left > 0 else ""
    blocks = [form_blocks.input_block(_WORKFLOW, "Workflow", element, hint=hint, required=True)]
    if source.text.strip():
        blocks.append(text_objects.section("This message goes into its form:", block="lead"))
    pieces = [*text_objects.pieces(source.text, ids.SECTION)][:_MOST_PIECES]
    blocks += [_piece(piece, number) for number, piece in enumerate(pieces) if piece.strip()]
    return form_blocks.view(
        callback=ids.CHOICE_MODAL,
        title="Run a workflow",
        blocks=blocks,
        metadata=msgspec.structs.replace(metadata, message=source.ref),
        submit="Continue",
        close="Cancel",
    )


def _piece(text: str, number: int) -> Block:
    return {
        "type": "section",
        "block_id": f"{_PIECE}{number}",
        "text": {"type": "plain_text", "text": text, "emoji": False},
    }


def shown_text(view: Any) -> str:
    """Return the text of the message that a choice showed."""
    blocks = view.get("blocks") if isinstance(view, dict) else None
    shown = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    texts = [block.get("text") for block in shown if str(block.get("block_id", "")).startswith(_PIECE)]
    return "".join(str(text.get("text", "")) for text in texts if isinstance(text, dict))


def chosen(values: Any) -> str:
    """Return the name of the workflow that was chosen, or an empty text."""
    element = (values.get(_WORKFLOW) or {}).get(ids.INPUT) or {}
    option = element.get("selected_option") or {}
    return str(option.get("value") or "")


def above_form(source: SourceMessage, workflow: Workflow, missing: Sequence[str]) -> list[Block]:
    """Return what stands above the form: the message, and the inputs that it does not give."""
    quoted = text_objects.clipped(text_objects.line(source.text), _QUOTED) or "a message without text"
    blocks = [text_objects.context([text_objects.plain(f"With this message: {quoted}")], block="source")]
    if missing:
        labels = fields.labels(workflow.inputs)
        named = join_names([text_objects.line(labels.get(name, name)) for name in missing[:10]], len(missing))
        blocks.append(text_objects.section(f"The message does not give {named}. Please fill it in.", block="missing"))
    return blocks


def unfilled(title: str, why: str, ref: MessageRef) -> SlackMessage:
    """Return the message to a person whose reaction started nothing, with the button that opens the form."""
    name = text_objects.clipped(text_objects.line(title), ids.HEADER)
    sentence = f"Your reaction did not start {name}. {why}"
    button = text_objects.button("Fill in the form", action=ids.MESSAGE_FORM, value=ids.encode(ref), style="primary")
    blocks = [text_objects.section(sentence, block="why"), text_objects.actions([button], block="form")]
    return SlackMessage(text_objects.escape(text_objects.clipped(sentence, ids.FALLBACK_TEXT)), blocks)
