"""The edits of a decision, as its column holds them: the new values by path. The old ones are in the request."""

from __future__ import annotations

from typing import Any, cast

from engine import json_values
from engine.json_values import Path, Value


def edited(value: dict[str, Value], edits: str) -> dict[str, Value]:
    """Return the content after these edits."""
    return cast("dict[str, Value]", json_values.replace_all(value, read(edits)))


def read(text: str) -> dict[Path, Value]:
    """Return the new values of a decision by path."""
    return {tuple(edit["path"]): edit["after"] for edit in cast("list[Any]", json_values.loads(text))}
