"""What a builder answers to the questions of a ready-made workflow in the terminal: given in options, or asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import click

from bot import gallery_answers
from bot.gallery import GalleryTemplate, QuestionType
from bot.gallery_answers import NAME, OWN_LABELS, TITLE
from bot.terminal.output import print_sentence

_HINTS = {
    QuestionType.PEOPLE: "Email addresses, role:name, group:name or owner, with commas between them.",
    QuestionType.CHANNEL: "A channel, such as #approvals.",
}


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question to the builder. `default`: what counts if nothing is typed."""

    name: str
    label: str
    help: str
    default: str
    required: bool


def questions(template: GalleryTemplate, taken: Collection[str]) -> Iterator[NewQuestion]:
    """Yield the questions of a template, the two that all have first."""
    free = gallery_answers.free_name(template.name, taken)
    yield NewQuestion(NAME, OWN_LABELS[NAME], "", free, required=True)
    yield NewQuestion(TITLE, OWN_LABELS[TITLE], "", template.title, required=True)
    for question in template.questions:
        hint = f"One of {', '.join(question.options)}." if question.options else _HINTS.get(question.type, "")
        notes = " ".join(filter(None, (question.help, hint)))
        yield NewQuestion(question.name, question.label, notes, question.typed_default, required=question.required)


def check_names(template: GalleryTemplate, given: Mapping[str, str]) -> None:
    """Raise `click.UsageError` for an answer to a question that the template does not have."""
    names = [question.name for question in questions(template, ())]
    unknown = [name for name in given if name not in names]
    if unknown:
        raise click.UsageError(f"{template.name} has no question {unknown[0]}. It has {', '.join(names)}.")


def without_a_terminal(template: GalleryTemplate, given: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    """Return the answers that were given, and the defaults of the others. Raises `click.UsageError` for a wrong one."""
    typed = {question.name: given.get(question.name, question.default) for question in questions(template, taken)}
    _, wrong = gallery_answers.read_answers(template, typed, taken)
    if wrong:
        lines = [f"  --answer {name}=…  {sentence}" for name, sentence in wrong.items()]
        raise click.UsageError("\n".join(["Some answers are missing or wrong:", *lines]))
    return typed


def ask(template: GalleryTemplate, given: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    """Ask what was not given, and again what is wrong. Raises `click.Abort` on Ctrl-C or at the end of input."""
    typed = dict(given)
    for question in questions(template, taken):
        if question.name not in given:
            typed[question.name] = _ask(question)
        while (wrong := gallery_answers.read_answers(template, typed, taken)[1].get(question.name)) is not None:
            print_sentence(wrong, err=True)
            typed[question.name] = _ask(question)
    return typed


def _ask(question: NewQuestion) -> str:
    if question.help:
        print_sentence(question.help)
    typed: str = click.prompt(question.label, default=question.default, show_default=bool(question.default))
    return typed
