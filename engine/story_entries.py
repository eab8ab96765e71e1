"""The entries of the audit log about a run, of which pages and commands tell its story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from engine import json_values
from engine.json_values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntry:
    """One audit entry of a run. `content` is None where it was erased."""

    seq: int
    at: datetime
    kind: str
    step: str | None
    request: str | None
    actor: str | None
    content: Mapping[str, Value] | None

    @classmethod
    def read(cls, seq: int, leaf: str, content: str | None) -> StoryEntry:
        """Read an entry from the texts of the audit log."""
        facts = cast("dict[str, Any]", json_values.loads(leaf))
        return cls(
            seq=seq,
            at=datetime.fromisoformat(facts["at"]),
            kind=facts["kind"],
            step=facts.get("step"),
            request=facts.get("request"),
            actor=facts.get("actor"),
            content=None if content is None else cast("dict[str, Value]", json_values.loads(content)),
        )
