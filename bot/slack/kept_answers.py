"""What builders entered in a form and did not send: kept while they type, and filled in when they open it again.

Slack does not send the entries of a form that is closed, so they are kept as they are entered.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from bot.slack import ids, kept_entries, sentences, text_objects
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.payloads import Actor, Click
from bot.slack.text_objects import View
from engine.errors import StoreError

_AGAIN: Final = "Your answers from "
_FILLED_IN: Final = " are filled in."
_START_AFRESH: Final = "Start afresh"
AFRESH: Final = 1
"""The version of inputs in a form that was emptied again."""

log = logging.getLogger(__name__)


def form_of(ref: ModalRef | None) -> str:
    """Return the name of a form with questions, or an empty text if it is about no workflow.

    A form that changes a workflow is named by the version too: entries do not go over into a newer one.
    """
    if ref is None or ref.workflow is None:
        return ""
    return f"edit/{ref.workflow}/{ref.version}/{ref.step or ''}" if ref.version else f"new/{ref.workflow}"


class KeptAnswers:
    """Keeps entries, and fills them in."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def typed(self, ack: Any, body: Any) -> None:
        """Keep the entries of a form, because one of them changed. A failure must not disturb a person who types."""
        click = Click.of(body)
        if click.modal is not None:
            await self.keep(click.by, click.modal.ref, click.modal.values)
        await ack()

    async def keep(self, by: Actor, ref: ModalRef | None, values: Mapping[str, Any]) -> None:
        """Keep the entries of a form."""
        form = form_of(ref)
        if not form:
            return
        try:
            await self._context.service.kept_forms.keep(by.address, form, values)
        except StoreError as error:
            log.warning("what %s entered could not be kept: %s", by.user, error)

    async def filled_in(self, by: Actor, view: View, *, ref: ModalRef, afresh: str) -> View:
        """Return a form with what this person entered in it before. `afresh`: the action that empties it again."""
        kept = await self._context.service.kept_forms.find(by.address, form_of(ref))
        if kept is None:
            return view
        blocks = kept_entries.keep(view["blocks"], kept.entries, {}).blocks
        note = sentences.block((_AGAIN, kept.kept_at, _FILLED_IN), name="kept")
        button = text_objects.actions(
            [text_objects.button(_START_AFRESH, action=afresh, value="afresh")], block="afresh"
        )
        return {**view, "blocks": [note, button, *blocks][: ids.VIEW_BLOCKS]}

    async def forget(self, by: Actor, ref: ModalRef | None) -> None:
        """Forget the entries of a form, because it was sent, or because its person starts afresh."""
        form = form_of(ref)
        if form:
            await self._context.service.kept_forms.forget(by.address, form)
