"""The one type for JSON objects: what comes from an app is only known after validation."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
