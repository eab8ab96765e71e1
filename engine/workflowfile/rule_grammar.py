"""The grammar of a file with rules: which gate an ask gets, by its tool, its arguments and its risk."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, field_validator
from pydantic import Field as Key

from engine.workflowfile.ask_names import Risk
from engine.workflowfile.grammar import ExampleFile, FilePart
from engine.workflowfile.scalars import (
    MAX_REASON,
    Condition,
    Description,
    Duration,
    Label,
    Owner,
    Title,
    WorkflowName,
    has_expression,
    refuse,
)

MAX_RULES: Final = 90
"""Maximum number of rules in a file: each becomes a step, and a workflow may have a hundred."""
MAX_PATTERN: Final = 200
"""Maximum length of a pattern, in characters."""
ACTIONS: Final = ("approve", "reject", "gate")
"""The keys that say what a rule does. A rule has one of them."""


def _pattern(text: str) -> str:
    if not text:
        raise refuse("An empty pattern matches no name.", "For every name, write *, or leave the key out.")
    if has_expression(text):
        raise refuse("A pattern is plain text; expressions do not work here.", "Write a condition under `when`.")
    if len(text) > MAX_PATTERN:
        raise refuse(f"A pattern may be at most {MAX_PATTERN} characters long; this has {len(text):,}.")
    if text != text.strip() or not text.isprintable():
        raise refuse("This pattern has spaces around it or invisible characters, so it would match no name.")
    return text


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise refuse("This may not be empty.", "Write why: the agent reads it.")
    if has_expression(text):
        raise refuse("This text goes to the agent as it is written; expressions do not work here.")
    if len(text) > MAX_REASON:
        raise refuse(f"This may be at most {MAX_REASON} characters long; it has {len(text):,}.")
    return text


def _wrap(raw: object) -> object:
    return [raw] if isinstance(raw, str) else raw


Patterns = Annotated[
    list[Annotated[str, AfterValidator(_pattern)]], BeforeValidator(_wrap), Key(min_length=1, max_length=100)
]
Risks = Annotated[list[Risk], BeforeValidator(_wrap), Key(min_length=1)]


class RuleFile(FilePart):
    """A rule. `gate` stays raw: `rule_reader` reads it by itself."""

    name: Label | None = None
    tool: Patterns | None = None
    server: Patterns | None = None
    agent: Patterns | None = None
    risk: Risks | None = None
    when: Condition | None = None
    approve: bool | None = None
    reject: Annotated[str, AfterValidator(_sentence)] | None = None
    gate: Any = None
    valid_for: Duration | None = None
    outcome_within: Duration | None = None

    @field_validator("approve")
    @classmethod
    def _check_true(cls, raw: object) -> object:
        if raw is False:
            raise refuse("`approve: false` does nothing.", "To refuse, write reject: and why.")
        return raw


class RulesFile(FilePart):
    """A workflow with rules in the place of steps. `rules` stays raw: `rule_reader` reads each of them by itself."""

    name: WorkflowName
    title: Title | None = None
    description: Description = ""
    owner: Owner | None = None
    protected: bool = False
    examples: list[ExampleFile] = Key(default=[])
    rules: list[Any]
    routes: Any = None

    @field_validator("rules")
    @classmethod
    def _check_not_empty(cls, raw: list[Any]) -> list[Any]:
        if not raw:
            raise refuse("There is no rule here, so every ask would be rejected.", "Write at least one rule.")
        return raw
