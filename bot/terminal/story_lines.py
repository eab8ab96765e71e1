"""The story of a run and the output of steps, arranged for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from bot.presentation import characters, labels, request_content, story
from bot.presentation.story import Names
from bot.terminal.view import grid, truncate
from engine import fields
from engine.json_values import Path, Value
from engine.story_entries import StoryEntry

_SIGNS: Final = {
    "succeeded": "✓",
    "approved": "✓",
    "voted": "✓",
    "changed": "✎",
    "asked": "●",
    "failed": "✕",
    "rejected": "✕",
    "changes_requested": "↺",
    "undone": "↶",
    "stuck": "!",
    "outcome_unknown": "!",
    "opened": "●",
    "expired": "◷",
    "cancelled": "⊘",
    "withdrawn": "⊘",
}


def render_story(entries: Sequence[StoryEntry], names: Names, local: list[datetime]) -> Iterator[Text]:
    """Yield a line for each entry, and a line with the date before the first one of each day.

    `local`: the times of the entries in the time zone of the reader.
    """
    day: date | None = None
    for entry, at in zip(entries, local, strict=True):
        if at.date() != day:
            day = at.date()
            yield Text(f"{at:%b} {at.day}, {at.year}", style="dim")
        yield render_story_entry(entry, names, at)


def render_story_entry(entry: StoryEntry, names: Names, at: datetime) -> Text:
    """Render one transition of a run as a line. `at`: its time in the time zone of the reader."""
    who, sentence = story.actor_of(entry, names), story.sentence_of(entry, names)
    sign = _SIGNS.get(entry.kind.split(".")[-1], "·")
    time = f"{at.hour % 12 or 12:>2}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"
    told = characters.line(f"{who} {sentence}" if who else sentence)
    return Text.assemble((f"{time} ", "dim"), (sign, "bold"), f" {told}")


def render_output(output: Mapping[str, Value], given: Mapping[Path, str]) -> Table:
    """Render the output of a step as lines with a label and a value. `given`: the labels that the builder gave."""
    table = grid()
    for name, value in output.items():
        text = request_content.show(fields.infer(value), value)
        table.add_row(
            Text(characters.line(given.get((name,)) or labels.in_words(name)), style="dim"), Text(truncate(text))
        )
    return table
