"""The form for the output of a step that happened but whose answer was lost."""

from __future__ import annotations

from typing import Final

from bot.presentation import answers, characters
from bot.slack import form_blocks, ids, text_objects
from bot.slack.form_blocks import AskedField
from bot.slack.text_objects import View
from engine.domain import ResumeAnswer
from engine.read_models import AttentionView

_OWN_BLOCKS: Final = 4


def resume_form(attention: AttentionView, *, metadata: ids.ModalRef) -> View:
    """Return the form. Read it back with `answers.read_output(values, asked.fields)`."""
    form = form_blocks.form(
        [AskedField(name=name, field=field, current=None) for name, field in attention.fields.items()],
        version=attention.step.attempt,
        room=ids.VIEW_BLOCKS - _OWN_BLOCKS,
    )
    introduction = (
        f"{characters.line(attention.run.workflow_title)}: “{attention.label}” happened. "
        "Later steps need its result. Look it up where it happened, and enter it here. Nothing is called again."
    )
    blocks = [text_objects.section(introduction, block="said"), *form.blocks]
    blocks += [text_objects.section(sentence, block=f"without:{index}") for index, sentence in enumerate(form.without)]
    return form_blocks.view(
        callback=ids.RESUME_MODAL,
        title=answers.LABELS[ResumeAnswer.DONE],
        blocks=blocks,
        metadata=metadata,
        submit="Continue the run",
        close="Cancel",
    )
