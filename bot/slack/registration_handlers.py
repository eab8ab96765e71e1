"""Handler of the form that registers a workflow file, pasted or uploaded. Errors are shown under the field."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.presentation import refusals, workflow_changes
from bot.slack import command_messages, register_modal, replies, view_state
from bot.slack.context import SlackContext
from bot.slack.payloads import Actor, Submission
from engine.domain import Refusal, Register, Registered
from engine.domain.workflow_commands import Proposed
from engine.errors import ChannelError, DefinitionError, Problem

MOST_BYTES: Final = 1_000_000
"""Maximum size of an uploaded workflow file, in bytes."""
_FETCHING: Final = 1.5
"""Timeout of downloading an uploaded file, in seconds: Slack waits three for the whole answer."""


class RegistrationHandlers:
    """The handler."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def register(self, ack: Any, body: Any) -> None:
        """Register the workflow file that was pasted or uploaded."""
        sent = Submission.of(body)
        pasted, file = view_state.read_source(sent.view.values)
        refusal, (source, wrong) = await asyncio.gather(
            self._context.service.may_register(sent.by), self._source(pasted, file)
        )
        if refusal is not None or wrong:
            sentence = refusals.sentence(refusal) if refusal is not None else wrong
            await ack(**replies.errors(register_modal.form_errors(sentence, uploaded=file is not None)))
            return
        wrong_file = await self.register_source(ack, sent, source)
        if isinstance(wrong_file, Refusal):
            sentence = refusals.sentence(wrong_file)
            await ack(**replies.errors(register_modal.form_errors(sentence, uploaded=file is not None)))
        elif wrong_file is not None:
            await ack(**replies.errors(register_modal.problems_text(wrong_file, uploaded=file is not None)))

    async def register_source(
        self, ack: Any, sent: Submission, source: bytes, *, base: int | None = None
    ) -> Refusal | Sequence[Problem] | None:
        """Register a file and close the modals, or return why not; then nothing is acknowledged yet.

        `base`: the version that the person saw.
        """
        try:
            answer = await self._context.service.engine.register(
                Register(source=source, actor=sent.by.address, origin=sent.by.origin(), base=base)
            )
        except DefinitionError as error:
            return error.problems
        if isinstance(answer, Refusal):
            return answer
        await ack(**replies.CLEAR)
        url = sent.view.ref.response_url if sent.view.ref is not None else None
        self._context.after(sent.by, url, self._registered(sent.by, answer, url), recorded=True)
        return None

    async def _registered(self, by: Actor, answer: Registered | Proposed, response_url: str | None) -> None:
        """Show what was registered where the command was typed, or that it waits for an approval."""
        if isinstance(answer, Proposed):
            sentence = workflow_changes.proposed(answer)
            await self._context.replies.tell(by, (sentence,), response_url=response_url)
            return
        loaded = await self._context.service.workflow(answer.workflow)
        if isinstance(loaded, Refusal):
            await self._context.replies.tell(by, refusals.phrase(loaded), response_url=response_url)
            return
        approvers = await self._context.service.approver_names(loaded[1])
        message = command_messages.registered(loaded[1], answer, approvers=approvers)
        await self._context.replies.show(by, message, response_url=response_url)

    async def _source(self, pasted: str, file: Mapping[str, Any] | None) -> tuple[bytes, str]:
        """Return the bytes of the file, or a sentence why they cannot be read."""
        if file is None:
            return pasted.encode("utf-8", "replace"), "" if pasted.strip() else "Paste the file, or upload it."
        if pasted.strip():
            return b"", "Paste the file or upload it, not both."
        url = file.get("url_private_download") or file.get("url_private")
        if not isinstance(url, str):
            return b"", "Slack did not say where this file is. Paste its text instead."
        try:
            async with asyncio.timeout(_FETCHING):
                content = await self._context.client.download(url, most=MOST_BYTES)
        except (ChannelError, TimeoutError) as error:
            why = str(error) or "Slack did not send it in time. Send the form again, or paste the text."
            return b"", f"The file could not be loaded. {why}"
        if len(content) > MOST_BYTES:
            return b"", f"The file is too large. It may have up to {MOST_BYTES:,} bytes."
        return content, ""
