"""The message of `/signoff try`: what a workflow would do with its examples, or with made-up inputs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.presentation import dates, labels, states
from bot.slack import list_rows, notification_text, rich_text, text_objects
from bot.slack.message_view import SlackMessage
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block
from engine import fields
from engine.fields import Field
from engine.json_values import Value
from engine.name_lists import join_names
from engine.runs import examples
from engine.runs.examples import PlayedExample
from engine.runs.sample_inputs import sample_inputs
from engine.workflowfile import Workflow
from engine.workflowfile.workflow import Example

_MOST_EXAMPLES: Final = 5
_MOST_LINES: Final = 12
_VALUE: Final = 80
_SENTENCE: Final = 200
_MADE_UP: Final = "Made-up inputs"
_OF_A_STEP: Final = "steps."
_UNKNOWN: Final = "it needs what a step returns, which only a real call or the outputs of an example say"


def trial(workflow: Workflow, now: datetime) -> SlackMessage:
    """Return what each example would do; without examples, what made-up inputs would."""
    shown = workflow.examples[:_MOST_EXAMPLES] or (Example(name=_MADE_UP, inputs=sample_inputs(workflow.inputs)),)
    title = text_objects.clipped(text_objects.line(workflow.title), list_rows.TITLE)
    blocks: list[Block] = [
        text_objects.section(f"A trial of {title}. Nothing is called, and no one is asked.", block="title")
    ]
    for number, example in enumerate(shown):
        lines = _lines(workflow, example, examples.play(workflow, example, now))
        name = text_objects.clipped(text_objects.line(example.name), _SENTENCE)
        blocks.append(
            rich_text.lines([Line(label="Example", after=name), *lines][: _MOST_LINES + 1], block=f"example:{number}")
        )
    left = len(workflow.examples) - len(shown)
    if left > 0:
        hint = f"{left:,} more examples are not shown. signoff check --examples plays them all."
        blocks.append(text_objects.context([text_objects.plain(hint)], block="left"))
    return SlackMessage(notification_text.of_blocks(blocks), blocks)


def _lines(workflow: Workflow, example: Example, played: PlayedExample) -> Iterator[Line]:
    if example.inputs:
        yield Line(label="Inputs", after=_clip(", ".join(_inputs(workflow, example.inputs))))
    titles = {step.id: labels.in_words(step.label) for step in workflow.steps}
    for step, people in played.asked.items():
        who = join_names([*map(_person, people[:5])], len(people)) or "the owner"
        yield Line(label="Would ask", after=_clip(f"{who} about “{titles.get(step, step)}”"))
    if not played.asked:
        yield Line(label="Would ask", after="no one")
    if played.called:
        yield Line(label="Would call", after=_clip(", ".join(f"“{titles.get(step, step)}”" for step in played.called)))
    yield from _end(example, played)


def _end(example: Example, played: PlayedExample) -> Iterator[Line]:
    if played.ends is not None:
        yield Line(label="The run", after=states.RUN_CLAUSES[played.ends])
    if _OF_A_STEP in played.error:
        yield Line(label="Because", after=_UNKNOWN)
    elif played.error:
        made_up = " The values are made up: write examples into the file." if example.name == _MADE_UP else ""
        yield Line(label="Because", after=f"{_clip(played.error)}{made_up}")


def _person(rule: str) -> str:
    """Return a person as the file names them; of an expression, what it is about."""
    bare = rule.removeprefix("{{").removesuffix("}}").strip()
    if bare.startswith((_OF_A_STEP, "inputs.")):
        return f"the “{labels.in_words(bare.rpartition('.')[2])}” of the run"
    return text_objects.line(rule)


def _inputs(workflow: Workflow, inputs: Mapping[str, Value]) -> Sequence[str]:
    known = {name: value for name, value in inputs.items() if name in workflow.inputs}
    return [
        f"{labels.of_field(workflow.inputs[name].label, name)}: {_shown(workflow.inputs[name], value)}"
        for name, value in known.items()
    ]


def _shown(field: Field, value: Value) -> str:
    return text_objects.clipped(dates.in_words(fields.show(field.type, value)), _VALUE)


def _clip(text: str) -> str:
    return text_objects.clipped(text_objects.line(text), _SENTENCE)
