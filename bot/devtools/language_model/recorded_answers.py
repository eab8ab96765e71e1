"""The answers that were recorded for prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec


class RecordedAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to each prompt that has all texts of `when` in it."""

    when: tuple[str, ...]
    answer: dict[str, Any]


def load_answers(path: Path) -> list[RecordedAnswer]:
    """Read a file of recorded answers, a JSON list. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(path.read_bytes(), type=list[RecordedAnswer])


def find_answer(answers: Sequence[RecordedAnswer], conversation: str) -> dict[str, Any] | None:
    """Return the first answer that fits a conversation, or None."""
    return next((known.answer for known in answers if all(text in conversation for text in known.when)), None)
