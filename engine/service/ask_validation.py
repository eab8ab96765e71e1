"""The check of what a program asks, before people are asked: its texts, its arguments and their declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from engine import fields, json_values
from engine.domain.asks import Ask, AskContent, InvalidAsk
from engine.errors import InvalidValue
from engine.fields import Field, FieldType, check_declaration
from engine.json_values import Value
from engine.runs.asked_content import EXPIRES_IN
from engine.worker.child_runs import MAX_INPUTS
from engine.workflowfile.ask_names import RISKS
from engine.workflowfile.schema_errors import describe_error

TITLE_LENGTH: Final = 300
"""Maximum length of the title of an ask, in characters."""
LINE_LENGTH: Final = 200
"""Maximum length of the other one-line texts of an ask, in characters."""
TEXT_LENGTH: Final = 20_000
"""Maximum length of the long texts of an ask, in characters."""
ECHO_LENGTH: Final = 256_000
"""Maximum size of what an ask wants back, in characters of JSON."""
MAX_ARGUMENTS: Final = 200
"""Maximum number of arguments of an ask."""
LONGEST: Final = timedelta(days=366)
"""Longest time in which a program may want a decision."""
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters that people do not see, in a name that the rules of a workflow compare."""
_LINES: Final = ("tool", "server", "risk", "confidence")
_LONG: Final = ("summary", "reasoning", "impact", "data")
Scope = dict[str, Value]


def check(command: Ask) -> Scope | InvalidAsk:
    """Return what expressions read as `ask`, or what is wrong with what the program asks."""
    content = command.content
    errors: dict[str, str] = {}
    texts = dict(_texts(content, errors))
    declared = dict(_fields(content.fields, errors))
    arguments = _arguments(content, declared, errors)
    editable = _editable(content, arguments, errors)
    errors |= dict(_other_problems(content))
    if errors:
        return InvalidAsk(errors=errors)
    fields_json: Scope = {name: field.declaration for name, field in declared.items()}
    scope: Scope = {**texts, "arguments": arguments, "fields": fields_json, "editable": editable, **_context(command)}
    length = len(json_values.dumps(scope))
    if length > MAX_INPUTS:
        return InvalidAsk(errors={"content": f"is {length:,} characters long; at most {MAX_INPUTS:,} are taken"})
    return scope


def _context(command: Ask) -> Scope:
    """Return what of an ask does not come from its content."""
    within = command.content.expires_in
    context: Scope = {
        "use": command.content.use.value,
        "agent": json_values.clean_text(command.agent),
        "acts_for": command.acts_for.value if command.acts_for is not None else None,
        "workflow": command.workflow,
    }
    return context if within is None else {**context, EXPIRES_IN: round(within.total_seconds())}


def body_digest(command: Ask, scope: Scope) -> str:
    """Return the digest by which a repeat is known: the same key has to come with the same content."""
    content = command.content
    # With an echo, the endpoint is the one that the instance has at the time, and nothing that was sent.
    callback = content.callback if content.echo is None else None
    return json_values.digest(
        {
            **scope,
            "external_id": content.external_id,
            "callback": callback,
            "echo": json_values.clean(content.echo),
        }
    )


def _texts(content: AskContent, errors: dict[str, str]) -> Iterator[tuple[str, Value]]:
    title = " ".join(json_values.clean_text(content.title).split())
    if not title:
        errors["title"] = "is missing"
    elif len(title) > TITLE_LENGTH:
        errors["title"] = f"is {len(title):,} characters long; at most {TITLE_LENGTH} are taken"
    yield "title", title
    for names, longest in ((_LINES, LINE_LENGTH), (_LONG, TEXT_LENGTH)):
        for name in names:
            text = getattr(content, name)
            text = None if text is None or not text.strip() else json_values.clean_text(text).strip()
            if text is not None and names is _LINES:
                text = " ".join(text.split())
            if text is not None and len(text) > longest:
                errors[name] = f"is {len(text):,} characters long; at most {longest:,} are taken"
            yield name, text


def _fields(declared: Mapping[str, Value], errors: dict[str, str]) -> Iterator[tuple[str, Field]]:
    for name, raw in declared.items():
        try:
            field = Field.model_validate(raw)
            check_declaration(field)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            at = ".".join(["fields", name, *(str(part) for part in problems[0]["loc"])])
            errors[at] = _predicate(describe_error(problems[0]))
        except InvalidValue as error:
            errors[f"fields.{name}"] = str(error)
        else:
            if field.type is FieldType.FILE:
                errors[f"fields.{name}"] = "cannot be a file here"
            yield name, field


def _predicate(sentence: str) -> str:
    reads_on = sentence.startswith("This must ")
    return sentence[5:].removesuffix(".") if reads_on else f"is not right: {sentence.removesuffix('.')}"


def _arguments(content: AskContent, declared: Mapping[str, Field], errors: dict[str, str]) -> dict[str, Value]:
    try:
        cleaned = {str(name): json_values.clean(value) for name, value in content.arguments.items()}
    except InvalidValue as error:
        errors["arguments"] = f"cannot be taken: {error}"
        return {}
    if len({*cleaned, *declared}) > MAX_ARGUMENTS:
        errors["arguments"] = f"are more than {MAX_ARGUMENTS}"
    if not all(name.strip() and len(name) <= LINE_LENGTH for name in (*cleaned, *declared)):
        errors["arguments"] = f"have names of 1 to {LINE_LENGTH} characters"
    typed, wrong = fields.validate_all(declared, {name: cleaned[name] for name in declared if name in cleaned})
    errors |= {f"arguments.{name}": why for name, why in wrong.items() if name in cleaned}
    return {**cleaned, **{name: value for name, value in typed.items() if name in cleaned}}


def _editable(content: AskContent, arguments: Mapping[str, Value], errors: dict[str, str]) -> Value:
    if isinstance(content.editable, bool):
        return content.editable
    for name in content.editable:
        if name not in arguments and name.split(".")[0] not in arguments and name not in content.fields:
            errors[f"editable.{name}"] = "is not among the arguments"
    return list(content.editable)


def _other_problems(content: AskContent) -> Iterator[tuple[str, str]]:
    within = content.expires_in
    if within is not None and not timedelta(seconds=1) <= within <= LONGEST:
        yield "expires_in", f"must be from 1s to {LONGEST.days}d"
    try:
        if content.echo is not None and len(json_values.dumps(json_values.clean(content.echo))) > ECHO_LENGTH:
            yield "echo", f"is longer than {ECHO_LENGTH:,} characters"
    except InvalidValue as error:
        yield "echo", f"cannot be taken: {error}"
    for name in ("tool", "server"):
        hidden = _HIDDEN.search(getattr(content, name) or "")
        if hidden is not None:
            yield name, f"has the invisible character U+{ord(hidden[0]):04X}, so no rule would know it"
    if content.risk is not None and content.risk not in RISKS:
        yield "risk", f"must be {', '.join(RISKS[:-1])} or {RISKS[-1]}"
    if content.external_id is not None and not 1 <= len(content.external_id) <= LINE_LENGTH:
        yield "external_id", f"must have 1 to {LINE_LENGTH} characters"
