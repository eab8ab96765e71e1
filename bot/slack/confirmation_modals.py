"""Modals that have a decision confirmed: the input for a code from an email, or the link to sign in. Pure."""

from __future__ import annotations

from typing import Final

from bot.slack import form_blocks, ids, rich_text, text_objects
from bot.slack.text_objects import Block, Element, View
from engine import durations
from engine.domain import CODE_LIFETIME, CodeSent, Decide
from engine.read_models import RequestView
from engine.requests import label_of_verdict

_TITLE: Final = "Confirm your decision"
_LABEL: Final = "Code from the email"
_HINT: Final = "Nothing is decided until you confirm. Look in your spam folder too."
_LIFETIME: Final = durations.in_words(CODE_LIFETIME)
_CODE_LENGTH: Final = 40
"""Characters. Codes are pasted with spaces and dashes, too."""


def code_form(request: RequestView, decision: Decide, sent: CodeSent, *, metadata: ids.ModalRef) -> View:
    """Return the form for the code. `metadata` names its challenge."""
    told = f"We sent a code to {text_objects.line(sent.address)}. It confirms this decision only, within {_LIFETIME}."
    return form_blocks.view(
        callback=ids.CONFIRM_MODAL,
        title=_TITLE,
        blocks=[
            text_objects.section(_decision(request, decision), block="decision"),
            text_objects.section(told, block="told"),
            _code_input(),
        ],
        metadata=metadata,
        submit="Confirm",
        close="Cancel",
    )


def _code_input() -> Block:
    element: Element = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "max_length": _CODE_LENGTH,
    }
    return {
        "type": "input",
        "block_id": ids.CODE_BLOCK,
        "label": text_objects.plain_line(_LABEL, ids.INPUT_LABEL),
        "hint": text_objects.plain(_HINT, ids.INPUT_HINT),
        "element": element,
    }


def sign_in(request: RequestView, decision: Decide, url: str, *, metadata: ids.ModalRef) -> View:
    """Return the modal with the link to sign in, which then confirms the decision."""
    link: Element = {"type": "link", "url": url, "text": "Sign in with Slack"}
    told = f" within {_LIFETIME} to confirm it. Nothing is decided until you do."
    return form_blocks.view(
        callback=ids.PLAIN_MODAL,
        title=_TITLE,
        blocks=[
            text_objects.section(_decision(request, decision), block="decision"),
            rich_text.paragraphs([rich_text.section([link, *rich_text.words(told)])], block="sign-in"),
        ],
        metadata=metadata,
        close="Close",
    )


def _decision(request: RequestView, decision: Decide) -> str:
    """Return what is confirmed, in the words of the button: “Approve with edits: Refund 120 EUR?”."""
    label = label_of_verdict(decision.verdict, request.approve_label, request.reject_label)
    with_edits = " with edits" if decision.edits and not request.model.subject.is_form else ""
    return f"{text_objects.line(label)}{with_edits}: {text_objects.line(request.title)}"
