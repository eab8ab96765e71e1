"""The words for what people did other than to approve what was proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.replay import Correction

CORRECTED: Final[Mapping[Correction, str]] = {
    Correction.REJECTED: "rejected",
    Correction.EDITED: "approved with changes",
    Correction.CHANGES_REQUESTED: "sent back for changes",
    Correction.UNDONE: "approved, then undone",
}
