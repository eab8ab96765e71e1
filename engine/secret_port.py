"""The port of secrets: what the units of work and steps ask for values, and what takes values out of texts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Secrets(Protocol):
    """The secrets that workflows and steps use. `workflow`: the name of the workflow that uses one, or empty."""

    async def prepare(self, names: Collection[str], workflow: str) -> None:
        """Learn what was set since, and note that a workflow uses these secrets now. Never raises."""

    def read(self, name: str, workflow: str = "") -> str:
        """Return the value of the secret. Raises `StepError` with what to do if there is none."""

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced by its name, however it is escaped or encoded."""
