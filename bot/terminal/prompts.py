"""Puts a request to the person at the keyboard, and reads an answer: approve, edit field by field, reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import click
from rich.console import Console

from bot.presentation import card as cards
from bot.terminal import screen
from engine import fields, json_values, requests
from engine.domain import Card, InvalidEdits, ReasonRequired, Verdict
from engine.errors import InvalidValue, about
from engine.fields import FieldType
from engine.json_values import Value
from engine.read_models import RequestView
from engine.requests import Editable


@dataclass(frozen=True, slots=True)
class TypedDecision:
    """What the person said. `edits`: new values by dotted path."""

    verdict: Verdict
    reason: str | None = None
    edits: Mapping[str, Value] = field(default_factory=dict)


def ask(console: Console, card: Card, request: RequestView) -> TypedDecision:
    """Show the card and ask until there is an answer. Raises `click.Abort` on Ctrl-C or the end of input."""
    console.print(screen.card_panel(card))
    edits: dict[str, Value] = {}
    while True:
        choice = _choose(request, edited=bool(edits))
        if choice == "e":
            edits = _edit(console, request, edits)
            _show_edits(console, request, edits)
        elif choice == "r":
            return TypedDecision(Verdict.REJECT, _reason(request, Verdict.REJECT))
        elif still := _to_fill_in(request, edits):
            console.print(f"Still to be filled in: {', '.join(_label(one) for one in still)}.")
            edits = _edit(console, request, edits)
            _show_edits(console, request, edits)
        elif _confirmed(request):
            return TypedDecision(Verdict.APPROVE, _reason(request, Verdict.APPROVE), edits)


def _to_fill_in(request: RequestView, edits: Mapping[str, Value]) -> list[Editable]:
    """The fields of a form that nobody has given yet."""
    if not request.asked.subject.is_form:
        return []
    return [
        one
        for one in requests.missing(request.asked, request.asked.content)
        if json_values.show_path(one.path) not in edits
    ]


def _choose(request: RequestView, *, edited: bool) -> str:
    filling = request.asked.subject.is_form
    approve = f"[a] {cards.visible(request.approve_label)}" + (" with the edits" if edited and not filling else "")
    edit = f"  [e] {'Fill in' if filling else 'Edit'}" if request.asked.editable else ""
    choices = ["a", "r", *("e" if request.asked.editable else "")]
    question = f"{approve}{edit}  [r] {cards.visible(request.reject_label)}"
    answer: str = click.prompt(question, type=click.Choice(choices, case_sensitive=False), show_choices=False)
    return answer.lower()


def _confirmed(request: RequestView) -> bool:
    return request.confirm is None or click.confirm(cards.visible(request.confirm))


def _reason(request: RequestView, verdict: Verdict) -> str | None:
    rule = request.asked.reason_required
    needed = rule is ReasonRequired.ALWAYS or (rule is ReasonRequired.REJECT and verdict is Verdict.REJECT)
    if needed:
        return _line("Reason")
    if verdict is Verdict.REJECT:
        return click.prompt("Reason (Enter for none)", default="", show_default=False) or None
    return None


def _line(question: str) -> str:
    while True:
        text: str = click.prompt(question, default="", show_default=False)
        if text.strip():
            return text.strip()
        click.echo("A reason is needed; whoever asked will read it.")


def _edit(console: Console, request: RequestView, earlier: Mapping[str, Value]) -> dict[str, Value]:
    edits = dict(earlier)
    console.print("Enter keeps a value; a single dot empties it.")
    for editable in request.asked.editable:
        dotted = json_values.show_path(editable.path)
        now = edits.get(dotted, json_values.look(request.asked.content.value, editable.path))
        changed = _one(console, request, editable, now)
        if changed is not None:
            edits[dotted] = changed[0]
    return edits


def _one(console: Console, request: RequestView, editable: Editable, now: Value) -> tuple[Value] | None:
    label = _label(editable)
    multiline = editable.field.type in (FieldType.LONG_TEXT, FieldType.JSON)
    while True:
        shown = screen.clipped(cards.show_in(request, editable.field, now))
        gap = "\n" if "\n" in shown else " "
        console.print(f"{label} ({editable.field.type.value}):{gap}{shown}")
        typed = _typed(now, editable) if multiline else click.prompt("  new value", default="", show_default=False)
        if typed is None or typed == "":
            return None
        try:
            after = fields.from_text(editable.field, "" if typed.strip() == "." else typed)
            return fields.edit(editable.field, now, after)
        except InvalidValue as error:
            console.print(f"  {about(label, cards.visible(str(error)))}", style="red")


def _typed(now: Value, editable: Editable) -> str | None:
    """Longer texts are written in the person's own editor; without one, on one line."""
    text = now if isinstance(now, str) else fields.show(editable.field.type, now)
    try:
        edited = click.edit(text, require_save=True)
    except click.ClickException:
        return str(click.prompt("  new value", default="", show_default=False))
    return None if edited is None else edited.removesuffix("\n")


def _show_edits(console: Console, request: RequestView, edits: Mapping[str, Value]) -> None:
    for change in cards.changes(request, edits):
        shown = [screen.clipped(value) for value in (change.before or "", change.text)]
        gap = "\n" if any("\n" in one for one in shown) else " "
        console.print(f"  {change.label}:{gap}{shown[0]}{gap}→{gap}{shown[1]}")


def _label(editable: Editable) -> str:
    return cards.visible(editable.field.label or json_values.show_path(editable.path))


def check_answer(text: str) -> None:
    """Whether a text can be an answer, before anything is begun. Raises `click.UsageError` with a sentence."""
    word, _, rest = text.partition(":")
    if word not in ("approve", "reject", "edit"):
        raise click.UsageError(f"{text!r} is no answer; write approve, reject:reason or edit:field=value.")
    if word == "edit" and "=" not in rest and not rest.lstrip().startswith("{"):
        raise click.UsageError(f"{text!r} changes nothing; write edit:field=value.")


def parse_answer(text: str, request: RequestView) -> TypedDecision:
    """`approve`, `reject`, `reject:reason`, `edit:field=value` (several fields: a JSON object after `edit:`).

    Raises `click.UsageError` with a sentence.
    """
    check_answer(text)
    word, _, rest = text.partition(":")
    match word:
        case "approve":
            return TypedDecision(Verdict.APPROVE, rest.strip() or None)
        case "reject":
            return TypedDecision(Verdict.REJECT, rest.strip() or "Rejected on the command line")
        case _:
            return TypedDecision(Verdict.APPROVE, None, read_edits(rest, request))


def read_edits(text: str, request: RequestView) -> dict[str, Value]:
    """Edits as typed, `field=value` or a JSON object. Raises `click.UsageError`."""
    if text.lstrip().startswith("{"):
        try:
            given = json_values.loads(text)
        except InvalidValue as error:
            raise click.UsageError(f"After edit: {error}.") from None
        assert isinstance(given, dict)
        return given
    name, _, value = text.partition("=")
    return typed_edits({name.strip(): value}, request)


def typed_edits(given: Mapping[str, str], request: RequestView) -> dict[str, Value]:
    """Texts as values of their fields. Raises `click.UsageError` naming every wrong one."""
    by_path = {json_values.show_path(one.path): one.field for one in request.asked.editable}
    known = {name: by_path[name] for name in given if name in by_path}
    edits, errors = fields.from_text_all(known, {name: given[name] for name in known})
    if errors:
        raise click.UsageError(InvalidEdits(errors=errors, labels=fields.labels(known)).sentence())
    return {**given, **edits}
