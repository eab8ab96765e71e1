"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should look at it; or it could not be checked."""
    PROBLEM = "problem"
    """Something that is set up does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence on what was found, and one on what to do about it, where there is anything."""

    check: str
    state: FindingState
    said: str
    todo: str | None = None


def ok(check: str, said: str, todo: str | None = None) -> Finding:
    return Finding(check=check, state=FindingState.OK, said=said, todo=todo)


def warning(check: str, said: str, todo: str) -> Finding:
    return Finding(check=check, state=FindingState.WARNING, said=said, todo=todo)


def problem(check: str, said: str, todo: str) -> Finding:
    return Finding(check=check, state=FindingState.PROBLEM, said=said, todo=todo)
