"""How many examples a property test takes.

`make test` takes a quarter of those that a property names, but not fewer than `_FEWEST`: the same ones each time, so
that they say whether a change broke what held before. `make test-thorough` and a plain `pytest` take all of them.
`SIGNOFF_TEST_EXAMPLES` raises the number of every property, and makes them differ from run to run.
"""

from __future__ import annotations

import os
from typing import Final

from tests.support.variations import QUICK

EVERY_PROPERTY: Final = int(os.environ.get("SIGNOFF_TEST_EXAMPLES", "0"))
"""The least number of examples of every property."""
_FEWEST: Final = 15
"""As many examples are tried in every run."""


def example_count(count: int) -> int:
    """Return the number of examples of a property for which `count` are worth their time when time is no matter."""
    if QUICK and not EVERY_PROPERTY:
        return min(count, max(_FEWEST, count // 4))
    return max(count, EVERY_PROPERTY)
