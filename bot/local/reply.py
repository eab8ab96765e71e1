"""The reply to a command, as client and server exchange it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from engine.json_values import Value

NEEDS_CONFIRMATION: Final = "NeedsConfirmation"
"""The refusal of an approval that needs a confirmation. Its sentence is the question; `confirmed` answers it."""

LISTS: Final = {
    "workflow": "See the registered workflows: signoff workflows",
    "run": "See the latest runs: signoff runs",
    "request": "See the open requests: signoff requests",
    "person": "See the known people: signoff people list",
    "secret": "See the secrets: signoff secret list",
    "API key": "See the keys: signoff keys list",
    "sampling plan": "See the plans: signoff autonomy list",
    "endpoint": "See the endpoints: signoff callbacks list",
}
"""Where the operator finds the ids of each kind."""


@dataclass(frozen=True, slots=True)
class CommandReply:
    """The reply to a command. `refused` is the sentence of a refusal; `facts` are ids and details for programs."""

    refused: str | None = None
    facts: dict[str, Value] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """Return the reply as JSON."""
        return {"refused": self.refused, "facts": self.facts}

    @classmethod
    def from_value(cls, value: Any) -> CommandReply:
        """Return the reply that `as_value` made this JSON of."""
        return cls(value["refused"], value["facts"])
