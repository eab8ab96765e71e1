"""The grammar of `risk` of a gate: its parts, and the table from levels to what the gate asks then."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, field_validator
from pydantic import Field as Key

from engine.oversight.risk import PARTS, RiskBound, find_problem
from engine.workflowfile.grammar import FilePart, PlainPolicy
from engine.workflowfile.phrases import cite, list_names
from engine.workflowfile.scalars import Condition, Duration, People, TemplateText, refuse

MAX_ROWS: Final = 20
"""Maximum number of alternatives that lead to one level."""
GATE_KEYS: Final = ("approvers", "policy", "assurance", "confirm_with", "expires")
"""The keys of a gate that a level may have."""


def _bound(part: str, raw: object) -> RiskBound:
    if part not in PARTS:
        raise refuse(f"There is no part `{cite(part)}`: a level depends on {list_names(PARTS, 'and')}.")
    text = str(raw).lower() if isinstance(raw, bool) else str(raw) if isinstance(raw, str | int | Decimal) else ""
    bound = RiskBound(part, " ".join(text.split()))
    problem = find_problem(bound)
    if problem:
        raise refuse(f"`{cite(text or type(raw).__name__)}` is no condition about {part}.", problem)
    return bound


def _rows(raw: object) -> object:
    """Return the alternatives of `if`, also where the file has only one."""
    listed = raw if isinstance(raw, list) else [raw]
    rows = [row for row in listed if isinstance(row, dict) and row]
    if not rows or len(rows) < len(listed) or len(rows) > MAX_ROWS:
        hint = "Write {impact: over 500}; for alternatives, a list of these."
        raise refuse(f"This must be conditions about {list_names(PARTS)}.", hint)
    return [[_bound(str(part), value) for part, value in row.items()] for row in rows]


class LevelFile(FilePart):
    """A level in `levels` of a risk. `if`: when it holds. The other keys take the place of those of the gate."""

    if_: Annotated[list[Any], BeforeValidator(_rows), Key(alias="if")] = Key(default=[])
    opens: bool | None = None
    approvers: People | None = None
    policy: PlainPolicy | None = None
    assurance: Literal["link", "code", "sso"] | None = None
    confirm_with: Literal["code", "sso"] | None = None
    expires: Duration | None = None


class RiskFile(FilePart):
    """`risk` of a gate. `levels` stays raw: `risk_compiler` reads each of them by itself."""

    reversible: Condition | None = None
    impact: TemplateText | None = None
    confidence: TemplateText | None = None
    levels: Annotated[dict[str, Any], Key(min_length=1)]

    @field_validator("levels")
    @classmethod
    def _check_names(cls, raw: dict[str, Any]) -> dict[str, Any]:
        levels = ("low", "medium", "high", "critical")
        wrong = next((name for name in raw if name not in levels), None)
        if wrong is not None:
            raise refuse(f"There is no level `{cite(wrong)}`: the levels are {list_names(levels, 'and')}.")
        return raw
