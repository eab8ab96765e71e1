"""The questions of a template as a form on a page, and what was answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData

from bot.gallery import GalleryQuestion, GalleryTemplate, QuestionType
from bot.gallery_answers import NAME, OWN_LABELS, TITLE
from bot.web import form_data

_PREFIX: Final = "answer-"
_KINDS: Final[Mapping[QuestionType, str]] = {
    QuestionType.URL: "url",
    QuestionType.EMAIL: "email",
    QuestionType.CHOICE: "choice",
}
_HELP: Final[Mapping[QuestionType, str]] = {
    QuestionType.PEOPLE: "Email addresses, role:name, group:handle or owner, separated by commas.",
}
_MODES: Final[Mapping[QuestionType, str]] = {QuestionType.NUMBER: "decimal", QuestionType.INTEGER: "numeric"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownQuestion:
    """A question with its answer. `kind`: of the input, or `choice`; `error`: a sentence, or empty."""

    name: str
    label: str
    value: str
    help: str = ""
    kind: str = "text"
    mode: str = ""
    is_optional: bool = False
    options: tuple[str, ...] = ()
    error: str = ""

    @property
    def id(self) -> str:
        return f"{_PREFIX}{self.name}"


def untyped(template: GalleryTemplate, free_name: str) -> dict[str, str]:
    """Return what is filled in at first."""
    defaults = {question.name: question.typed_default for question in template.questions}
    return {NAME: free_name, TITLE: template.title, **defaults}


def typed(template: GalleryTemplate, form: FormData) -> dict[str, str]:
    """Return the answers of a form, by question."""
    names = (NAME, TITLE, *(question.name for question in template.questions))
    return {name: form_data.text(form, f"{_PREFIX}{name}") for name in names}


def questions(
    template: GalleryTemplate, answers: Mapping[str, str], wrong: Mapping[str, str]
) -> tuple[ShownQuestion, ...]:
    """Return the questions of a template with their answers."""
    own = (
        ShownQuestion(
            name=NAME,
            label=OWN_LABELS[NAME],
            help="Lower-case letters, digits and hyphens. People type it to start the workflow.",
            value=answers.get(NAME, ""),
            error=wrong.get(NAME, ""),
        ),
        ShownQuestion(
            name=TITLE,
            label=OWN_LABELS[TITLE],
            value=answers.get(TITLE, ""),
            error=wrong.get(TITLE, ""),
        ),
    )
    return (*own, *(_question(one, answers.get(one.name, ""), wrong.get(one.name, "")) for one in template.questions))


def _question(question: GalleryQuestion, value: str, error: str) -> ShownQuestion:
    return ShownQuestion(
        name=question.name,
        label=question.label,
        value=value,
        help=f"{question.help} {_HELP.get(question.type, '')}".strip(),
        kind=_KINDS.get(question.type, "text"),
        mode=_MODES.get(question.type, ""),
        is_optional=not question.required,
        options=tuple(question.options),
        error=error,
    )
