"""What a builder answers to the questions of a template, and the workflow file that comes of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from bot.gallery import (
    OWN_TYPES,
    WRITTEN_IN_EXPRESSIONS,
    GalleryError,
    GalleryQuestion,
    GalleryTemplate,
    QuestionType,
)
from engine import durations, fields, json_values, workflowfile
from engine.errors import DefinitionError, InvalidValue, Problem, about
from engine.json_values import Value
from engine.runs import examples
from engine.workflowfile import Workflow, text_edits, yaml_tree
from engine.workflowfile.phrases import cite, write_path
from engine.workflowfile.scalars import Channel, Duration, People, Title, WorkflowName, has_expression, person_kind
from engine.workflowfile.step_kinds import StepKind

NAME: Final = "name"
TITLE: Final = "title"
OWN_LABELS: Final[Mapping[str, str]] = {
    NAME: "What is it called in commands?",
    TITLE: "What is it called for people?",
}
"""The two questions of every template, in their order."""
_MOST_NAME: Final = 63
_SEPARATORS: Final = re.compile(r"[\s,;]+")
_STANDS_FOR: Final = re.compile(r"\$([a-z][a-z0-9_]*)")
_IN_BRACES: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_NAMED_SO: Final = (
    "Write an email address such as lee@example.com, a role such as role:finance, a group in Slack such as "
    "group:finance, or owner."
)
_NO_EXPRESSIONS: Final = "must be plain text, without {{"
_ADAPTERS: Final[Mapping[QuestionType, TypeAdapter[Any]]] = {
    QuestionType.PEOPLE: TypeAdapter(People),
    QuestionType.CHANNEL: TypeAdapter(Channel),
    QuestionType.DURATION: TypeAdapter(Duration),
}
_OWN: Final[Mapping[str, TypeAdapter[Any]]] = {NAME: TypeAdapter(WorkflowName), TITLE: TypeAdapter(Title)}


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """The file that comes of the answers. `wrong`: sentences by question, if there is none."""

    source: bytes = b""
    workflow: Workflow | None = None
    wrong: Mapping[str, str] | None = None


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return the name, or the next one with a number that no workflow has."""
    numbered = (f"{wanted[: _MOST_NAME - 4]}-{number}" for number in range(2, 10_000))
    return next((name for name in (wanted, *numbered) if name not in taken), wanted)


def read_answers(
    template: GalleryTemplate, typed: Mapping[str, str], taken: Collection[str] = ()
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the answers by name, and a sentence for each one that is wrong.

    `typed`: texts as people type them; `name` and `title` are among them. `taken`: names that workflows have already.
    """
    values: dict[str, Value] = {}
    wrong: dict[str, str] = {}
    for name, adapter in _OWN.items():
        try:
            values[name] = _adapted(adapter, _writable(typed.get(name, "").strip()))
        except InvalidValue as error:
            wrong[name] = str(error)
    if values.get(NAME) in taken:
        free = free_name(str(values[NAME]), taken)
        wrong[NAME] = f"There is a workflow {values[NAME]} already. The name {free} is free."
    for question in template.questions:
        try:
            values[question.name] = read_answer(question, typed.get(question.name, ""))
        except InvalidValue as error:
            text = str(error)
            is_sentence = text[:1].isupper() or text[:1] == "`"
            wrong[question.name] = text if is_sentence else about("This answer", text)
    return values, wrong


def read_answer(question: GalleryQuestion, typed: str) -> Value:
    """Return the value of a typed answer; None if it was left empty and may be. Raises `InvalidValue`."""
    typed = _writable(json_values.clean_text(typed).strip())
    if has_expression(typed):
        raise InvalidValue(_NO_EXPRESSIONS)
    if question.type not in OWN_TYPES:
        return fields.from_text(question.field, typed)
    if not typed:
        return fields.from_text(question.field, "")
    if question.type is QuestionType.DURATION:
        typed = durations.from_words(typed)
    adapter = _ADAPTERS[question.type]
    if question.type is QuestionType.PEOPLE:
        for named in filter(None, map(str.strip, re.split("[,;\n]", typed))):
            if not all(map(person_kind, named.split())):
                raise InvalidValue(f"`{cite(named)}` is not a person or a group. {_NAMED_SO}")
        people: Value = _adapted(adapter, [person for person in _SEPARATORS.split(typed) if person])
        return people
    adapted = _adapted(adapter, typed)
    return typed if question.type is QuestionType.DURATION else str(adapted)


def _writable(typed: str) -> str:
    if sentence := yaml_tree.unwritable(typed):
        raise InvalidValue(sentence)
    return typed


def _adapted(adapter: TypeAdapter[Any], raw: object) -> Any:
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        hint = first.get("ctx", {}).get("hint", "")
        raise InvalidValue(f"{first['msg']} {hint}".strip()) from None


# -- the file -------------------------------------------------------------------------------------------------


def build(template: GalleryTemplate, values: Mapping[str, Value]) -> bytes:
    """Return the workflow file with the answers in their places. What was left empty stays as the template has it.

    Raises `GalleryError` if a place is not in the file.
    """
    source = template.source
    for name in _OWN:
        source = _set(template, source, name, values[name])
    for question in template.questions:
        if values.get(question.name) is None:
            continue
        for place in question.sets:
            source = _set(template, source, place.at, _written(place.write, values))
    return source


def build_checked(
    template: GalleryTemplate,
    typed: Mapping[str, str],
    taken: Collection[str],
    kinds: Mapping[str, StepKind],
    now: datetime,
) -> BuiltFile:
    """Return the file of typed answers, with the workflow in it, or what is wrong with the answers."""
    values, wrong = read_answers(template, typed, taken)
    if wrong:
        return BuiltFile(wrong=wrong)
    source = build(template, values)
    try:
        source = without_unmet_examples(source, kinds, now)
        return BuiltFile(source, workflowfile.load(source, kinds=kinds))
    except DefinitionError as error:
        return BuiltFile(wrong=place_problems(template, source, error.problems))


def _set(template: GalleryTemplate, source: bytes, at: str, value: Value) -> bytes:
    path = text_edits.read_path(source, at)
    if text_edits.find_value(source, path) == value:
        return source
    changed = text_edits.set_value(source, path, value)
    if changed is None:
        raise GalleryError(f"The template {template.name} has no place {at}.")
    return changed


def _written(write: Value, values: Mapping[str, Value]) -> Value:
    """Return what is written: the answer as it is if it stands alone, else as text inside the text."""
    if isinstance(write, dict):
        return {key: _written(item, values) for key, item in write.items()}
    if isinstance(write, list):
        return [_written(item, values) for item in write]
    if not isinstance(write, str):
        return write
    alone = _STANDS_FOR.fullmatch(write)
    if alone is not None and alone[1] in values:
        return values[alone[1]]
    return _STANDS_FOR.sub(lambda found: _in_text(values.get(found[1])) if found[1] in values else found[0], write)


def _in_text(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(map(_in_text, value))
    # An address is followed by the rest of its path.
    return "" if value is None else value.rstrip("/") if isinstance(value, str) else json_values.dumps(value)


def unsafe_places(template: GalleryTemplate) -> Iterator[str]:
    """Yield a sentence for each place in which an answer could change what an expression means."""
    types = {question.name: question.type for question in template.questions}
    for question in template.questions:
        for place in question.sets:
            inside = {name for braces in _IN_BRACES.findall(str(place.write)) for name in _STANDS_FOR.findall(braces)}
            for name in inside:
                if types.get(name) not in WRITTEN_IN_EXPRESSIONS:
                    yield f"{template.name}: ${name} stands inside an expression at {place.at}."


def place_problems(template: GalleryTemplate, source: bytes, problems: Collection[Problem]) -> dict[str, str]:
    """Return the problems of a file that was built, by the question whose answer each one is about."""
    wrong: dict[str, str] = {}
    for problem in problems:
        near = [
            (_nearness(problem.path, text_edits.read_path(source, place.at)), question.name)
            for question in template.questions
            for place in question.sets
        ]
        nearness, name = max(near, default=(0, NAME), key=lambda one: one[0])
        wrong.setdefault(name if nearness else NAME, f"{problem.message} {problem.hint}".strip())
    return wrong


def _nearness(problem: str, place: json_values.Path) -> int:
    """Return how much of the path of a problem is that of a place: all of it, or all but its last part."""
    whole, around = write_path(place), write_path(place[:-1])
    return len(whole) + 1 if problem.startswith(whole) else len(around) if around and problem.startswith(around) else 0


def without_unmet_examples(source: bytes, kinds: Mapping[str, StepKind], now: datetime) -> bytes:
    """Return the file without the examples that no longer hold, such as those below a limit that was raised.

    A file with problems is returned as it is.
    """
    try:
        workflow = workflowfile.load(source, kinds=kinds)
    except DefinitionError:
        return source
    for index in reversed(range(len(workflow.examples))):
        if examples.failures(workflow, workflow.examples[index], now):
            source = text_edits.remove_value(source, ("examples", index)) or source
    if text_edits.find_value(source, ("examples",)) == []:
        source = text_edits.remove_value(source, ("examples",)) or source
    return source
