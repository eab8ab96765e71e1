"""Handlers of `/signoff try`: examples in a message, or inputs of one's own in a form. Nothing is called."""

from __future__ import annotations

from typing import Any

from bot.presentation import refusals
from bot.slack import replies, request_modals, trial_message, view_state
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import Actor, Click, Submission
from bot.slack.text_objects import View
from engine.domain import NotFound, Refusal
from engine.json_values import Value
from engine.off_loop import off_loop
from engine.read_models import WorkflowView
from engine.workflowfile import Workflow


class TrialHandlers:
    """The handlers."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def load(self, by: Actor, name: str) -> tuple[WorkflowView, Workflow] | Refusal:
        """Return a workflow that this person may try."""
        loaded = await self._context.service.workflow(name)
        if isinstance(loaded, Refusal):
            return loaded
        refusal = await self._context.service.may_build(by, loaded[0])
        return loaded if refusal is None else refusal

    async def message(self, workflow: Workflow, inputs: dict[str, Value] | None) -> SlackMessage:
        """Return what the steps would do. `inputs`: those that were typed; None: those of the examples."""
        now, names = self._context.service.clock.now(), await self._context.service.approver_names(workflow)
        given = inputs if inputs is None else trial_message.made_up(workflow, inputs)
        return await off_loop(lambda: trial_message.trial(workflow, now, names, given))

    async def open(self, ack: Any, body: Any) -> None:
        """Open the form with the inputs."""
        click = Click.of(body)
        await ack()
        opening = self._context.replies.open_when_ready(click, self._form(click), metadata=ModalRef())
        self._context.after(click.by, click.response_url, opening)

    async def _form(self, click: Click) -> View:
        loaded = await self.load(click.by, click.value)
        if isinstance(loaded, Refusal):
            return request_modals.sentence(refusals.phrase(loaded))
        view, workflow = loaded
        return trial_message.form(workflow, metadata=ModalRef(workflow=view.name, version=view.version))

    async def submitted(self, ack: Any, body: Any) -> None:
        """Show what the steps would do with these inputs. The form stays open below."""
        sent = Submission.of(body)
        name = sent.view.ref.workflow if sent.view.ref is not None else None
        loaded = await self.load(sent.by, name) if name else NotFound(what="workflow", name="")
        if isinstance(loaded, Refusal):
            await ack(**replies.update(request_modals.sentence(refusals.phrase(loaded))))
            return
        workflow = loaded[1]
        inputs, wrong = view_state.read_inputs(sent.view.values, trial_message.asked_inputs(workflow))
        placed = {block: text for block, text in wrong.items() if block in sent.view.values}
        if wrong:
            first = next(iter(sent.view.values), "")
            await ack(**replies.errors(placed or {first: " ".join(wrong.values())}))
            return
        now, names = self._context.service.clock.now(), await self._context.service.approver_names(workflow)
        given = trial_message.made_up(workflow, inputs)
        await ack(**replies.push(await off_loop(lambda: trial_message.result(workflow, now, names, given))))
