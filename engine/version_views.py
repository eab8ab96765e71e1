"""What a read of the history of a workflow returns. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.domain import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One version of a workflow, as it was registered. `hash`: the SHA-256 of its source."""

    workflow: str
    version: int
    source: bytes
    hash: str
    registered_by: Person
    registered_at: datetime
    is_current: bool
