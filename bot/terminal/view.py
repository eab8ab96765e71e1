"""Cards, stories and outputs, arranged for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.presentation import characters, dates, expiry, states
from bot.presentation.characters import stands_apart
from engine import fields
from engine.domain import Card, CardField, DeliveryState, RequestState, RunStatus, StepStatus
from engine.json_values import Value
from engine.read_models import RunView, StoryEntry

MAX_TEXT: Final = 2_000
"""Maximum length of one field on a card, in characters. `signoff requests ID --json` prints the whole field."""


def render_card(card: Card) -> RenderableType:
    """Render a card as a panel with its facts, its fields, and its state or expiry."""
    parts: list[RenderableType] = [_render_pairs(card.facts)]
    if card.fields:
        parts += [Text(""), _render_fields(card.fields)]
    if card.state is not None:
        parts += [Text(""), Text(card.state, style="bold")]
    elif card.expires_at is not None:
        parts += [Text(""), Text(expiry.due(card.expires_at), style="dim")]
    title = Text(card.title, style="bold")
    subtitle = Text(f"request {card.request}" if card.request else f"run {card.run}", style="dim")
    return Panel(Group(*parts), title=title, title_align="left", subtitle=subtitle, subtitle_align="right")


def _render_pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in pairs:
        table.add_row(Text(label), Text(truncate(text)))
    return table


def _render_fields(card_fields: Sequence[CardField]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field in card_fields:
        mark = " ✎" if field.editable else ""
        table.add_row(Text(f"{field.label}{mark}", style="cyan"), _render_value(field))
    return table


def _render_value(field: CardField) -> Text:
    if field.before is None:
        return Text(truncate(field.text))
    return Text.assemble((truncate(field.before), "red strike"), " → ", (truncate(field.text), "green"))


def truncate(text: str) -> str:
    """Return the text, shortened to `MAX_TEXT` characters, and quoted."""
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}… ({len(text) - MAX_TEXT:,} more characters)"
    return quote(text)


def quote(text: str) -> str:
    """Return the text, with a bar before each line if it could pass for lines of our own."""
    return "\n".join(f"│ {line}" for line in text.split("\n")) if stands_apart(text) else text


def render_story_entry(entry: StoryEntry, run: RunView) -> Text:
    """Render one transition of a run as a line, with the title of its step."""
    words, sign = _KIND_WORDS.get(entry.kind, entry.kind), _STATE_SIGNS.get(entry.kind.split(".")[-1], "·")
    line = Text.assemble((f"{dates.time_of_day(entry.at)} ", "dim"), (sign, "bold"), f" {words}")
    if entry.step:
        line.append(f" {characters.line(run.step_label(entry.step))}", style="cyan")
    detail = _detail(entry.content or {})
    if detail:
        line.append(f"  {characters.line(detail)}", style="dim")
    return line


_STATE_SIGNS: Final = {
    "succeeded": "✓",
    "approved": "✓",
    "failed": "✗",
    "rejected": "✗",
    "outcome_unknown": "?",
    "opened": "⏸",
    "expired": "⌛",
}
_KIND_WORDS: Final = {
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
    parts = [content[name] for name in ("error", "reason", "until", "answer", "address") if content.get(name)]
    if content.get("why"):
        parts.append(f"{content.get('name')} {content['why']}")
    if content.get("edits"):
        parts.append("with edits")
    if content.get("actor_name"):
        parts.append(f"by {content['actor_name']}")
    elif isinstance(person := content.get("person"), dict):
        parts.append(f"by {person.get('name')}")
    return " · ".join(str(part) for part in parts)


def render_output(output: Mapping[str, Value]) -> Table:
    """Render the output of a step as lines with name and value."""
    return _render_pairs(
        (characters.line(name), characters.visible(fields.show(fields.infer(value).type, value)))
        for name, value in output.items()
    )
