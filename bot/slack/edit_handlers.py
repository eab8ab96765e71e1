"""Handlers of `/signoff edit`: a step in a form, or the whole file, then what changes, then Register."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bot.presentation import refusals
from bot.slack import (
    builder_inputs,
    edit_modal,
    gallery_modal,
    ids,
    register_modal,
    replies,
    request_modals,
    step_edits,
    text_objects,
    version_messages,
    view_state,
)
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.kept_answers import AFRESH, KeptAnswers
from bot.slack.payloads import Actor, Click, Submission, TypedCommand
from bot.slack.registration_handlers import RegistrationHandlers
from bot.slack.sentences import Sentence
from bot.slack.step_edits import StepForm
from bot.slack.text_objects import View
from engine import workflowfile
from engine.domain import NotFound, Refusal
from engine.domain.workflow_commands import NewerVersion
from engine.errors import DefinitionError
from engine.off_loop import off_loop
from engine.read_models import WorkflowView
from engine.workflowfile import Workflow

Loaded = tuple[WorkflowView, Workflow]
_CHOOSE: Final = "Choose what you want to change."
_NOTHING: Final = "Nothing is different from what is registered. Change something, or close this form."
_TOO_LONG: Final = "This is too long to be shown in Slack. Shorten it, or edit the whole file."
_NO_STEP: Final = "The workflow has no such step any more. Copy what you need, then type /signoff edit again."
_RENAMED: Final = "Keep the name {name} in the file: another name would be another workflow."


class EditHandlers:
    """The handlers."""

    def __init__(self, context: SlackContext) -> None:
        self._context, self._registration = context, RegistrationHandlers(context)
        self._kept = KeptAnswers(context)

    async def typed(self, typed: TypedCommand) -> Sentence | None:
        """Open the choice of what to change."""
        if not typed.rest:
            return f"Which workflow? Type {typed.command} edit and its name."
        loaded = await self._load(typed.by, typed.rest)
        if isinstance(loaded, Refusal):
            return refusals.phrase(loaded)
        view, workflow = loaded
        metadata = ModalRef(
            channel=typed.by.channel or None,
            response_url=typed.response_url,
            workflow=view.name,
            version=view.version,
        )

        async def ready() -> View:
            return edit_modal.choice(workflow, metadata=metadata)

        opening = self._context.replies.modal_when_ready("views.open", typed.trigger, ready(), metadata=ModalRef())
        self._context.after(typed.by, typed.response_url, opening)
        return None

    async def chosen(self, ack: Any, body: Any) -> None:
        """Show the form of the part that was chosen."""
        sent = Submission.of(body)
        part = edit_modal.chosen(sent.view.values)
        loaded = await self._of(sent)
        if isinstance(loaded, Refusal) or not part:
            why = refusals.sentence(loaded) if isinstance(loaded, Refusal) else _CHOOSE
            await ack(**replies.errors({edit_modal.PART_BLOCK: why}))
            return
        view, workflow = loaded
        step = None if part == edit_modal.ITSELF else part
        if step is not None and step not in {one.id for one in workflow.steps}:
            await ack(**replies.errors({edit_modal.PART_BLOCK: _NO_STEP}))
            return
        assert sent.view.ref is not None
        metadata = msgspec.structs.replace(sent.view.ref, version=view.version, step=step)
        form = await _step_form(workflow, metadata)
        await ack(**replies.push(await self._kept.filled_in(sent.by, form, ref=metadata, afresh=ids.EDIT_AFRESH)))

    async def afresh(self, ack: Any, body: Any) -> None:
        """Fill the form of a step with what the file says, in the place of earlier entries."""
        click = Click.of(body)
        await ack()
        if click.modal is None or click.modal.ref is None:
            return
        loaded = await self._load(click.by, click.modal.ref.workflow or "")
        await self._kept.forget(click.by, click.modal.ref)
        if isinstance(loaded, Refusal) or not _has_step(click.modal.ref, loaded[1]):
            why: Sentence = refusals.phrase(loaded) if isinstance(loaded, Refusal) else _NO_STEP
            view = request_modals.sentence(why, metadata=click.modal.ref)
        else:
            metadata = msgspec.structs.replace(click.modal.ref, version=loaded[0].version)
            view = await _step_form(loaded[1], metadata, AFRESH)
        self._context.after(click.by, None, self._context.replies.update(click.modal.id, view))

    async def step_entered(self, ack: Any, body: Any) -> None:
        """Show what the entries change, compared with the version that is registered now."""
        sent = Submission.of(body)
        loaded = await self._of(sent)
        first = next(iter(sent.view.values), "")
        if isinstance(loaded, Refusal) or not _has_step(sent.view.ref, loaded[1]):
            why = refusals.sentence(loaded) if isinstance(loaded, Refusal) else _NO_STEP
            await ack(**replies.errors({first: why}))
            return
        assert sent.view.ref is not None
        view, workflow = loaded
        form = StepForm(workflow, sent.view.ref.step)
        asked = form.inputs()
        changes = form.changed(builder_inputs.read(sent.view.values, asked))
        if not changes:
            await ack(**replies.errors({first: _NOTHING}))
            return
        await self._kept.keep(sent.by, sent.view.ref, sent.view.values)
        made = await self._made(form, changes)
        people = [one for one in asked if one.name in changes]
        refused = await builder_inputs.refused(people, sent.view.values, self._context.service.refuse_approvers)
        if isinstance(made, dict) or refused:
            made = made if isinstance(made, dict) else refused
            await ack(**replies.errors(builder_inputs.errors(made, asked, sent.view.values)))
            return
        metadata = gallery_modal.with_draft(sent.view.ref, changes, version=view.version)
        if metadata is None:
            longest = max(changes, key=lambda name: len(changes[name]))
            await ack(**replies.errors(builder_inputs.errors({longest: _TOO_LONG}, asked, sent.view.values)))
            return
        note = _stale(view) if view.version != sent.view.ref.version else ""
        blocks = version_messages.changes(workflow, made)
        await ack(**replies.push(edit_modal.check(blocks, note=note, metadata=metadata)))

    async def checked(self, ack: Any, body: Any) -> None:
        """Register the change, or show it anew if the workflow has another version now."""
        sent = Submission.of(body)
        loaded = await self._of(sent)
        if isinstance(loaded, Refusal) or not _has_step(sent.view.ref, loaded[1]):
            why: Sentence = refusals.phrase(loaded) if isinstance(loaded, Refusal) else _NO_STEP
            await ack(**replies.update(request_modals.sentence(why, metadata=sent.view.ref)))
            return
        assert sent.view.ref is not None
        view, workflow = loaded
        made = await self._made(StepForm(workflow, sent.view.ref.step), sent.view.ref.draft)
        if isinstance(made, dict):
            await ack(**replies.update(request_modals.sentence(" ".join(made.values()), metadata=sent.view.ref)))
        elif view.version != sent.view.ref.version:
            metadata = msgspec.structs.replace(sent.view.ref, version=view.version)
            blocks = version_messages.changes(workflow, made)
            await ack(**replies.update(edit_modal.check(blocks, note=_stale(view), metadata=metadata)))
        else:
            wrong = await self._registration.register_source(ack, sent, made.source, base=view.version)
            if isinstance(wrong, NewerVersion):
                await self.checked(ack, body)
            elif wrong is not None:
                why = refusals.phrase(wrong) if isinstance(wrong, Refusal) else " ".join(p.sentence() for p in wrong)
                await ack(**replies.update(request_modals.sentence(why, metadata=sent.view.ref)))
            else:
                await self._kept.forget(sent.by, sent.view.ref)

    # -- the whole file --

    async def whole_file(self, ack: Any, body: Any) -> None:
        """Open the form with the whole file."""
        click = Click.of(body)
        await ack()
        opening = self._context.replies.open_when_ready(click, self._file_form(click), metadata=ModalRef())
        self._context.after(click.by, click.response_url, opening)

    async def _file_form(self, click: Click) -> View:
        loaded = await self._load(click.by, click.value)
        if isinstance(loaded, Refusal):
            return request_modals.sentence(refusals.phrase(loaded))
        view, _ = loaded
        opened = click.modal.ref if click.modal is not None and click.modal.ref is not None else ModalRef()
        metadata = msgspec.structs.replace(opened, workflow=view.name, version=view.version)
        form = edit_modal.whole_file(view.source.decode("utf-8-sig"), metadata=metadata)
        return form or request_modals.sentence(edit_modal.TOO_LARGE)

    async def file_entered(self, ack: Any, body: Any) -> None:
        """Show what the text changes; register it once this was shown for the version that is registered now."""
        sent = Submission.of(body)
        loaded = await self._of(sent)
        if isinstance(loaded, Refusal):
            await ack(**replies.errors(register_modal.form_errors(refusals.sentence(loaded))))
            return
        assert sent.view.ref is not None
        view, workflow = loaded
        text, _ = view_state.read_source(sent.view.values)
        source, seen = text.encode("utf-8", "replace"), hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        try:
            made = await off_loop(lambda: workflowfile.load(source, kinds=self._context.service.kinds))
        except DefinitionError as error:
            await ack(**replies.errors(register_modal.problems_text(error.problems)))
            return
        if made.name != view.name:
            await ack(**replies.errors(register_modal.form_errors(_RENAMED.format(name=view.name))))
        elif seen == sent.view.ref.seen and view.version == sent.view.ref.version:
            wrong = await self._registration.register_source(ack, sent, source, base=view.version)
            if isinstance(wrong, NewerVersion):
                await self.file_entered(ack, body)
            elif wrong is not None:
                why = refusals.sentence(wrong) if isinstance(wrong, Refusal) else wrong[0].sentence()
                await ack(**replies.errors(register_modal.form_errors(why)))
        else:
            heading = _stale(view) if view.version != sent.view.ref.version else edit_modal.NOTHING_YET
            above = [text_objects.section(heading, block="heading"), *version_messages.changes(workflow, made)]
            metadata = msgspec.structs.replace(sent.view.ref, version=view.version, seen=seen)
            form = edit_modal.whole_file(text, metadata=metadata, above=above)
            too_large = replies.errors(register_modal.form_errors(edit_modal.TOO_LARGE))
            await ack(**(too_large if form is None else replies.update(form)))

    # -- all --

    async def _load(self, by: Actor, name: str) -> Loaded | Refusal:
        loaded = await self._context.service.workflow(name)
        if isinstance(loaded, Refusal):
            return loaded
        refusal = await self._context.service.may_build(by, loaded[0])
        return loaded if refusal is None else refusal

    async def _of(self, sent: Submission) -> Loaded | Refusal:
        name = sent.view.ref.workflow if sent.view.ref is not None else None
        return await self._load(sent.by, name) if name else NotFound(what="workflow", name="")

    async def _made(self, form: StepForm, changes: Mapping[str, str]) -> Workflow | dict[str, str]:
        """Return the changed workflow, or what is wrong, by input."""
        source, wrong = await off_loop(lambda: form.apply(changes))
        if wrong:
            return wrong
        try:
            return await off_loop(lambda: workflowfile.load(source, kinds=self._context.service.kinds))
        except DefinitionError as error:
            return form.place(error.problems)


def _has_step(ref: ModalRef | None, workflow: Workflow) -> bool:
    step = ref.step if ref is not None else None
    return step is None or step in {one.id for one in workflow.steps}


async def _step_form(workflow: Workflow, metadata: ModalRef, version: int = 0) -> View:
    title = step_edits.label(workflow, metadata.step)
    asked = await off_loop(lambda: StepForm(workflow, metadata.step).inputs())
    return edit_modal.step_form(title, asked, metadata=metadata, version=version)


def _stale(view: WorkflowView) -> str:
    return (
        f"{view.name} has version {view.version} now, so nothing was registered yet. Your changes are still here. "
        "This is what they change in the new version:"
    )
