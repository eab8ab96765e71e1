"""Scalars: the single values of the workflow language, such as names, texts, durations, conditions and people."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from engine import durations, fields, references, schedules, timestamps
from engine.domain import accounts
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import compile_template
from engine.fields import Field, FieldType
from engine.workflowfile.phrases import cite, write_sentence

OWN_ERROR: Final = "signoff"
"""pydantic's type of an error that the grammar itself raises. Its message is already a sentence."""
MAX_TITLE: Final = 150
"""Maximum length of a title, in characters."""
MAX_LABEL: Final = 75
"""Maximum length of a label, in characters: the limit of a button in Slack."""
MAX_REASON: Final = 500
"""Maximum length of a gate's literal `reason`, in characters."""
MAX_CONFIRM: Final = 300
"""Maximum length of a gate's literal `confirm`, in characters: the limit of a confirmation dialog in Slack."""
MAX_DESCRIPTION: Final = 3_000
"""Maximum length of a workflow's description, in characters."""
MAX_TIMEOUT: Final = timedelta(hours=1)
"""Maximum of a step's `timeout`, and of the wait between its attempts."""
MIN_HOLD: Final = timedelta(seconds=10)
"""Minimum of a gate's `hold`: a person cannot press Undo faster."""
MAX_HOLD: Final = timedelta(days=7)
"""Maximum of a gate's `hold`: what was approved may not be true any more."""

MIN_SHARE: Final = Decimal("0.01")
"""Minimum of a share in percent, as a fraction of 1."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
WORKFLOW_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
SECRET_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*")

EXPRESSION: Final = "expression"
"""The kind of a reference to people that only the run can evaluate."""
ROUTE: Final = "route"
"""The kind of a reference to a route of the file, in `approvers` of a gate."""
_ROUTE: Final = re.compile(r"route:[a-z][a-z0-9_-]{0,62}")
_CONDITION_EXAMPLE: Final = 'Write it like "{{ inputs.amount | number > 100 }}".'
_HEADER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_OTHER_HEADERS: Final = frozenset({"content-type", "content-length", "host", "cookie", "webhook-id"})
_EMOJI: Final = re.compile(r"[a-z0-9_+'-]{1,100}")
_EMOJI_ALIASES: Final = {"thumbsup": "+1", "thumbsdown": "-1"}
"""Emoji that Slack sends by another name than the one that people may type."""
_SKIN_TONE: Final = re.compile(r":skin-tone-\d$")
FEWEST_REAL: Final = 50
"""Fewest requests of which one may be seeded: people who are tested often only look for tests."""
MOST_REAL: Final = 200
"""Most of them: of what a person is asked, so many requests are looked at when another one opens."""
_ONE_IN: Final = re.compile(r"1 in ([0-9]{1,5})")
_PERCENT: Final = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,2})?) ?%")
_EMAIL: Final = Field(type=FieldType.EMAIL)
_PERSON_SEPARATOR: Final = re.compile(r"\s*[,;]\s*|\s+(?:and\s+)?")


def refuse(message: str, hint: str = "") -> PydanticCustomError:
    """Return an error of the grammar. Its message is shown as it is."""
    return PydanticCustomError(OWN_ERROR, "{message}", {"message": message, "hint": hint})


def has_expression(text: str) -> bool:
    """Return whether the text would be read as a template. Its author meant it as one, even if it has a mistake."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


# -- names --------------------------------------------------------------------------------------------------


def check_name(text: str, subject: str) -> str:
    """Return a name that expressions can use. Raises an error of the grammar about the `subject` for any other text."""
    if NAME.fullmatch(text):
        return text
    suggestion = re.sub(r"\W", "_", text.strip().lower(), flags=re.ASCII)
    hint = f"Write `{suggestion}`." if NAME.fullmatch(suggestion) else ""
    if "-" in text:
        hint = f"Use `_` instead of `-`: `{suggestion}`." if NAME.fullmatch(suggestion) else "Use `_` instead of `-`."
    raise refuse(f"{subject} begins with a letter and has only a-z, 0-9 and `_`, at most 63 of them.", hint)


def _workflow_name(text: str) -> str:
    if WORKFLOW_NAME.fullmatch(text):
        return text
    suggestion = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    hint = f"Write `{suggestion}`." if WORKFLOW_NAME.fullmatch(suggestion) else ""
    raise refuse("The name of a workflow has only a-z, 0-9 and `-`, at most 63 of them.", hint)


def _secret_name(text: str) -> str:
    if SECRET_NAME.fullmatch(text):
        return text
    raise refuse("The name of a secret has only A-Z, 0-9 and `_`, like OUTREACH_HOOK.")


WorkflowName = Annotated[str, AfterValidator(_workflow_name)]
StepId = Annotated[str, AfterValidator(lambda text: check_name(text, "The id of a step"))]
SecretRef = Annotated[str, AfterValidator(_secret_name)]


# -- texts --------------------------------------------------------------------------------------------------


def _literal(max_length: int, *, allow_lines: bool = False) -> Callable[[str], str]:
    """Return a check for a text without expressions."""

    def check(text: str) -> str:
        text = text.strip()
        if not text:
            raise refuse("This may not be empty.")
        if has_expression(text):
            raise refuse("This text is shown as it is written; expressions do not work here.")
        if not allow_lines and len(text.splitlines()) > 1:
            raise refuse("This must be one line.")
        if len(text) > max_length:
            raise refuse(f"This may be at most {max_length:,} characters long; it has {len(text):,}.")
        return text

    return check


def _template(text: str) -> str:
    # A block scalar (`>`, `|`) ends with a line break that its author did not mean.
    text = text.strip()
    if not text:
        raise refuse("This may not be empty.")
    return text


Title = Annotated[str, AfterValidator(_literal(MAX_TITLE))]
Label = Annotated[str, AfterValidator(_literal(MAX_LABEL))]
Description = Annotated[str, AfterValidator(_literal(MAX_DESCRIPTION, allow_lines=True))]
TemplateText = Annotated[str, AfterValidator(_template)]


# -- times and conditions -----------------------------------------------------------------------------------


def _duration(raw: object) -> timedelta:
    if not isinstance(raw, str):
        raise refuse("This must be a duration with its unit, like 90s, 15m, 4h, 2d or 1w.")
    try:
        return durations.parse(raw)
    except InvalidValue as error:
        raise refuse(write_sentence(str(error))) from None


def _up_to_an_hour(duration: timedelta) -> timedelta:
    if duration > MAX_TIMEOUT:
        raise refuse("This may be at most 1h.")
    return duration


def _hold(duration: timedelta) -> timedelta:
    if not MIN_HOLD <= duration <= MAX_HOLD:
        raise refuse(
            "This must be from 10s to 7d.", "In less no one can press Undo, and after more the content is old."
        )
    return duration


def _condition(raw: object) -> bool | str:
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, str) or not raw.strip():
        raise refuse("This must be true, false or an expression.", _CONDITION_EXAMPLE)
    text = raw.strip()
    if text.casefold() in ("yes", "no", "on", "off", "true", "false"):
        raise refuse(f"Write true or false here, without quotes, not `{text}`.")
    if not has_expression(text):
        hint = f'Put it in braces: "{{{{ {cite(text)} }}}}".' if _is_expression(text) else _CONDITION_EXAMPLE
        raise refuse(f"`{cite(text)}` is not a condition.", hint)
    return text


def _is_expression(text: str) -> bool:
    """Return whether the text is an expression that only lacks its braces."""
    try:
        template = compile_template(f"{{{{ {text} }}}}")
    except ExpressionError:
        return False
    return template.is_whole and any(len(path) > 1 for path in template.references)


def _schedule(text: str) -> str:
    try:
        schedules.parse(text)
    except InvalidValue as error:
        hint = "" if "like" in str(error) else 'For example "0 9 * * mon" or every 15m.'
        raise refuse(write_sentence(str(error)), hint) from error
    return " ".join(text.split())


def _zone(text: str) -> str:
    if timestamps.find_zone(text) is None:
        raise refuse(f"There is no time zone `{cite(text)}`.", "Write it like Europe/Berlin.")
    return text


def _header(text: str) -> str:
    name = text.strip().lower()
    if not _HEADER.fullmatch(name) or name in _OTHER_HEADERS:
        raise refuse("This is not the name of a header that can hold a secret.", "Write it like X-Token.")
    return name


def _percent(raw: object) -> Decimal:
    found = _PERCENT.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if found is None:
        raise refuse("This must be a share in percent, like 10%.")
    share = Decimal(found[1]) / 100
    if not MIN_SHARE <= share < 1:
        raise refuse("This must be from 1% to 99%.")
    return share


def _one_in(raw: object) -> int:
    found = _ONE_IN.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if found is None:
        raise refuse("This must be a share, like 1 in 50.")
    number = int(found[1])
    if not FEWEST_REAL <= number <= MOST_REAL:
        raise refuse(f"This must be from 1 in {FEWEST_REAL} to 1 in {MOST_REAL}.")
    return number


Percent = Annotated[Decimal, BeforeValidator(_percent)]
Header = Annotated[str, AfterValidator(_header)]
OneIn = Annotated[int, BeforeValidator(_one_in)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
HoldDuration = Annotated[Duration, AfterValidator(_hold)]
ShortDuration = Annotated[Duration, AfterValidator(_up_to_an_hour)]
Condition = Annotated[bool | str, BeforeValidator(_condition)]
ScheduleText = Annotated[str, AfterValidator(_schedule)]
Zone = Annotated[str, AfterValidator(_zone)]


# -- people -------------------------------------------------------------------------------------------------


def person_kind(text: str) -> str | None:
    """Return the kind of a reference to people, which may be `EXPRESSION`, or None if the text is no reference."""
    if has_expression(text):
        return EXPRESSION
    if _ROUTE.fullmatch(text):
        return ROUTE
    reference = references.parse(text)
    return None if reference is None else reference.kind


def _person(text: str) -> str:
    text = text.strip()
    kind = person_kind(text)
    if kind is None:
        if people := _split_people(text):
            raise refuse("This text names several people.", f"Write a list: [{cite(', '.join(people))}].")
        allowed = (
            f"an email address, {accounts.ONE}, `group:handle`, `role:name`, `owner`, `requester` or an expression"
        )
        hint = f"Write `{text.casefold()}`." if text.casefold() in (references.OWNER, references.REQUESTER) else ""
        raise refuse(f"`{cite(text)}` is not a person or a group: write {allowed}.", hint)
    return str(fields.validate(_EMAIL, text)) if kind == references.EMAIL else text


def _split_people(text: str) -> list[str]:
    """Return the people in a text that should have been a list, or no people if it is not such a text."""
    parts = [part for part in _PERSON_SEPARATOR.split(text) if part]
    return parts if len(parts) > 1 and all(map(person_kind, parts)) else []


def _owner(text: str) -> str:
    text = text if _split_people(text.strip()) else _person(text)
    if person_kind(text) not in references.ADDRESSES | {references.ROLE, references.GROUP}:
        allowed = f"an email address, {accounts.ONE}, `role:name` or `group:handle`"
        raise refuse(f"The owner is one person, or the members of a role or group: write {allowed}.")
    return text


def _starter(text: str) -> str:
    text = _person(text)
    if person_kind(text) in (references.REQUESTER, EXPRESSION, ROUTE):
        allowed = f"email addresses, {accounts.SEVERAL}, `group:handle` or `role:name`"
        raise refuse(f"Who may start a workflow is known before it runs: write {allowed}.")
    return text


def _require_starter(people: list[str]) -> list[str]:
    if not people:
        raise refuse("No one could start this workflow.", "Name a person, or delete the line to let everyone start it.")
    return people


def _channel(text: str) -> str:
    if accounts.SLACK.channel_id(text) is None and not accounts.SLACK.is_channel_name(text):
        raise refuse('This must be a Slack channel, like "#approvals".')
    return text


def _emoji(text: str) -> str:
    name = text.strip(":")
    if _SKIN_TONE.search(name):
        raise refuse("A reaction in every skin tone counts, so write the emoji without one.")
    if not _EMOJI.fullmatch(name):
        raise refuse("This must be the name of an emoji in Slack, like eyes or white_check_mark.")
    return _EMOJI_ALIASES.get(name, name)


def _wrap_in_list(raw: object) -> object:
    return [raw] if isinstance(raw, str) else raw


Person = Annotated[str, AfterValidator(_person)]
Owner = Annotated[str, AfterValidator(_owner)]
People = Annotated[list[Person], BeforeValidator(_wrap_in_list)]
Starters = Annotated[
    list[Annotated[str, AfterValidator(_starter)]], BeforeValidator(_wrap_in_list), AfterValidator(_require_starter)
]
Channel = Annotated[str, AfterValidator(_channel)]
Emoji = Annotated[str, AfterValidator(_emoji)]
