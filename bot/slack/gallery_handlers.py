"""Handlers of the modals of `/signoff new`: a template, its questions, the steps that come of them, and Register.

What was answered travels in the modal with the steps, and the file is built from it again when it is registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot import gallery, gallery_answers
from bot.gallery import GalleryTemplate
from bot.gallery_answers import BuiltFile
from bot.presentation import refusals
from bot.slack import builder_inputs, gallery_modal, ids, replies, request_modals
from bot.slack.builder_inputs import BuilderInput
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.kept_answers import AFRESH, KeptAnswers
from bot.slack.payloads import Click, Submission
from bot.slack.registration_handlers import RegistrationHandlers
from bot.slack.text_objects import View
from engine.domain import Refusal
from engine.domain.workflow_commands import NewerVersion
from engine.errors import Problem
from engine.off_loop import off_loop
from engine.references import OWNER
from engine.steps.missing_services import find_missing

_YOU: Final = "you, the owner of the workflow"
_CHOOSE: Final = "Choose what the workflow is for."
_GONE: Final = "This template is not in the gallery any more. Close this form, then type /signoff new again."
_TOO_LONG: Final = "Your answers are too long to be shown in Slack. Shorten this one, or register a file instead."
_CHANGED: Final = "The answers do not fit any more, so nothing was registered. Go back, and change them."


class GalleryHandlers:
    """The handlers."""

    def __init__(self, context: SlackContext) -> None:
        self._context, self._registration = context, RegistrationHandlers(context)
        self._kept = KeptAnswers(context)

    async def begin(self, ack: Any, body: Any) -> None:
        """Open the choice among the templates."""
        click = Click.of(body)
        await ack()
        self._context.after(
            click.by, None, self._context.replies.open_when_ready(click, self._choice(click), metadata=ModalRef())
        )

    async def _choice(self, click: Click) -> View:
        refusal = await self._context.service.may_register(click.by)
        if refusal is not None:
            return request_modals.sentence(refusals.phrase(refusal))
        return gallery_modal.choice(gallery.load(), metadata=ModalRef())

    async def chosen(self, ack: Any, body: Any) -> None:
        """Ask the questions of the template that was chosen."""
        sent = Submission.of(body)
        template = gallery.load().find(gallery_modal.chosen(sent.view.values))
        if template is None:
            await ack(**replies.errors({gallery_modal.TEMPLATE_BLOCK: _CHOOSE}))
            return
        metadata = _metadata(sent.view.ref, template.name)
        view = await self._questions(template, metadata)
        await ack(**replies.push(await self._kept.filled_in(sent.by, view, ref=metadata, afresh=ids.NEW_AFRESH)))

    async def _questions(self, template: GalleryTemplate, metadata: ModalRef, version: int = 0) -> View:
        asked = gallery_modal.inputs(template, free_name=gallery_answers.free_name(template.name, await self._taken()))
        return gallery_modal.questions(template, asked, metadata=metadata, version=version)

    async def afresh(self, ack: Any, body: Any) -> None:
        """Empty the questions of a template that were filled in with earlier answers."""
        click = Click.of(body)
        await ack()
        name = click.modal.ref.workflow if click.modal is not None and click.modal.ref is not None else None
        template = gallery.load().find(name) if name else None
        if template is None or click.modal is None:
            return
        metadata = _metadata(click.modal.ref, template.name)
        await self._kept.forget(click.by, metadata)
        view = await self._questions(template, metadata, AFRESH)
        self._context.after(click.by, None, self._context.replies.update(click.modal.id, view))

    async def answered(self, ack: Any, body: Any) -> None:
        """Show the steps that come of the answers, or what is wrong with them."""
        sent = Submission.of(body)
        template, asked = _asked(sent)
        if template is None:
            await ack(**replies.update(request_modals.sentence(_GONE)))
            return
        await self._kept.keep(sent.by, sent.view.ref, sent.view.values)
        typed = builder_inputs.read(sent.view.values, asked)
        built = await self._build(template, typed)
        wrong = built.wrong or await builder_inputs.refused(
            asked, sent.view.values, self._context.service.refuse_approvers
        )
        if built.workflow is None or wrong:
            await ack(**replies.errors(builder_inputs.errors(wrong, asked, sent.view.values)))
            return
        metadata = gallery_modal.with_draft(_metadata(sent.view.ref, template.name), typed)
        if metadata is None:
            longest = max(typed, key=lambda name: len(typed[name]))
            await ack(**replies.errors(builder_inputs.errors({longest: _TOO_LONG}, asked, sent.view.values)))
            return
        approvers = {OWNER: _YOU, **await self._context.service.approver_names(built.workflow)}
        notes = find_missing(built.workflow, self._context.service.kinds)
        view = gallery_modal.check(built.workflow, approvers=approvers, notes=notes, metadata=metadata)
        await ack(**replies.push(view))

    async def checked(self, ack: Any, body: Any) -> None:
        """Register the workflow."""
        sent = Submission.of(body)
        template, _ = _asked(sent)
        if template is None or sent.view.ref is None:
            await ack(**replies.update(request_modals.sentence(_GONE)))
            return
        refusal = await self._context.service.may_register(sent.by)
        built = await self._build(template, sent.view.ref.draft)
        if refusal is not None or built.workflow is None:
            why = refusals.sentence(refusal) if refusal is not None else _in_one(built.wrong)
            await ack(**replies.update(request_modals.sentence(why, metadata=sent.view.ref)))
            return
        wrong = await self._registration.register_source(ack, sent, built.source, base=0)
        if isinstance(wrong, NewerVersion):
            # The name was taken at the same moment.
            await self.checked(ack, body)
        elif wrong is not None:
            await ack(**replies.update(request_modals.sentence(_why(wrong), metadata=sent.view.ref)))
        else:
            await self._kept.forget(sent.by, sent.view.ref)

    async def _taken(self) -> set[str]:
        return {view.name for view in await self._context.service.engine.workflows()}

    async def _build(self, template: GalleryTemplate, typed: Mapping[str, str]) -> BuiltFile:
        """Return the file of the answers, checked."""
        taken, service = await self._taken(), self._context.service
        now = service.clock.now()
        return await off_loop(lambda: gallery_answers.build_checked(template, typed, taken, service.kinds, now))


def _metadata(ref: ModalRef | None, template: str) -> ModalRef:
    opened = ref or ModalRef()
    return ModalRef(channel=opened.channel, response_url=opened.response_url, workflow=template)


def _asked(sent: Submission) -> tuple[GalleryTemplate | None, Sequence[BuilderInput]]:
    """Return the template that a form is about, and its inputs."""
    name = sent.view.ref.workflow if sent.view.ref is not None else None
    template = gallery.load().find(name) if name else None
    return template, gallery_modal.inputs(template, free_name="") if template is not None else ()


def _in_one(wrong: Mapping[str, str] | None) -> str:
    return f"{_CHANGED} {' '.join((wrong or {}).values())}".strip()


def _why(wrong: Refusal | Sequence[Problem]) -> str:
    if isinstance(wrong, Refusal):
        return refusals.sentence(wrong)
    return f"Nothing was registered. {' '.join(problem.sentence() for problem in wrong[:5])}"
