"""Copies a frozen struct or dataclass with some of its fields changed."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def replace_fields(value: T, /, **changes: Any) -> T:
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    copied: T = dataclasses.replace(value, **changes)  # type: ignore[type-var]
    return copied
