"""Modals of a request: edit, reject, approve with a reason; and modals that only show a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.presentation import changes, people, request_content
from bot.presentation.characters import line
from bot.slack import form_blocks, ids, rating_blocks, rich_text, sentences, text_objects, truncate
from bot.slack.form_blocks import AskedField, ModalForm
from bot.slack.rating_blocks import NO_RATING, EnteredRating
from bot.slack.sentences import Sentence
from bot.slack.text_objects import Block, Element, View
from engine import json_values, requests
from engine.domain import ReasonRequired
from engine.json_values import Value
from engine.read_models import RequestView
from engine.requests import ASK_FOR_CHANGES, Editable
from engine.workflowfile.workflow import SKIP

_OWN_BLOCKS: Final = 7
"""Blocks of an edit form besides its fields: question, confirmation, reason, and the notes about missing fields."""
_FILL_IN: Final = "Fill in"
_EDIT: Final = "Edit, then approve"
"""Title of the edit form: the words of Approve alone would read as if it were done already."""
_EDIT_FAILED: Final = "Edit, then try again"
_WITH_EDITS: Final = " with edits"
_TOO_LARGE: Final = "This form is too large for Slack. There is no room for:"
DECIDE: Final = frozenset({ids.EDIT_MODAL, ids.REVISE_MODAL, ids.SKIP_MODAL, ids.REJECT_MODAL, ids.APPROVE_MODAL})
"""The forms that decide a request."""
_DIFFERENCES: Final = 6_000
"""Characters of the differences that are shown above a form."""
_NEW_VERSION: Final = "You get the new version as a new request."
_NO_INPUTS: Final = "Nothing can be edited here. Submit the form to approve it as it is."

_SKIPS: Final = text_objects.section("The run goes on without this step.", block="follows")
_STOPS: Final = text_objects.section("The run ends as failed.", block="follows")
"""What follows from an answer to a failure, above its reason."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What a person has entered in a form: new values by dotted path, and the reason."""

    values: Mapping[str, Value]
    reason: str = ""
    rating: EnteredRating = NO_RATING


def edit(
    request: RequestView,
    *,
    metadata: ids.ModalRef,
    inbox: str = "",
    typed: Mapping[str, Value] | None = None,
    reason: str = "",
    notice: Sequence[Block] = (),
    rating: EnteredRating = NO_RATING,
) -> View:
    """Return a form with a prefilled input for every editable field. Submitted unchanged, it is a plain approval.

    `metadata` says which content it was filled with: its `ref` must be of the content in `request`. `inbox`: the
    address of the pages, if there are any, for what Slack cannot edit. `typed`, `reason`, `rating`: what the person has
    entered already. `notice`: what they read above it.
    """
    model, filling = request.model, request.model.subject.is_form
    form = _form(request, typed or {}, notice)
    lacking = [one for one in requests.missing(model, model.content) if _name(one) not in form.named] if filling else []
    if lacking:
        return _too_large(request, lacking, metadata=metadata, inbox=inbox)
    blocks = [*notice, text_objects.section(request.title, block="question"), *form.blocks]
    blocks += [text_objects.section(omission, block=f"without:{index}") for index, omission in enumerate(form.without)]
    if form.without and inbox:
        blocks.append(_elsewhere("You can edit all of it", inbox))
    if not form.blocks:
        blocks.append(text_objects.section(_NO_INPUTS, block="none"))
    if request.confirm:
        blocks.append(text_objects.section(request.confirm, block="confirm"))
    if model.reason_required is ReasonRequired.ALWAYS:
        blocks.append(_reason(request, required=True, text=reason))
    blocks += _rating(request, rating)
    return form_blocks.view(
        callback=ids.EDIT_MODAL,
        title=_FILL_IN if filling else _EDIT_FAILED if model.subject.is_failure else _EDIT,
        blocks=blocks,
        metadata=metadata,
        submit=submit_label(request.approve_label, edited=bool(form.blocks) and not filling),
        close="Cancel",
    )


def _form(request: RequestView, typed: Mapping[str, Value], notice: Sequence[Block]) -> ModalForm:
    """Return the inputs for the editable fields, each with the label that it has on the card."""
    model = request.model
    words = {field.path: field.label for field in request_content.labelled(request)}
    return form_blocks.form(
        [
            AskedField(
                name=_name(editable),
                field=editable.field,
                current=typed.get(_name(editable), json_values.look(model.content.value, editable.path)),
                words=words.get(_name(editable), ""),
            )
            for editable in model.editable
        ],
        version=model.content_version,
        room=ids.VIEW_BLOCKS - _OWN_BLOCKS - len(notice) - len(_rating(request, NO_RATING)),
        size=ids.VIEW_BYTES - sum(map(text_objects.weight, notice)),
    )


def _too_large(request: RequestView, lacking: list[Editable], *, metadata: ids.ModalRef, inbox: str) -> View:
    """Return the modal for a form that Slack cannot hold, with what the person can do."""
    words = {field.path: field.label for field in request_content.labelled(request)}
    names = ", ".join(editable.field.label or words.get(_name(editable), _name(editable)) for editable in lacking)
    sentence = f"{_TOO_LARGE} {text_objects.clipped(names, ids.HEADER)}."
    if not inbox:
        sentence = f"{sentence} Tell the owner of the workflow."
    below = [_elsewhere("You can fill it in", inbox)] if inbox else []
    return form_blocks.view(
        callback=ids.PLAIN_MODAL,
        title=_FILL_IN,
        blocks=[text_objects.section(sentence, block="sentence"), *below],
        metadata=metadata,
        close="Close",
    )


def _elsewhere(what: str, inbox: str) -> Block:
    """Return a sentence with the link to the pages, which ask for a code by email."""
    link: Element = {"type": "link", "url": inbox, "text": "on the web"}
    sentence = [*rich_text.words(f"{what} "), link, *rich_text.words(". Sign in there with your email address.")]
    return rich_text.paragraphs([rich_text.section(sentence)], block="elsewhere")


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


def reject(
    request: RequestView,
    *,
    metadata: ids.ModalRef,
    reason: str = "",
    notice: Sequence[Block] = (),
    rating: EnteredRating = NO_RATING,
) -> View:
    """Return the form for the reason of a rejection, required unless the gate never wants one.

    `reason`, `rating`: what the person has entered already. `notice`: what they read above it.
    """
    required = request.model.reason_required is not ReasonRequired.NEVER
    inputs = [_reason(request, required=required, text=reason), *_rating(request, rating)]
    stops = [_STOPS] if request.model.subject.is_failure else []
    blocks = _below_question(request, notice, [*stops, *inputs])
    return _answer_form(ids.REJECT_MODAL, request.reject_label, request.reject_label, blocks, metadata)


def skip(
    request: RequestView,
    *,
    metadata: ids.ModalRef,
    reason: str = "",
    notice: Sequence[Block] = (),
    rating: EnteredRating = NO_RATING,
) -> View:
    """Return the form to go on without a step that failed. `reason`, `notice`, `rating`: as in `reject`."""
    inputs = [_SKIPS, _reason(request, required=False, text=reason), *_rating(request, rating)]
    blocks = _below_question(request, notice, inputs)
    return _answer_form(ids.SKIP_MODAL, SKIP, SKIP, blocks, metadata)


def revise(
    request: RequestView,
    *,
    metadata: ids.ModalRef,
    reason: str = "",
    notice: Sequence[Block] = (),
    rating: EnteredRating = NO_RATING,
) -> View:
    """Return the form for what should change. `reason`, `notice`, `rating`: as in `reject`."""
    wanted = form_blocks.reason_input(required=True, label="What should change?", hint=_NEW_VERSION, text=reason)
    blocks = _below_question(request, notice, [wanted, *_rating(request, rating)])
    return _answer_form(ids.REVISE_MODAL, ASK_FOR_CHANGES, "Send it back", blocks, metadata)


def approve(
    request: RequestView,
    *,
    metadata: ids.ModalRef,
    reason: str = "",
    notice: Sequence[Block] = (),
    rating: EnteredRating = NO_RATING,
) -> View:
    """Return the form for the reason of an approval, for a gate that always wants one.

    The gate's own confirmation was asked by the button that opens this. `reason`, `notice`, `rating`: as in `reject`.
    """
    required = request.model.reason_required is ReasonRequired.ALWAYS
    inputs = [_reason(request, required=required, text=reason), *_rating(request, rating)]
    blocks = _below_question(request, notice, inputs)
    return _answer_form(ids.APPROVE_MODAL, request.approve_label, request.approve_label, blocks, metadata)


def _below_question(request: RequestView, notice: Sequence[Block], inputs: Sequence[Block]) -> list[Block]:
    return [*notice, text_objects.section(request.title, block="question"), *inputs]


def _answer_form(callback: str, title: str, submit: str, blocks: list[Block], metadata: ids.ModalRef) -> View:
    return form_blocks.view(
        callback=callback, title=title, blocks=blocks, metadata=metadata, submit=submit, close="Cancel"
    )


def newer(request: RequestView, callback: str, entered: Entered, *, version: int, metadata: ids.ModalRef) -> View:
    """Return the form for content that changed since its form was opened, with what was entered in the older one.

    `version`: of the content that the older form was made for.
    """
    notice = _changed(request, version)
    if callback == ids.EDIT_MODAL:
        return edit(
            request,
            metadata=metadata,
            typed=entered.values,
            reason=entered.reason,
            notice=notice,
            rating=entered.rating,
        )
    form = {ids.REJECT_MODAL: reject, ids.REVISE_MODAL: revise, ids.SKIP_MODAL: skip}.get(callback, approve)
    return form(request, metadata=metadata, reason=entered.reason, notice=notice, rating=entered.rating)


def _rating(request: RequestView, entered: EnteredRating) -> list[Block]:
    """Return the inputs for a rating, if the gate asks for one."""
    return rating_blocks.inputs(entered) if request.model.feedback else []


def _changed(request: RequestView, version: int) -> list[Block]:
    """Return who changed the content since this version, and what, above a form that was not sent."""
    names = dict.fromkeys(line(change.person.label) for change in changes.later(request, version))
    who = people.joined([*names] or ["Another approver"], "and")
    sentence = (
        f"{who} changed this after you opened the form, so nothing was decided. "
        "What you entered is still here. Check it, then send it again."
    )
    differences = truncate.fitted(changes.since(request, version), (), room=_DIFFERENCES, each=ids.SECTION).values
    blocks = [text_objects.section(sentence, block="changed")]
    return [*blocks, rich_text.lines(differences, block="changed:values")] if differences else blocks


def _reason(request: RequestView, *, required: bool, text: str = "") -> Block:
    hint = text_objects.clipped(people.reads_reason(request), ids.HEADER)
    return form_blocks.reason_input(required=required, label="Reason", hint=hint, text=text)


def loading(*, metadata: ids.ModalRef) -> View:
    """Return the modal that is shown until the content is ready."""
    return plain("One moment", "Loading…", metadata=metadata)


def sentence(text: Sentence, *, metadata: ids.ModalRef | None = None) -> View:
    """Return a modal with a refusal or an error."""
    return plain("Signoff", text, metadata=metadata)


def plain(title: str, text: Sentence, *, metadata: ids.ModalRef | None = None) -> View:
    """Return a modal that only shows text."""
    return form_blocks.view(
        callback=ids.PLAIN_MODAL,
        title=title,
        blocks=[sentences.block(text)],
        metadata=metadata or ids.ModalRef(),
        close="Close",
    )
