"""Handlers of submitted modals: decisions, workflow files, inputs. Errors are shown under the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from bot.log import report_incident
from bot.presentation import changes, refusals
from bot.slack import (
    command_messages,
    home_tab,
    ids,
    message_starts,
    rating_blocks,
    replies,
    request_modals,
    start_modal,
    view_state,
)
from bot.slack.context import SlackContext
from bot.slack.file_uploads import FileUploads
from bot.slack.ids import ModalRef, Ref, RunRef
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import Actor, SeenView, Submission
from bot.slack.sentences import Sentence
from bot.slack.service import ANOTHER_VERSION, decision
from bot.slack.text_objects import View
from engine import json_values
from engine.code_derivation import DIGITS, tidy
from engine.domain import (
    CannotRate,
    Changed,
    CodeExpired,
    Decided,
    Done,
    InvalidEdits,
    InvalidInputs,
    NeedsCode,
    NeedsSignIn,
    ReasonMissing,
    Refusal,
    ResumeAnswer,
    Start,
    Started,
    Verdict,
    WrongCode,
)
from engine.errors import StoreError
from engine.json_values import Value
from engine.off_loop import LARGE, off_loop
from engine.read_models import RequestView, WorkflowView
from engine.workflowfile import Workflow

_TOO_OLD: Final = (
    "This form is from another version of Signoff, so nothing was saved. Copy what you need, close the form, "
    "then open it again."
)
_CHANGED: Final = (
    "This workflow has changed since you opened this form, so nothing was started. Copy what you need, "
    "close the form, then start the workflow again."
)


class SubmissionHandlers:
    """Handlers of `view_submission`. All commit before they acknowledge."""

    def __init__(self, context: SlackContext) -> None:
        self._context, self._files = context, FileUploads(context)

    # -- decisions --

    async def edited(self, ack: Any, body: Any) -> None:
        """Approve with the changes, or without any."""
        await self._files.handle(ack, Submission.of(body), self._edited)

    async def _edited(self, ack: Any, sent: Submission) -> None:
        ref = sent.view.ref.ref if sent.view.ref is not None else None
        if ref is None:
            await self._keep_open(ack, sent, _TOO_OLD)
            return
        edits, wrong = await self._edits(sent, ref)
        if wrong:
            await ack(**replies.errors(wrong))
            return
        await self._decide(ack, sent, ref, Verdict.APPROVE, edits=edits)

    async def rejected(self, ack: Any, body: Any) -> None:
        """Reject with the reason."""
        await self._verdict(ack, Submission.of(body), Verdict.REJECT)

    async def asked_for_changes(self, ack: Any, body: Any) -> None:
        """Send it back with what should change."""
        await self._verdict(ack, Submission.of(body), Verdict.REVISE)

    async def skipped(self, ack: Any, body: Any) -> None:
        """Go on without the step that failed."""
        await self._verdict(ack, Submission.of(body), Verdict.SKIP)

    async def approved(self, ack: Any, body: Any) -> None:
        """Approve with the reason."""
        await self._verdict(ack, Submission.of(body), Verdict.APPROVE)

    async def _verdict(self, ack: Any, sent: Submission, verdict: Verdict) -> None:
        ref = sent.view.ref.ref if sent.view.ref is not None else None
        if ref is None:
            await self._keep_open(ack, sent, _TOO_OLD)
            return
        await self._decide(ack, sent, ref, verdict, edits={})

    async def _edits(self, sent: Submission, ref: Ref) -> tuple[dict[str, Value], dict[str, str]]:
        """Return the changes in the form; none if the content has changed since the form was made, which is refused."""
        request = await self._context.service.engine.request(ref.request)
        if request is None or request.model.digest != ref.digest:
            return {}, {}
        content = request.model.content.value
        return await off_loop(
            lambda: view_state.read_edits(sent.view.values, request.model.editable, content),
            large=json_values.is_larger(content, LARGE),
        )

    async def _decide(
        self, ack: Any, sent: Submission, ref: Ref, verdict: Verdict, *, edits: Mapping[str, Value]
    ) -> None:
        assert sent.view.ref is not None
        reason, message = view_state.read_reason(sent.view.values), sent.view.ref.message_ts
        service, entered = self._context.service, rating_blocks.read(sent.view.values)
        asked = decision(sent.by, ref, verdict, edits=edits, reason=reason, message=message)
        asked = replace(asked, rating=entered.rating, comment=entered.comment)
        answer = await service.engine.decide(asked)
        if isinstance(answer, NeedsCode | NeedsSignIn) and service.confirmations is not None:
            view = await service.confirmations.ask(sent.by, asked, answer, key=sent.view.id, metadata=sent.view.ref)
            # On top of the form, which keeps what was entered.
            await ack(**replies.push(view))
        else:
            await self._answered(ack, sent, ref, answer)

    async def confirmed(self, ack: Any, body: Any) -> None:
        """Decide with the code from an email."""
        sent = Submission.of(body)
        modal_ref, confirmations = sent.view.ref, self._context.service.confirmations
        if modal_ref is None or modal_ref.ref is None or modal_ref.challenge is None or confirmations is None:
            await self._keep_open(ack, sent, _TOO_OLD)
            return
        code = tidy(view_state.read_code(sent.view.values))
        if not (code.isascii() and code.isdecimal() and len(code) == DIGITS):
            await ack(**replies.errors({ids.CODE_BLOCK: f"Type the {DIGITS} digits from the email."}))
            return
        answer = await confirmations.give(sent.by, modal_ref.challenge, code)
        if isinstance(answer, WrongCode):
            await ack(**replies.errors({ids.CODE_BLOCK: refusals.sentence(answer)}))
        elif isinstance(answer, CodeExpired):
            await self._say(ack, refusals.phrase(answer))
        else:
            await self._answered(ack, sent, modal_ref.ref, answer)

    async def _answered(self, ack: Any, sent: Submission, ref: Ref, answer: Decided | Refusal) -> None:
        if isinstance(answer, InvalidEdits) and (placed := view_state.place_errors(sent.view.values, answer)):
            await ack(**replies.errors(placed))
            return
        if isinstance(answer, ReasonMissing) and ids.REASON_BLOCK in sent.view.values:
            await ack(**replies.errors({ids.REASON_BLOCK: refusals.sentence(answer)}))
            return
        if isinstance(answer, CannotRate) and ids.RATING_BLOCK in sent.view.values:
            await ack(**replies.errors({ids.RATING_BLOCK: refusals.sentence(answer)}))
            return
        home = sent.view.home
        if isinstance(answer, Refusal):
            await self._refused(ack, sent, ref, answer)
        elif home is not None and not sent.view.below:
            # The tab says what was decided.
            await ack(**replies.CLEAR)
        elif sent.view.ref is not None and sent.view.ref.message_ts is None:
            # They have no message that would show the outcome.
            await self._say(ack, await self._receipt(sent.by, ref))
        else:
            await ack(**replies.CLEAR)
        self._context.after(sent.by, None, self._copy_and_home(sent, ref, answer), recorded=isinstance(answer, Decided))

    async def _copy_and_home(self, sent: Submission, ref: Ref, answer: Decided | Refusal) -> None:
        await self._copy(sent.view, ref, sent.by)
        await home_tab.decided(self._context, sent.by, ref.request, sent.view.home, answer)

    async def _refused(self, ack: Any, sent: Submission, ref: Ref, refusal: Refusal) -> None:
        """Say why nothing was decided. If the content has changed, show the form again with what was entered."""
        if not isinstance(refusal, Changed) or sent.view.callback not in request_modals.DECIDE:
            await self._say(ack, refusals.phrase(refusal))
            return
        request = await self._context.service.engine.request(ref.request)
        assert request is not None
        large = json_values.is_larger(request.model.content.value, LARGE)
        form = await off_loop(lambda: _newer_form(sent.view, request, ref), large=large)
        if form is None:
            await self._keep_open(ack, sent, refusals.sentence(refusal))
        else:
            await ack(**replies.update(form))

    async def _receipt(self, by: Actor, ref: Ref) -> Sentence:
        """Return the sentence for a person who just decided."""
        try:
            return await self._context.service.receipt(by, ref.request)
        except StoreError as error:
            return report_incident(error, recorded=True)

    async def _copy(self, view: SeenView, ref: Ref, by: Actor) -> None:
        """Update the message and the modal that the form was opened from."""
        card = await self._context.update_copy(view.ref.response_url if view.ref is not None else None, ref, by)
        if card is None or view.ref is None:
            return
        if view.below and view.callback != ids.CONFIRM_MODAL:
            # Below a code can be a form, which keeps what was entered. Below all others are the details. If all were
            # closed, there is nothing to update.
            await self._context.replies.details(view.below, card, metadata=msgspec.structs.replace(view.ref, page=0))

    # -- starting --

    async def run(self, ack: Any, body: Any) -> None:
        """Start a run with the inputs of the form."""
        await self._files.handle(ack, Submission.of(body), self._run)

    async def _run(self, ack: Any, sent: Submission) -> None:
        modal_ref = sent.view.ref or ModalRef()
        loaded = await self._context.service.workflow(modal_ref.workflow) if modal_ref.workflow else None
        if loaded is None or isinstance(loaded, Refusal):
            await self._keep_open(ack, sent, refusals.sentence(loaded) if loaded is not None else _TOO_OLD)
            return
        if loaded[0].version != modal_ref.version:
            # The new version may ask for other inputs, and use them for something else.
            await self._newer(ack, sent, modal_ref, loaded)
            return
        inputs, wrong = view_state.read_inputs(sent.view.values, loaded[1].inputs)
        if wrong:
            await self._show_wrong(ack, sent, wrong)
            return
        key, origin, firing = f"slack:{sent.by.team}:{sent.view.id}", sent.by.origin(), None
        if modal_ref.message is not None:
            key, origin, firing = await message_starts.facts(self._context, sent.by, modal_ref.message, loaded)
        answer = await self._context.service.engine.start(
            Start(
                workflow=loaded[0].name,
                inputs=inputs,
                actor=sent.by.address,
                origin=origin,
                key=key,
                firing=firing,
            )
        )
        if isinstance(answer, InvalidInputs) and (placed := view_state.place_errors(sent.view.values, answer)):
            await ack(**replies.errors(placed))
        elif isinstance(answer, Refusal):
            await self._say(ack, refusals.phrase(answer))
        else:
            await ack(**replies.CLEAR)
            url = modal_ref.response_url
            work = show_started(self._context, sent.by, loaded[1].title, answer, response_url=url)
            self._context.after(sent.by, url, work, recorded=True)

    async def _newer(
        self, ack: Any, sent: Submission, modal_ref: ModalRef, loaded: tuple[WorkflowView, Workflow]
    ) -> None:
        """Show the form of the present version with what was entered in the older one."""
        view, workflow = loaded
        values, metadata = sent.view.values, msgspec.structs.replace(modal_ref, version=view.version)
        form = start_modal.newer_form(
            workflow, version=view.version, metadata=metadata, values=values, names=sent.view.labels
        )
        if form is not None:
            await ack(**replies.update(form))
        else:
            await self._keep_open(ack, sent, _CHANGED)

    # -- what became of a step --

    async def resumed(self, ack: Any, body: Any) -> None:
        """Answer Done, with the output that later steps read."""
        sent = Submission.of(body)
        ref = sent.view.ref.run if sent.view.ref is not None else None
        if ref is None:
            await self._keep_open(ack, sent, _TOO_OLD)
            return
        attention = await self._context.service.engine.attention(ref.run)
        if isinstance(attention, Refusal):
            await self._say(ack, refusals.phrase(attention))
            return
        values, wrong = view_state.read_output(sent.view.values, attention.fields)
        if wrong:
            await self._show_wrong(ack, sent, wrong)
            return
        output = attention.expected.build_output(values)
        answer = await self._context.service.resume(sent.by, ref, ResumeAnswer.DONE, output=output)
        if isinstance(answer, InvalidInputs) and (placed := view_state.place_errors(sent.view.values, answer)):
            await ack(**replies.errors(placed))
            return
        await ack(
            **(
                replies.update(request_modals.sentence(refusals.phrase(answer)))
                if isinstance(answer, Refusal)
                else replies.CLEAR
            )
        )
        self._context.after(sent.by, None, self._alert(sent, ref, answer), recorded=isinstance(answer, Done))

    async def _alert(self, sent: Submission, ref: RunRef, answer: Done | Refusal) -> None:
        """Update the clicked alert or Home tab to show the answer."""
        view, card = sent.view, await self._context.service.alert(ref)
        if card is not None and view.ref is not None:
            await self._context.replies.copy(view.ref.response_url, card, delivery=ref.delivery)
        if view.home is not None:
            await home_tab.answered(self._context, sent.by, view.home, card, answer)

    # -- the rest --

    async def unknown(self, ack: Any) -> None:
        """Answer a modal that only another version of Signoff has."""
        await self._say(ack, ANOTHER_VERSION)

    async def _keep_open(self, ack: Any, sent: Submission, text: str) -> None:
        """Say a sentence under the first input, so that what was entered can be copied."""
        first = next(iter(sent.view.values), None)
        if first is None:
            await self._say(ack, text)
        else:
            await ack(**replies.errors({first: text}))

    async def _show_wrong(self, ack: Any, sent: Submission, wrong: dict[str, str]) -> None:
        """Show what is wrong with the inputs: Slack takes no errors for a form in which there are none."""
        placed = _under_inputs(sent.view.values, wrong)
        if placed:
            await ack(**replies.errors(placed))
        else:
            await self._say(ack, " ".join(wrong.values()))

    async def _say(self, ack: Any, text: Sentence) -> None:
        await ack(**replies.update(request_modals.sentence(text)))


async def show_started(
    context: SlackContext, by: Actor, title: str, answer: Started, *, response_url: str | None
) -> None:
    """Tell a person who started a run who was asked, where they started it.

    The outcome is posted there as well if the app is in the conversation, and else in the one with the person.
    """
    request = (await context.service.engine.latest_requests([answer.run])).get(answer.run)

    def message(*, here: bool) -> SlackMessage:
        return command_messages.started(title, request, created=answer.created, here=here)

    if not await context.replies.show_here(by, message(here=True)):
        await context.replies.show(by, message(here=False), response_url=response_url)


def _under_inputs(values: Mapping[str, Any], wrong: dict[str, str]) -> dict[str, str]:
    """Return errors by input. Slack takes errors for inputs only: others are shown under the first one."""
    first = next((block for block in values if block.startswith("field:")), None)
    placed: dict[str, str] = {}
    for block, sentence in wrong.items():
        under = block if block in values else first
        if under is not None:
            placed[under] = f"{placed[under]} {sentence}" if under in placed else sentence
    return placed


def _newer_form(view: SeenView, request: RequestView, ref: Ref) -> View | None:
    """Return the form for the present content, or None if what was entered is wrong and has no place in another one."""
    assert view.ref is not None
    model, content = request.model, changes.at_version(request, ref.content_version).model.content.value
    typed, wrong = view_state.read_edits(view.values, model.editable, content)
    if wrong:
        return None
    current = msgspec.structs.replace(ref, content_version=model.content_version, digest=model.digest)
    metadata = msgspec.structs.replace(view.ref, ref=current)
    reason, rating = view_state.read_reason(view.values) or "", rating_blocks.read(view.values)
    entered = request_modals.Entered(typed, reason, rating)
    return request_modals.newer(request, view.callback, entered, version=ref.content_version, metadata=metadata)
