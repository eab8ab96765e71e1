"""The forms for a question and for its answer."""

from __future__ import annotations

from typing import Final

from bot.presentation.characters import line
from bot.slack import form_blocks, ids, text_objects
from bot.slack.text_objects import Block, Element, View
from engine.domain import Person
from engine.domain.accounts import SLACK
from engine.read_models import RequestView
from engine.requests import Question

_TITLE: Final = "Ask a question"
_ANSWER: Final = "Answer"


def ask(request: RequestView, reader: Person | None, *, metadata: ids.ModalRef) -> View:
    """Return the form for a question. Without another choice the requester is asked."""
    requester = request.requester
    is_own = reader is not None and reader.id == requester.id
    return form_blocks.view(
        callback=ids.ASK_MODAL,
        title=_TITLE,
        blocks=[
            text_objects.section(request.title, block="question"),
            _text("Your question", hint="Everyone who is asked to decide sees the question and the answer."),
            _person(requester, is_own=is_own),
        ],
        metadata=metadata,
        submit="Ask",
        close="Cancel",
    )


def _default(requester: Person) -> str:
    return line(requester.label) if requester.is_human else "the owner of the workflow"


def _person(requester: Person, *, is_own: bool) -> Block:
    """Return the input for the person who is asked."""
    picker: Element = {"type": "users_select", "action_id": ids.INPUT}
    account = requester.account
    if not is_own and account is not None and account.kind == SLACK.name:
        picker["initial_user"] = account.value
    default = "You started this yourself." if is_own else f"Without a choice, {_default(requester)} is asked."
    return {
        "type": "input",
        "block_id": ids.PERSON_BLOCK,
        "label": text_objects.plain_line("Who should answer?", ids.INPUT_LABEL),
        "hint": text_objects.plain(default, ids.INPUT_HINT),
        "element": picker,
        "optional": not is_own,
    }


def answer(request: RequestView, question: Question, *, metadata: ids.ModalRef) -> View:
    """Return the form for the answer to a question, which it shows whole."""
    asked_by = text_objects.clipped(text_objects.line(question.asked_by.label), ids.HEADER)
    pieces = text_objects.pieces(text_objects.shown(question.text), ids.SECTION)
    asked = [text_objects.section(piece, block=f"asked:{number}") for number, piece in enumerate(pieces)]
    return form_blocks.view(
        callback=ids.ANSWER_MODAL,
        title=_ANSWER,
        blocks=[
            text_objects.header(request.title, block="question"),
            text_objects.context([text_objects.plain(f"{asked_by} asks:")], block="asker"),
            *asked,
            _text("Your answer", hint="Everyone who is asked to decide will read it."),
        ],
        metadata=metadata,
        submit="Send answer",
        close="Cancel",
    )


def _text(label: str, *, hint: str) -> Block:
    element: Element = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "multiline": True,
        "max_length": ids.INPUT_TEXT,
    }
    return {
        "type": "input",
        "block_id": ids.TEXT_BLOCK,
        "label": text_objects.plain_line(label, ids.INPUT_LABEL),
        "hint": text_objects.plain(hint, ids.INPUT_HINT),
        "element": element,
    }
