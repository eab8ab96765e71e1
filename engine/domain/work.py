"""The hint that work is ready."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Work(Struct, frozen=True):
    """A hint that a unit of work may be ready. Only the tables say whether it is.

    `ask` is no work: it says that an ask has changed, to those who wait for it in this process. `id`: that of its run.
    `take_turns`: new copies may have to wait for their turn.
    """

    kind: Literal["advance", "deliver", "process_due", "ask", "take_turns"]
    id: str
    to: tuple[str, str] | None = None
    """The channel and the address of a new copy of a request."""
