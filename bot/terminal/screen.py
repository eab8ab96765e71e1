"""Cards, listings and stories, arranged for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import click
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.presentation import characters, dates, expiry, states
from bot.presentation.characters import stands_apart
from engine import fields, json_values
from engine.domain import Card, CardField, DeliveryState, RequestState, RunStatus, StepStatus
from engine.json_values import Value
from engine.read_models import StoryEntry

LONG_TEXT: Final = 2_000
"""Characters of one field that a card shows; `signoff requests ID --json` gives the whole."""


def console(*, stderr: bool = False) -> Console:
    """Output that never takes data for markup, colours nothing by guessing, and does not wrap what is piped."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=110)
    return made


def say(sentence: str, *, err: bool = False) -> None:
    """Print a sentence that may quote data, so that nothing in it can move the cursor or hide text."""
    click.echo(characters.visible(sentence), err=err)


def card_panel(card: Card) -> RenderableType:
    """A card as a panel: the facts, the fields, and what may be done or what was decided."""
    parts: list[RenderableType] = [_pairs(card.facts)]
    if card.fields:
        parts += [Text(""), _field_table(card.fields)]
    if card.state is not None:
        parts += [Text(""), Text(card.state, style="bold")]
    elif card.expires_at is not None:
        parts += [Text(""), Text(expiry.due(card.expires_at), style="dim")]
    title = Text(card.title, style="bold")
    subtitle = Text(f"request {card.request}" if card.request else f"run {card.run}", style="dim")
    return Panel(Group(*parts), title=title, title_align="left", subtitle=subtitle, subtitle_align="right")


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in pairs:
        table.add_row(Text(label), Text(clipped(text)))
    return table


def _field_table(card_fields: Sequence[CardField]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field in card_fields:
        mark = " ✎" if field.editable else ""
        table.add_row(Text(f"{field.label}{mark}", style="cyan"), _value(field))
    return table


def _value(field: CardField) -> Text:
    if field.before is None:
        return Text(clipped(field.text))
    return Text.assemble((clipped(field.before), "red strike"), " → ", (clipped(field.text), "green"))


def clipped(text: str) -> str:
    """The text, or its beginning and how much is missing; with a bar at its side if it could pass for lines of ours."""
    if len(text) > LONG_TEXT:
        text = f"{text[:LONG_TEXT]}… ({len(text) - LONG_TEXT:,} more characters)"
    return quoted(text)


def quoted(text: str) -> str:
    """Return the text, with a bar before each line if it could pass for lines of ours."""
    return "\n".join(f"│ {line}" for line in text.split("\n")) if stands_apart(text) else text


def story_line(entry: StoryEntry) -> Text:
    """One transition of a run, in a line."""
    words, sign = _WORDS.get(entry.kind, entry.kind), _SIGNS.get(entry.kind.split(".")[-1], "·")
    line = Text.assemble((f"{dates.time_of_day(entry.at)} ", "dim"), (sign, "bold"), f" {words}")
    if entry.step:
        line.append(f" {entry.step}", style="cyan")
    detail = _detail(entry.content or {})
    if detail:
        line.append(f"  {characters.line(detail)}", style="dim")
    return line


_SIGNS: Final = {
    "succeeded": "✓",
    "approved": "✓",
    "failed": "✗",
    "rejected": "✗",
    "outcome_unknown": "?",
    "opened": "⏸",
    "expired": "⌛",
}
_WORDS: Final = {
    "run.started": "run started",
    "run.succeeded": f"run {states.RUNS[RunStatus.SUCCEEDED]}",
    "run.failed": f"run {states.RUNS[RunStatus.FAILED]}",
    "run.rejected": f"run {states.RUNS[RunStatus.REJECTED]}",
    "run.expired": f"run {expiry.WITHOUT_DECISION}",
    "run.cancelled": f"run {states.RUNS[RunStatus.CANCELLED]}",
    "run.cancel_asked": "cancel asked",
    "run.resumed": "answered",
    "run.stuck": "cannot go on:",
    "step.started": "calling",
    "step.succeeded": states.STEPS[StepStatus.SUCCEEDED],
    "step.skipped": states.STEPS[StepStatus.SKIPPED],
    "step.sleeping": "waiting at",
    "step.retrying": f"{states.STEPS[StepStatus.RETRYING]}:",
    "step.failed": f"{states.STEPS[StepStatus.FAILED]}:",
    "step.stopped": f"{states.STEPS[StepStatus.STOPPED]}:",
    "step.outcome_unknown": f"{states.STEPS[StepStatus.OUTCOME_UNKNOWN]}:",
    "gate.passed": "no approval needed for",
    "gate.unanswered": "nobody decided; going on with",
    "request.opened": "approval asked for",
    "request.approved": states.REQUESTS[RequestState.APPROVED],
    "request.rejected": states.REQUESTS[RequestState.REJECTED],
    "request.expired": states.REQUESTS[RequestState.EXPIRED],
    "request.fell_back": "asked another way as well",
    "request.unseen": "nobody has seen the request",
    "request.approver_excluded": "can no longer decide:",
    "request.withdrawn": f"request {states.REQUESTS[RequestState.CANCELLED]}",
    "delivery.shown": states.DELIVERIES[DeliveryState.SHOWN],
    "delivery.dead": f"{states.DELIVERIES[DeliveryState.DEAD]}:",
    "links.revoked": "review links revoked",
    "browser.remembered": "a browser is remembered for",
    "code.exhausted": "a code was typed wrong five times",
}


def _detail(content: Mapping[str, Value]) -> str:
    told = [content[name] for name in ("error", "reason", "until", "answer", "address") if content.get(name)]
    if content.get("why"):
        told.append(f"{content.get('name')} {content['why']}")
    if content.get("edits"):
        told.append("with edits")
    if content.get("actor_name"):
        told.append(f"by {content['actor_name']}")
    elif isinstance(person := content.get("person"), dict):
        told.append(f"by {person.get('name')}")
    return " · ".join(str(one) for one in told)


def output_lines(output: Mapping[str, Value]) -> Table:
    """A step's output, name by name."""
    return _pairs(
        (characters.line(name), characters.visible(fields.show(fields.infer(value).type, value)))
        for name, value in output.items()
    )


def listing(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A plain table that survives being piped. The first column names the row: it is never broken, to be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(characters.line(cell)) for cell in row))
    return table


def when(at: datetime | None) -> str:
    return dates.moment(at) if at is not None else ""


def as_json(value: Value) -> str:
    """Indented JSON with exact numbers."""
    return fields.show(fields.FieldType.JSON, value) if value else json_values.dumps(value)
