"""What became of a command: the words that whoever asks and whoever carries out both know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from engine.json_values import Value

NEEDS_CONFIRMATION: Final = "NeedsConfirmation"
"""The refusal of an approval whose gate asks back: its sentence is the question, to be answered with `confirmed`."""


@dataclass(frozen=True, slots=True)
class CommandReply:
    """What became of a command. `refused`: the sentence why not; `facts`: ids and details for programs."""

    refused: str | None = None
    facts: dict[str, Value] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        return {"refused": self.refused, "facts": self.facts}

    @classmethod
    def from_value(cls, value: Any) -> CommandReply:
        """The reverse of `as_value`."""
        return cls(value["refused"], value["facts"])
