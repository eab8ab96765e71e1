"""A form of a messenger as a person left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as hidden
from datetime import datetime

from engine.json_values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptForm:
    """`entries`: what its inputs hold, as the messenger sent it."""

    kept_at: datetime
    entries: Mapping[str, Value] = hidden(repr=False)
