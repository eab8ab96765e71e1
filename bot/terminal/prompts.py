"""Prompts that ask the person at the keyboard for a decision: approve, edit field by field, reject."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click
from rich.console import Console
from rich.text import Text

from bot.presentation import changes, characters, labels, refusals, request_content, verdict_words
from bot.terminal import input_hints
from bot.terminal.attached_files import Attach, attach_all, attached, not_here
from bot.terminal.output import local_time, print_sentence
from bot.terminal.view import render_card, render_value, truncate
from engine import fields, json_values, requests
from engine.domain import Address, Card, InvalidEdits, ReasonMissing, ReasonRequired, Verdict
from engine.errors import MISSING, InvalidValue, about
from engine.fields import Field, FieldType, forms
from engine.json_values import Value
from engine.read_models import RequestView
from engine.requests import ASK_FOR_CHANGES, Question
from engine.workflowfile.workflow import SKIP

_WITHOUT_EDITS = {"s": Verdict.SKIP, "r": Verdict.REJECT}
"""The letters of the answers that ignore what was changed."""
_EMAIL = Field(type=FieldType.EMAIL)


@dataclass(frozen=True, slots=True)
class TypedDecision:
    """A decision that was typed. `edits` are new values by dotted path."""

    verdict: Verdict
    reason: str | None = None
    edits: Mapping[str, Value] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptedQuestion:
    """A question that was typed before a decision. `to`: the person who is asked; None: the requester.

    `edits` are the new values that were typed before, by dotted path.
    """

    text: str
    to: Address | None
    edits: Mapping[str, Value]


def ask_decision(
    console: Console,
    card: Card,
    request: RequestView,
    edits: Mapping[str, Value] | None = None,
    *,
    attach: Attach = not_here,
) -> TypedDecision | PromptedQuestion:
    """Print the card and ask until there is a decision or a question. `edits` are those that were typed before.

    `attach` hands in a file whose path is typed. Raises `click.Abort` on Ctrl-C or the end of input.
    """
    console.print(render_card(card, local_time))
    edits = dict(edits or {})
    while True:
        choice = _ask_choice(card, request, edited=bool(edits))
        if choice == "d":
            console.print(render_card(card, local_time, details=True))
        elif choice == "q":
            if question := _ask_question(request, edits):
                return question
        elif choice == "e":
            edits = _ask_edits(console, request, edits, attach)
            _print_edits(console, request, edits)
        elif choice == "c":
            return TypedDecision(Verdict.REVISE, _ask_required_reason(Verdict.REVISE), edits)
        elif (verdict := _WITHOUT_EDITS.get(choice)) is not None:
            return TypedDecision(verdict, _ask_reason(request, verdict))
        elif missing := _missing(request, edits):
            _print_refusal(console, missing)
            edits = _ask_edits(console, request, edits, attach)
            _print_edits(console, request, edits)
        elif _ask_confirmation(request):
            return TypedDecision(Verdict.APPROVE, _ask_reason(request, Verdict.APPROVE), edits)


def _missing(request: RequestView, edits: Mapping[str, Value]) -> InvalidEdits | None:
    """Return the refusal for the fields of a form that are still empty, or None if there are none."""
    if not request.model.subject.is_form:
        return None
    empty = requests.missing(request.model, request.model.content)
    errors = {json_values.show_path(editable.path): MISSING for editable in empty}
    errors = {path: predicate for path, predicate in errors.items() if path not in edits}
    return InvalidEdits(errors=errors, labels=_labels(request)) if errors else None


def _labels(request: RequestView) -> dict[str, str]:
    return {json_values.show_path(editable.path): editable.field.label for editable in request.model.editable}


def _print_refusal(console: Console, refusal: InvalidEdits) -> None:
    console.print(characters.visible(refusals.sentence(refusal)), style="red")


def _ask_choice(card: Card, request: RequestView, *, edited: bool) -> str:
    """Ask what to do, and return its letter."""
    is_form, is_failure = request.model.subject.is_form, request.model.subject.is_failure
    suffix = " with your changes" if edited and not is_form else ""
    can_revise = any(action.verdict == "revise" for action in card.actions)
    edit = ("Fill in", "edit") if is_form else ("Edit",)
    options: dict[str, tuple[str, ...]] = {
        "a": (characters.visible(request.approve_label), "retry" if is_failure else "approve"),
        **({"e": edit} if request.model.editable else {}),
        **({"c": (ASK_FOR_CHANGES, "changes")} if can_revise else {}),
        **({"s": (SKIP,)} if is_failure else {}),
        "r": (characters.visible(request.reject_label), "reject"),
        **({"q": ("Ask",)} if card.may_ask else {}),
        "d": ("Details",),
    }
    question = "  ".join(f"[{key}] {words[0]}{suffix if key == 'a' else ''}" for key, words in options.items())
    return str(click.prompt(question, value_proc=_choice_reader(options)))


def _choice_reader(options: Mapping[str, tuple[str, ...]]) -> Callable[[str], str]:
    """Return what reads a typed letter, or one of its words, and returns the letter."""
    meanings: dict[str, set[str]] = {}
    for key, words in options.items():
        for word in (key, *words):
            meanings.setdefault(_folded(word), set()).add(key)

    def read(typed: str) -> str:
        # A letter is always the choice beside it. A label that is the word of another choice is taken for neither.
        found = {key} if (key := _folded(typed)) in options else meanings.get(key, set())
        if len(found) != 1:
            raise click.UsageError(f"{typed!r} is not one of {', '.join(options)}, or their words.")
        (letter,) = found
        return letter

    return read


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _ask_question(request: RequestView, edits: Mapping[str, Value]) -> PromptedQuestion | None:
    """Return the question that is typed, or None if none is."""
    text: str = click.prompt("Your question (Enter to go back)", default="", show_default=False)
    if not text.strip():
        return None
    requester = characters.line(request.requester.label)
    while True:
        who: str = click.prompt(f"Who should answer? (Enter for {requester})", default="", show_default=False)
        try:
            to = Address("email", str(fields.validate(_EMAIL, who.strip()))) if who.strip() else None
        except InvalidValue as error:
            print_sentence(f"  The address {error}.")
        else:
            return PromptedQuestion(text, to, edits)


def ask_answer(question: Question) -> str:
    """Ask for the answer to a question, and return it; an empty text leaves the question open."""
    print_sentence(f"{characters.line(question.asked_by.label)} asks: {characters.visible(question.text)}")
    text: str = click.prompt("Your answer (Enter to leave it open)", default="", show_default=False)
    return text.strip()


def _ask_confirmation(request: RequestView) -> bool:
    return request.confirm is None or click.confirm(characters.visible(request.confirm))


def _ask_reason(request: RequestView, verdict: Verdict) -> str | None:
    rule = request.model.reason_required
    if rule is ReasonRequired.ALWAYS or (rule is ReasonRequired.REJECT and verdict is Verdict.REJECT):
        return _ask_required_reason(verdict)
    if verdict is not Verdict.APPROVE:
        return click.prompt("Reason (Enter for none)", default="", show_default=False) or None
    return None


def _ask_required_reason(verdict: Verdict) -> str:
    while True:
        asked = "What should change?" if verdict is Verdict.REVISE else "Reason"
        text: str = click.prompt(asked, default="", show_default=False)
        if text.strip():
            return text.strip()
        click.echo(refusals.sentence(ReasonMissing(verdict=verdict)))


def _ask_edits(
    console: Console, request: RequestView, earlier: Mapping[str, Value], attach: Attach
) -> dict[str, Value]:
    """Ask for each field. Return the values that differ from the content of the request, by dotted path."""
    edits = dict[str, Value]()
    console.print("Press Enter to keep a value, or type a single dot to empty it.")
    for path, field, current in requests.editable_fields(request.model.editable, request.model.content.value):
        known = (earlier[path],) if path in earlier else None
        edit = _ask_edit(console, request, path, field, current, known, attach)
        if edit is not None:
            edits[path] = edit[0]
    return edits


def _ask_edit(
    console: Console,
    request: RequestView,
    path: str,
    field: Field,
    current: Value,
    earlier: tuple[Value] | None,
    attach: Attach,
) -> tuple[Value] | None:
    """Ask for a field until the typed text is a valid value. Return its edit, or None if the value stays as it is."""
    shown = current if earlier is None else earlier[0]
    while True:
        typed = _ask_text(console, request, labels.of_field(field.label, path), field, shown)
        if typed is None:
            return earlier
        try:
            typed = attached(field, typed, attach)
            return forms.changed(field, current, forms.text_entries(field, current, typed, shown=shown))
        except InvalidValue as error:
            console.print(f"  {characters.visible(about(labels.of_field(field.label, path), str(error)))}", style="red")


def _ask_text(console: Console, request: RequestView, label: str, field: Field, shown: Value) -> str | None:
    """Return the text that is typed for a field, or None to keep its value."""
    text = truncate(request_content.show_in(request, field, shown))
    gap = "\n" if "\n" in text else " "
    console.print(f"{input_hints.question(label, field)}:{gap}{text}")
    typed = _ask_in_editor(field, shown) if field.type in (FieldType.LONG_TEXT, FieldType.JSON) else _ask_in_line()
    return "" if typed is not None and typed.strip() == "." else typed


def _ask_in_line() -> str | None:
    typed: str = click.prompt("  New value", default="", show_default=False)
    return typed or None


def _ask_in_editor(field: Field, shown: Value) -> str | None:
    """Return a longer text that is written in the person's own editor, or on one line if there is no editor."""
    try:
        edited = click.edit(forms.printed(field, shown), require_save=True)
    except click.ClickException:
        return _ask_in_line()
    return edited.removesuffix("\n") or None if edited is not None else None


def _print_edits(console: Console, request: RequestView, edits: Mapping[str, Value]) -> None:
    """Print each change: the old and the new text, and a long text word by word."""
    for change in changes.proposed(request, edits):
        text = render_value(change)
        gap = "\n" if "\n" in text.plain else " "
        console.print(Text.assemble(f"  {change.label}:{gap}", text))


def check_answer(text: str) -> None:
    """Raise `click.UsageError` with a sentence if the text is no answer. It is called before anything is done."""
    word, _, rest = text.partition(":")
    if word not in verdict_words.WORDS:
        known = "approve, reject:reason, edit:field=value or revise:comment; of a step that failed retry, skip or stop"
        raise click.UsageError(f"{text!r} is not an answer. Write {known}.")
    changes_something = word == "edit" or (word == "retry" and rest.strip())
    if changes_something and "=" not in rest and not rest.lstrip().startswith("{"):
        raise click.UsageError(f"{text!r} changes nothing. Write {word}:field=value.")


def parse_answer(text: str, request: RequestView, *, attach: Attach = not_here) -> TypedDecision:
    """Return the decision of `approve`, `reject`, `reject:reason`, `edit:field=value` or `revise:comment`.

    Of a failure: `retry`, `retry:field=value`, `skip` or `stop`. Several fields are edited by a JSON object after
    `edit:` or `retry:`.

    Raises `click.UsageError` with a sentence.
    """
    check_answer(text)
    word, _, rest = text.partition(":")
    verdict = verdict_words.verdict(word, request.model.subject)
    if verdict is None:
        raise click.UsageError(f"{text!r} is not an answer here. {verdict_words.mismatch(request.model.subject)}")
    match word:
        case "approve":
            return TypedDecision(Verdict.APPROVE, rest.strip() or None)
        case "reject":
            return TypedDecision(Verdict.REJECT, rest.strip() or "Rejected on the command line")
        case "revise" | "skip" | "stop":
            return TypedDecision(verdict, rest.strip() or None)
        case "retry" if not rest.strip():
            return TypedDecision(verdict)
        case _:
            return TypedDecision(Verdict.APPROVE, None, read_edits(rest, request, attach=attach))


def read_edits(text: str, request: RequestView, *, attach: Attach = not_here) -> dict[str, Value]:
    """Return the edits of `field=value`, or of a JSON object. Raises `click.UsageError`."""
    if text.lstrip().startswith("{"):
        try:
            values = json_values.loads(text)
        except InvalidValue as error:
            raise click.UsageError(f"After edit: {error}.") from None
        assert isinstance(values, dict)
        return values
    name, _, value = text.partition("=")
    declared = {json_values.show_path(place.path): place.field for place in request.model.editable}
    texts, wrong = attach_all(declared, {name.strip(): value}, attach)
    edits = requests.invalid_edits(request.model, wrong) if wrong else requests.read_text_edits(request.model, texts)
    if isinstance(edits, InvalidEdits):
        raise click.UsageError(refusals.sentence(edits))
    return edits
