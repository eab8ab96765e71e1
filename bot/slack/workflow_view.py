"""The steps of a workflow in words: what each one is, when it runs, and who is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bot.presentation import input_words, step_words
from bot.presentation.step_words import Words
from bot.slack import ids, rich_text, text_objects
from bot.slack.text_objects import Block, Element
from engine.workflowfile import Workflow

MOST_STEPS: Final = 40
_INPUTS: Final = 1_000
_STEPS_TEXT: Final = 6_000
"""Maximum length of all steps together, in characters."""


def steps(workflow: Workflow, *, approvers: Mapping[str, str], version: int) -> list[Block]:
    """Return the numbered steps of a workflow. `approvers`: names for the approvers of the file, by their text."""
    parts, room = list[Element](), _STEPS_TEXT
    for number, step in enumerate(workflow.steps[:MOST_STEPS], start=1):
        title = rich_text.words(step_words.title(number, step), bold=True)
        sentences = _elements(step_words.of_step(workflow, step, approvers))
        elements = [*title, *rich_text.words("\n"), *sentences]
        room -= sum(text_objects.size(element["text"]) for element in elements)
        if room < 0:
            break
        parts.append({"type": "rich_text_section", "elements": elements})
    blocks: list[Block] = [{"type": "rich_text", "block_id": ids.block_id("steps", version), "elements": parts}]
    left = len(workflow.steps) - len(parts)
    return [*blocks, _left_out(left, version)] if left else blocks


def inputs(workflow: Workflow) -> list[Block]:
    """Return what people enter to start a workflow."""
    sentence = input_words.sentence(workflow)
    return [text_objects.section(text_objects.clipped(sentence, _INPUTS), block="inputs")] if sentence else []


def _left_out(count: int, version: int) -> Block:
    steps_left = "1 more step does" if count == 1 else f"{count:,} more steps do"
    return text_objects.context(
        [text_objects.plain(f"{steps_left} not fit here. The workflow file has them all.")],
        block=ids.block_id("more", version),
    )


def _elements(words: Iterable[Words]) -> Iterator[Element]:
    for piece in words:
        for element in rich_text.words(piece.text):
            yield {**element, "style": {"code": True}} if piece.is_code else element
