"""How many examples a property test takes.

`SIGNOFF_TEST_EXAMPLES` raises the number of every property, and makes them differ from run to run.
"""

from __future__ import annotations

import os
from typing import Final

EVERY_PROPERTY: Final = int(os.environ.get("SIGNOFF_TEST_EXAMPLES", "0"))
"""The least number of examples of every property."""


def example_count(count: int) -> int:
    """Return the number of examples of a property for which `count` are worth their time in every run of the tests."""
    return max(count, EVERY_PROPERTY)
