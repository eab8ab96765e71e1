"""Handlers of `/signoff secrets`: the list, the form that sets one, and the button that deletes one; for admins."""

from __future__ import annotations

from typing import Any, Final

from bot.presentation import people, refusals
from bot.slack import ids, replies, request_modals, secrets_view
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import Actor, Click, Submission, TypedCommand
from engine.domain import NotFound, Refusal
from engine.domain.secret_commands import DeleteSecret, InvalidSecret, SecretDeleted, SetSecret
from engine.service import SecretCommands

NOT_ADMIN: Final = "Only an admin can see, set and delete secrets. Admins are named in SIGNOFF_ADMINS."
_UNREADABLE: Final = "This button is from another version of Signoff. Type /signoff secrets again."


class SecretHandlers:
    """The handlers. A value is in no message, no metadata and no log: it goes from the form to the engine."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def typed(self, typed: TypedCommand) -> SlackMessage | str:
        """Answer with the list."""
        if (secrets := await self._commands(typed.by)) is None:
            return NOT_ADMIN
        return secrets_view.secrets(await secrets.views())

    async def open(self, ack: Any, body: Any) -> None:
        """Open the form."""
        click = Click.of(body)
        await ack()
        metadata = ModalRef(channel=click.by.channel or None, response_url=click.response_url)
        opening = self._context.replies.open(click, secrets_view.secret_form(metadata=metadata))
        self._context.after(click.by, click.response_url, _without_result(opening))

    async def submitted(self, ack: Any, body: Any) -> None:
        """Set the secret before the form is acknowledged."""
        sent = Submission.of(body)
        name, value, workflow = secrets_view.read(sent.view.values)
        if (secrets := await self._commands(sent.by)) is None:
            await ack(**replies.update(request_modals.sentence(NOT_ADMIN)))
            return
        actor, origin = sent.by.address, sent.by.origin()
        answer = await secrets.set(SetSecret(name=name, value=value, workflow=workflow, actor=actor, origin=origin))
        if isinstance(answer, InvalidSecret):
            await ack(**replies.errors({secrets_view.block_of(answer): refusals.sentence(answer)}))
        elif isinstance(answer, NotFound):
            await ack(**replies.errors({secrets_view.WORKFLOW: refusals.sentence(answer)}))
        elif isinstance(answer, Refusal):
            await ack(**replies.update(request_modals.sentence(refusals.phrase(answer))))
        else:
            done = "has a new value" if answer.replaced else "is set"
            said = f"The secret {name} {done}, for {secrets_view.whose(workflow)}."
            if answer.in_environment:
                said += " It counts before the variable of this name on the server."
            await ack(**replies.update(request_modals.sentence(said)))

    async def delete(self, ack: Any, body: Any) -> None:
        """Delete a secret before the click is acknowledged, and show the list as it is now."""
        click = Click.of(body)
        ref = ids.decode_secret(click.value)
        secrets = await self._commands(click.by)
        if ref is None or secrets is None:
            await ack()
            said = NOT_ADMIN if secrets is None else _UNREADABLE
            self._context.after(click.by, click.response_url, self._context.replies.answer(click, said))
            return
        command = DeleteSecret(name=ref.name, workflow=ref.workflow, actor=click.by.address, origin=click.by.origin())
        answer = await secrets.delete(command)
        await ack()
        message = secrets_view.secrets(await secrets.views(), title=_deleted(answer))
        showing = self._context.replies.show(click.by, message, response_url=click.response_url)
        self._context.after(click.by, click.response_url, showing, recorded=True)

    async def _commands(self, by: Actor) -> SecretCommands | None:
        """Return the commands if this person is an admin."""
        reader = await self._context.service.reader(by)
        return self._context.service.secrets if reader is not None and reader.is_admin else None


async def _without_result(opening: Any) -> None:
    await opening


def _deleted(answer: SecretDeleted | Refusal) -> str:
    if isinstance(answer, Refusal):
        return refusals.sentence(answer)
    if not answer.used_by:
        return f"The secret {answer.view.name} is deleted"
    return f"The secret {answer.view.name} is deleted; {people.joined(answer.used_by, 'and')} used it"
