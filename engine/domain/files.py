"""Files that people and systems give, and why they are not taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from engine.domain.commands import DEFAULT_WORKSPACE
from engine.domain.people import Address
from engine.domain.results import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUpload:
    """A file that comes in. `name`: as its sender wrote it. `uploader`: who gives it; None for a step of a run."""

    name: str
    chunks: AsyncIterator[bytes]
    uploader: Address | None
    workspace: str = DEFAULT_WORKSPACE


class FileRefused(Refusal, frozen=True, kw_only=True):
    """The file is not taken, and nothing of it is kept. `limit`: the largest size in bytes, where it matters."""

    name: str
    why: Literal["too_large", "empty", "infected", "not_checked", "too_many", "unavailable", "no_place"]
    limit: int = 0
