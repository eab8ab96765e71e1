"""The keys of a rule of a route, as a file writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic import Field as Key

from engine.workflowfile.grammar import EscalateFile, FilePart
from engine.workflowfile.rule_grammar import Patterns
from engine.workflowfile.scalars import MAX_LABEL, Condition, Duration, Label, People, refuse


def _department(text: str) -> str:
    if not text.strip() or len(text) > MAX_LABEL or not text.isprintable():
        raise refuse(f"A department is one line of at most {MAX_LABEL} visible characters.")
    return text.strip().casefold()


def _wrap(raw: object) -> object:
    return [raw] if isinstance(raw, str) else raw


Departments = Annotated[list[Annotated[str, AfterValidator(_department)]], BeforeValidator(_wrap), Key(min_length=1)]


class RouteRuleFile(FilePart):
    """A rule of a route."""

    to: Annotated[People, Key(min_length=1)]
    when: Condition | None = None
    action: Patterns | None = None
    department: Departments | None = None
    working: bool = False
    least_loaded: Annotated[int, Key(ge=1, le=100)] | None = None
    expires: Duration | None = None
    escalate: EscalateFile | None = None
    because: Label | None = None
