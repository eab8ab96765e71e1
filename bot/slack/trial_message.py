"""The message and the modals of `/signoff try`: what each step would do, with examples or with inputs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from bot.presentation import trial_words
from bot.slack import form_blocks, ids, list_rows, notification_text, rich_text, text_objects
from bot.slack.ids import ModalRef
from bot.slack.message_view import SlackMessage
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block, View
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.runs import examples
from engine.workflowfile import Workflow
from engine.workflowfile.workflow import Example

_MOST_EXAMPLES: Final = 5
_MOST_LINES: Final = 12
_MOST_STEPS: Final = 40
_VALUE: Final = 80
_SENTENCE: Final = 200
_NO_EFFECT: Final = "This is only a trial: nothing is called, and no one is asked."


def trial(
    workflow: Workflow, now: datetime, names: Mapping[str, str], inputs: Mapping[str, Value] | None = None
) -> SlackMessage:
    """Return what each example would do; without examples, what made-up inputs would.

    `names`: of the approvers, by their text in the file. `inputs`: of one's own, in the place of examples.
    """
    shown = workflow.examples[:_MOST_EXAMPLES] or (trial_words.example(workflow),)
    if inputs is not None:
        shown = (trial_words.own(workflow, inputs),)
    title = text_objects.clipped(text_objects.line(workflow.title), list_rows.TITLE)
    blocks: list[Block] = [text_objects.section(f"{title}. {_NO_EFFECT}", block="title")]
    for number, example in enumerate(shown):
        name = [Line(label="Example", after=_clip(example.name))] if inputs is None else []
        lines = [*name, *_lines(workflow, example, names, now)]
        blocks.append(rich_text.lines(lines[: _MOST_LINES + 1], block=f"example:{number}"))
    left = len(workflow.examples) - len(shown)
    if left > 0 and inputs is None:
        hint = f"{left:,} more examples are not shown. signoff check --examples plays them all."
        blocks.append(text_objects.context([text_objects.plain(hint)], block="left"))
    if asked_inputs(workflow):
        button = text_objects.button("Try other inputs", action=ids.TRY_FORM, value=workflow.name)
        blocks.append(text_objects.actions([button], block="other"))
    return SlackMessage(notification_text.of_blocks(blocks), blocks)


def _lines(workflow: Workflow, example: Example, names: Mapping[str, str], now: datetime) -> Iterator[Line]:
    played = examples.play(workflow, example, now)
    if example.inputs:
        yield Line(label="Inputs", after=_clip(", ".join(_inputs(workflow, example.inputs))))
    for step in trial_words.steps(workflow, played, names)[:_MOST_STEPS]:
        yield Line(label=f"{step.number}. {_clip(step.title)}", after=_clip(step.sentence))
    end = trial_words.end(played)
    if end:
        made_up = " The values are made up: write examples into the file." if _fails_made_up(example, end) else ""
        yield Line(label="At the end", after=f"{_clip(end)}{made_up}")


def _fails_made_up(example: Example, end: str) -> bool:
    return example.name == trial_words.MADE_UP and "failed" in end


def _inputs(workflow: Workflow, inputs: Mapping[str, Value]) -> list[str]:
    return [text_objects.clipped(text, _VALUE * 2) for text in trial_words.inputs(workflow, inputs)]


# -- the form -------------------------------------------------------------------------------------------------


def asked_inputs(workflow: Workflow) -> dict[str, Field]:
    """Return the inputs that the form of a trial asks for: all but files, which a trial makes up."""
    declared = {} if workflow.is_asked else workflow.inputs
    return {name: field for name, field in declared.items() if field.type is not FieldType.FILE}


def form(workflow: Workflow, *, metadata: ModalRef) -> View:
    """Return the inputs, filled in as in the first example."""
    filled = trial_words.example(workflow).inputs
    asked = [
        form_blocks.AskedField(name=name, field=field, current=filled.get(name, field.default))
        for name, field in asked_inputs(workflow).items()
    ]
    made = form_blocks.form(asked, version=metadata.version, room=ids.VIEW_BLOCKS - 4)
    return form_blocks.view(
        callback=ids.TRY_MODAL,
        title="Try it without effects",
        blocks=[
            text_objects.section(f"{text_objects.line(workflow.title)}. {_NO_EFFECT}", block="said"),
            *made.blocks,
            *(text_objects.section(text, block=f"without:{number}") for number, text in enumerate(made.without)),
        ],
        metadata=metadata,
        submit="Show what happens",
        close="Close",
    )


def made_up(workflow: Workflow, inputs: Mapping[str, Value]) -> dict[str, Value]:
    """Return the inputs of a form with those that it does not ask for."""
    return {**trial_words.example(workflow).inputs, **inputs}


def result(workflow: Workflow, now: datetime, names: Mapping[str, str], inputs: Mapping[str, Value]) -> View:
    """Return what the steps would do with these inputs."""
    lines = [*_lines(workflow, trial_words.own(workflow, inputs), names, now)]
    return form_blocks.view(
        callback=ids.PLAIN_MODAL,
        title="What would happen",
        blocks=[
            text_objects.section(_NO_EFFECT, block="said"),
            *(rich_text.lines([line], block=f"line:{number}") for number, line in enumerate(lines)),
        ],
        metadata=ModalRef(),
        close="Back",
    )


def _clip(text: str) -> str:
    return text_objects.clipped(text_objects.line(text), _SENTENCE)
