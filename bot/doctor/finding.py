"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FindingState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works but needs the operator's attention, or it could not be checked."""
    PROBLEM = "problem"
    """Something that is set up does not work."""


CORRECT_SETTINGS: Final = "Correct the settings above first."
"""The advice of a check that a wrong setting prevents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a check in one sentence, and advice where the operator can do something."""

    check: str
    state: FindingState
    message: str
    advice: str | None = None


def ok(check: str, message: str, advice: str | None = None) -> Finding:
    return Finding(check=check, state=FindingState.OK, message=message, advice=advice)


def warning(check: str, message: str, advice: str) -> Finding:
    return Finding(check=check, state=FindingState.WARNING, message=message, advice=advice)


def problem(check: str, message: str, advice: str) -> Finding:
    return Finding(check=check, state=FindingState.PROBLEM, message=message, advice=advice)
