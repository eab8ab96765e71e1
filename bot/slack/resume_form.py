"""A form for what later steps read of a step that happened, but whose answer was lost."""

from __future__ import annotations

from typing import Final

from bot import card as cards
from bot.slack import forms, ids, text
from bot.slack.forms import Asked
from bot.slack.text import View
from engine.views import AttentionView

_OWN_BLOCKS: Final = 4


def resume_form(asked: AttentionView, *, metadata: ids.ModalRef) -> View:
    """Return the form. Read it back with `answers.read_inputs(values, asked.fields)`."""
    made = forms.form(
        [Asked(name=name, field=field, current=None) for name, field in asked.fields.items()],
        version=asked.step.attempt,
        room=ids.VIEW_BLOCKS - _OWN_BLOCKS,
    )
    said = (
        f"{cards.line(asked.run.workflow_title)}: step {asked.label} happened. Later steps need what it answered, "
        "so look it up where it happened. Nothing is carried out a second time."
    )
    blocks = [text.section(said, block="said"), *made.blocks]
    blocks += [text.section(one, block=f"without:{index}") for index, one in enumerate(made.without)]
    return forms.view(
        callback=ids.RESUME_MODAL,
        title="It happened",
        blocks=blocks,
        metadata=metadata,
        submit="Go on",
        close="Cancel",
    )
