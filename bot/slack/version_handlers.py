"""Handlers of `/signoff versions`, `diff`, `rollback`, `disable`, `enable` and `delete`, and of their buttons."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from bot.presentation import refusals, workflow_changes
from bot.slack import ids, version_messages
from bot.slack.context import SlackContext
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import Actor, Click, TypedCommand
from bot.slack.sentences import Sentence
from bot.slack.service import ANOTHER_VERSION
from bot.slack.text_objects import Block
from engine import workflowfile
from engine.domain import NotAllowed, NotFound, Refusal, Registered
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.errors import DefinitionError
from engine.off_loop import off_loop
from engine.read_models import WorkflowView
from engine.version_views import VersionView

Answer: TypeAlias = SlackMessage | Sentence
_FIRST: Final = NotAllowed(why="This workflow has only one version, so there is nothing to compare.")


class VersionHandlers:
    """The handlers. What a button does is committed before it is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    # -- looking --

    async def versions(self, typed: TypedCommand) -> Answer:
        """List the versions."""
        found = await self._find(typed)
        return refusals.phrase(found) if isinstance(found, Refusal) else version_messages.versions(*found)

    async def diff(self, typed: TypedCommand) -> Answer:
        """Show what the last version changed, or what differs between two."""
        found = await self._find(typed)
        if isinstance(found, Refusal):
            return refusals.phrase(found)
        view, versions = found
        numbers = _numbers(typed)
        if view.version == 1 and not numbers:
            return refusals.phrase(_FIRST)
        before = numbers[0] if numbers else view.version - 1
        after = numbers[1] if len(numbers) > 1 else view.version
        blocks = await self._changes(versions, before, after)
        if isinstance(blocks, Refusal):
            return refusals.phrase(blocks)
        return version_messages.compared(view.title, before, after, blocks)

    async def rollback(self, typed: TypedCommand) -> Answer:
        """Show what an older version would change, with the button that goes back to it."""
        found = await self._find(typed)
        if isinstance(found, Refusal):
            return refusals.phrase(found)
        view, versions = found
        version = next(iter(_numbers(typed)), view.version - 1)
        if version == view.version:
            return f"Version {version} is the current one, so there is nothing to go back to."
        blocks = await self._changes(versions, view.version, version)
        if isinstance(blocks, Refusal):
            return refusals.phrase(blocks)
        return version_messages.going_back(view, version, blocks)

    async def _changes(self, versions: list[VersionView], before: int, after: int) -> list[Block] | Refusal:
        sources = {version.version: version.source for version in versions}
        missing = next((number for number in (before, after) if number not in sources), None)
        if missing is not None:
            last = f"the versions 1 to {len(sources)}" if len(sources) > 1 else "only version 1"
            return NotAllowed(why=f"There is no version {missing}. It has {last}.")
        kinds = self._context.service.kinds
        try:
            return await off_loop(
                lambda: version_messages.changes(
                    *(workflowfile.load(sources[number], kinds=kinds, registered=True) for number in (before, after))
                )
            )
        except DefinitionError:
            return NotAllowed(why="This server no longer understands one of these versions.")

    # -- acting --

    async def disable(self, typed: TypedCommand) -> Answer:
        """Ask whether nothing should start the workflow any more."""
        return await self._stop(typed, WorkflowState.DISABLED)

    async def delete(self, typed: TypedCommand) -> Answer:
        """Ask whether the workflow should be gone."""
        return await self._stop(typed, WorkflowState.DELETED)

    async def _stop(self, typed: TypedCommand, state: WorkflowState) -> Answer:
        found = await self._find(typed)
        return refusals.phrase(found) if isinstance(found, Refusal) else version_messages.stop(found[0], state)

    async def enable(self, typed: TypedCommand) -> Answer:
        """Let the workflow be started again."""
        found = await self._find(typed)
        if isinstance(found, Refusal):
            return refusals.phrase(found)
        return await self._change_state(typed.by, found[0].name, WorkflowState.ACTIVE)

    async def state_clicked(self, ack: Any, body: Any) -> None:
        """Disable or delete the workflow."""
        click = Click.of(body)
        ref = ids.decode_workflow(click.value)
        if ref is None or ref.state is None:
            answer: Sentence = ANOTHER_VERSION
        else:
            answer = await self._change_state(click.by, ref.workflow, ref.state)
        await ack()
        self._context.after(click.by, click.response_url, self._context.replies.answer(click, answer), recorded=True)

    async def back_clicked(self, ack: Any, body: Any) -> None:
        """Register the file of an older version again."""
        click = Click.of(body)
        ref = ids.decode_workflow(click.value)
        answer: Sentence = ANOTHER_VERSION
        if ref is not None and ref.version:
            rolled = await self._context.service.engine.roll_back(
                RollBack(
                    workflow=ref.workflow,
                    version=ref.version,
                    actor=click.by.address,
                    origin=click.by.origin(),
                    base=ref.base or None,
                )
            )
            answer = _rolled_back(rolled, ref.version)
        await ack()
        self._context.after(click.by, click.response_url, self._context.replies.answer(click, answer), recorded=True)

    async def _change_state(self, by: Actor, workflow: str, state: WorkflowState) -> Sentence:
        answer = await self._context.service.engine.change_state(
            ChangeWorkflowState(workflow=workflow, state=state, actor=by.address, origin=by.origin())
        )
        return _state_changed(answer)

    async def _find(self, typed: TypedCommand) -> tuple[WorkflowView, list[VersionView]] | Refusal:
        """Return a workflow with its versions, the newest first, if this person may change it."""
        name = typed.rest.split(maxsplit=1)[0] if typed.rest.split() else ""
        if not name:
            return NotAllowed(why=f"Which workflow? Type {typed.command} {typed.word} and its name.")
        view = await self._context.service.engine.workflow(name)
        if isinstance(view, NotFound):
            return view
        refusal = await self._context.service.may_build(typed.by, view)
        if refusal is not None:
            return refusal
        return view, [*await self._context.service.engine.versions(view.name)]


def _numbers(typed: TypedCommand) -> list[int]:
    """Return the numbers of versions that follow the name."""
    return [int(word) for word in typed.rest.split()[1:3] if word.isascii() and word.isdigit() and len(word) < 9]


def _state_changed(answer: WorkflowStateChanged | Proposed | Refusal) -> Sentence:
    if isinstance(answer, Refusal):
        return refusals.phrase(answer)
    return workflow_changes.proposed(answer) if isinstance(answer, Proposed) else workflow_changes.state_changed(answer)


def _rolled_back(answer: Registered | Proposed | Refusal, version: int) -> Sentence:
    if isinstance(answer, Refusal):
        return refusals.phrase(answer)
    if isinstance(answer, Proposed):
        return workflow_changes.proposed(answer)
    name = answer.workflow
    if not answer.changed:
        return f"{name} has that file already, as version {answer.version}."
    return f"{name} has the file of version {version} again, as version {answer.version}. Open runs keep theirs."
