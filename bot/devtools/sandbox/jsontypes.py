"""The type of JSON objects: the shape of an app's JSON is only known after validation."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
