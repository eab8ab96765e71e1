"""Cards, arranged for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.presentation import dates, expiry, people, states, text_diff
from bot.presentation.characters import boundary, stands_apart
from bot.presentation.text_diff import Part, Segment
from engine.domain import DIGEST, Card, CardFact, CardField, CardOutcome, DeliveryKind, Tone

MAX_TEXT: Final = 2_000
"""Maximum length of one text on a card, in characters. With the details, every text is whole."""
MAX_LABEL: Final = 28
"""Width of a label, in characters. A longer one goes on in the next line."""

_MAY_CHANGE: Final = "✎"
_EMPTY: Final = "(empty)"
_TONE_STYLES: Final = {
    Tone.APPROVED: "green",
    Tone.DONE: "green",
    Tone.REJECTED: "red",
    Tone.FAILED: "red",
    Tone.SENT_BACK: "yellow",
    Tone.SKIPPED: "yellow",
    Tone.UNDONE: "yellow",
    Tone.ATTENTION: "yellow",
}


def render_card(card: Card, writer: dates.Writer = dates.moment, *, details: bool = False) -> RenderableType:
    """Render a card as a panel. `details`: with the technical details, and with every text whole."""
    blocks = [*_blocks(card, writer, whole=details)]
    if details and card.details:
        blocks.append(Group(Text("Details", style="dim"), _render_facts(card.details, writer, style="dim")))
    spaced: list[RenderableType] = [part for block in blocks for part in (Text(""), block)]
    return Panel(Group(*spaced[1:]))


def _blocks(card: Card, writer: dates.Writer, *, whole: bool) -> Iterator[RenderableType]:
    """Yield the parts of a card that have something in them, in the order of every surface."""
    yield _render_head(card, writer)
    if card.values:
        yield _render_values(card, whole=whole)
    if card.notes:
        yield _render_facts(card.notes, writer, whole=whole)
    if card.kind is DeliveryKind.REQUEST and (line := _people_line(card)):
        yield Text(line, style="dim")


def _render_head(card: Card, writer: dates.Writer) -> RenderableType:
    """Render the question with its line of context, or with its outcome once it is closed."""
    has_icon = card.kind not in (DeliveryKind.REQUEST, DeliveryKind.REMINDER)
    lines: list[RenderableType] = [
        Text.assemble((f"{states.ICONS[card.tone]} ", _tone_style(card)) if has_icon else "", (_title(card), "bold"))
    ]
    context = context_line(card, writer)
    if context:
        lines.append(Text(context))
    if card.outcome is not None:
        lines += _outcome_lines(card, card.outcome, writer)
    return Group(*lines)


def _title(card: Card) -> str:
    reminds = card.kind is DeliveryKind.REMINDER and card.topic != DIGEST
    return f"Reminder: {card.title}" if reminds else card.title


def context_line(card: Card, writer: dates.Writer) -> str:
    """Return who asks, why, and until when, in one line."""
    deadline = expiry.of_card(card)
    sentences = [dates.written(phrase, writer) for phrase in (*card.lead, deadline) if phrase]
    return " ".join([*sentences[:-1], f"{sentences[-1]}."]) if deadline else " ".join(sentences)


def _outcome_lines(card: Card, outcome: CardOutcome, writer: dates.Writer) -> Iterator[Text]:
    style = _tone_style(card)
    yield Text.assemble((f"{states.ICONS[card.tone]} ", style), (dates.written(outcome.line, writer), f"{style} bold"))
    if outcome.reason:
        gap = "\n" if stands_apart(outcome.reason) else " "
        yield Text(f"Reason:{gap}{truncate(outcome.reason)}")
    if outcome.became:
        yield Text(truncate(dates.written(outcome.became, writer)))


def _tone_style(card: Card) -> str:
    return _TONE_STYLES.get(card.tone, "cyan")


def _people_line(card: Card) -> str:
    """Return who can decide, or who was asked, and what the sign beside a label means."""
    closed = card.outcome is not None
    changeable = not closed and any(field.editable for field in card.values)
    note = f"{_MAY_CHANGE} marks what can be changed." if changeable else ""
    return f"{people.of_card(card)} {note}".strip()


def grid() -> Table:
    """Return a table without lines for labels and texts."""
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold", max_width=MAX_LABEL)
    table.add_column(overflow="fold")
    return table


def _render_facts(facts: Iterable[CardFact], writer: dates.Writer, *, style: str = "", whole: bool = True) -> Table:
    table = grid()
    for fact in facts:
        written = dates.written(fact.text, writer)
        text = quote(written) if whole else truncate(written)
        table.add_row(Text(fact.label, style=style or "dim"), Text(text, style=style))
    return table


def _render_values(card: Card, *, whole: bool) -> Table:
    table = grid()
    for field in card.values:
        mark = f" {_MAY_CHANGE}" if field.editable and card.outcome is None else ""
        table.add_row(Text(f"{field.label}{mark}", style="cyan"), render_value(field, whole=whole))
    return table


def render_value(field: CardField, *, whole: bool = False) -> Text:
    """Render a value; a changed one as its old and new text, and long texts word by word."""
    if field.before is None:
        return _render_text(field.text, whole=whole)
    if text_diff.is_long(field.before, field.text):
        segments = (text_diff.difference if whole else text_diff.folded)(field.before, field.text)
        return _render_difference(segments, whole=whole)
    return Text.assemble(_render_text(field.before, style="red strike"), " → ", _render_text(field.text, style="green"))


def _render_text(text: str, *, style: str = "", whole: bool = True) -> Text:
    if not text.strip():
        return Text(_EMPTY, style="dim")
    return Text(quote(text) if whole else truncate(text), style=style)


def _render_difference(segments: Sequence[Segment], *, whole: bool) -> Text:
    """Render the segments with signs around what changed, because not every reader sees colours."""
    text = Text()
    for segment in segments:
        match segment.part:
            case Part.SAME:
                text.append(segment.text)
            case Part.REMOVED:
                text.append(f"[-{segment.text}-]", style="red strike")
            case Part.ADDED:
                text.append(f"{{+{segment.text}+}}", style="green")
            case Part.FOLDED:
                text.append(f" […{len(segment.text):,} unchanged characters…] ", style="dim")
    plain = text.plain
    if len(plain) > MAX_TEXT and not whole:
        kept = boundary(plain, MAX_TEXT)
        text = text[:kept].append(_more(len(plain) - kept), style="dim")
    return _quote_text(text) if stands_apart(plain) else text


def _quote_text(text: Text) -> Text:
    return Text("\n").join(Text.assemble("│ ", line) for line in text.split("\n", allow_blank=True))


def _more(count: int) -> str:
    return f"… ({count:,} more characters under Details)"


def truncate(text: str) -> str:
    """Return the text, shortened to `MAX_TEXT` characters, and quoted."""
    if len(text) > MAX_TEXT:
        kept = boundary(text, MAX_TEXT)
        text = f"{text[:kept]}{_more(len(text) - kept)}"
    return quote(text)


def quote(text: str) -> str:
    """Return the text, with a bar before each line if it could pass for lines of our own."""
    return "\n".join(f"│ {line}" for line in text.split("\n")) if stands_apart(text) else text
