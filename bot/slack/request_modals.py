"""Modals of a request: edit, reject, approve with a reason; and modals that only show a sentence."""

from __future__ import annotations

from typing import Final

from bot.slack import form_blocks, ids, text_objects
from bot.slack.form_blocks import AskedField
from bot.slack.text_objects import Block, View
from engine import json_values, requests
from engine.domain import ReasonRequired
from engine.read_models import RequestView
from engine.requests import Editable

_OWN_BLOCKS: Final = 6
"""Blocks of an edit form besides its fields: question, confirmation, reason, and the note about missing fields."""
_WITH_EDITS: Final = " with edits"
_TOO_LARGE: Final = (
    "This form is too large for Slack and cannot be filled in here; tell the owner of the workflow. "
    "There was no room for:"
)


def edit(request: RequestView, *, metadata: ids.ModalRef) -> View:
    """Return a form with a prefilled input for every editable field. Submitted unchanged, it is a plain approval.

    `metadata` says which content it was filled with: its `ref` must be of the content in `request`.
    """
    model, filling = request.model, request.model.subject.is_form
    form = form_blocks.form(
        [
            AskedField(
                name=_name(editable), field=editable.field, current=json_values.look(model.content.value, editable.path)
            )
            for editable in model.editable
        ],
        version=model.content_version,
        room=ids.VIEW_BLOCKS - _OWN_BLOCKS,
    )
    if filling and (
        lacking := [
            editable for editable in requests.missing(model, model.content) if _name(editable) not in form.named
        ]
    ):
        labels = ", ".join(editable.field.label or _name(editable) for editable in lacking)
        return plain("Fill in", f"{_TOO_LARGE} {text_objects.clipped(labels, ids.HEADER)}.", metadata=metadata)
    blocks = [text_objects.section(request.title, block="question"), *form.blocks]
    blocks += [text_objects.section(omission, block=f"without:{index}") for index, omission in enumerate(form.without)]
    if not form.blocks:
        blocks.append(
            text_objects.section("None of its fields can be edited here; submit to approve as it is.", block="none")
        )
    if request.confirm:
        blocks.append(text_objects.section(request.confirm, block="confirm"))
    if model.reason_required is ReasonRequired.ALWAYS:
        blocks.append(_reason(required=True))
    return form_blocks.view(
        callback=ids.EDIT_MODAL,
        title="Fill in" if filling else "Edit, then approve",
        blocks=blocks,
        metadata=metadata,
        submit=submit_label(request.approve_label, edited=bool(form.blocks) and not filling),
        close="Cancel",
    )


def _name(editable: Editable) -> str:
    return json_values.show_path(editable.path)


def submit_label(label: str, *, edited: bool) -> str:
    """Return the workflow's label for Approve, with a note about the edits where it fits."""
    words = text_objects.line(label)
    longer = words + _WITH_EDITS
    return (
        longer
        if edited and text_objects.size(longer) <= ids.MODAL_TITLE
        else text_objects.clipped(words, ids.MODAL_TITLE)
    )


def reject(request: RequestView, *, metadata: ids.ModalRef) -> View:
    """Return the form for the reason of a rejection, required unless the gate never wants one."""
    required = request.model.reason_required is not ReasonRequired.NEVER
    return form_blocks.view(
        callback=ids.REJECT_MODAL,
        title=request.reject_label,
        blocks=[text_objects.section(request.title, block="question"), _reason(required=required)],
        metadata=metadata,
        submit=request.reject_label,
        close="Cancel",
    )


def approve(request: RequestView, *, metadata: ids.ModalRef) -> View:
    """Return the form for the reason of an approval, for a gate that always wants one.

    The gate's own confirmation was asked by the button that opens this.
    """
    blocks: list[Block] = [text_objects.section(request.title, block="question")]
    required = request.model.reason_required is ReasonRequired.ALWAYS
    return form_blocks.view(
        callback=ids.APPROVE_MODAL,
        title=request.approve_label,
        blocks=[*blocks, _reason(required=required)],
        metadata=metadata,
        submit=request.approve_label,
        close="Cancel",
    )


def _reason(*, required: bool) -> Block:
    return form_blocks.reason_input(required=required, label="Reason", hint="Whoever asked will read it.")


def loading(*, metadata: ids.ModalRef) -> View:
    """Return the modal that is shown until the content is ready."""
    return plain("One moment", "Fetching the current state…", metadata=metadata)


def sentence(text: str, *, metadata: ids.ModalRef | None = None) -> View:
    """Return a modal with a refusal or an error."""
    return plain("Signoff", text, metadata=metadata)


def plain(title: str, text: str, *, metadata: ids.ModalRef | None = None) -> View:
    """Return a modal that only shows text."""
    return form_blocks.view(
        callback=ids.PLAIN_MODAL,
        title=title,
        blocks=[text_objects.section(text, block="sentence")],
        metadata=metadata or ids.ModalRef(),
        close="Close",
    )
