"""A sync that is killed again and again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.processes import Installation


def kill_syncs(
    installation: Installation,
    folder: Path,
    *,
    write: Callable[[int], None],
    registered: Callable[[], set[int]],
    kills: int,
    seed: int,
) -> None:
    """Check that each of so many killed syncs has registered all files of the folder, or none.

    `write`: writes the files anew, with this number in each. `registered`: the versions of all their workflows.
    """
    write(0)
    began = time.monotonic()
    first = installation.run("sync", folder, "--apply")
    assert first.code == 0, first.output
    longest, dice, current = time.monotonic() - began, random.Random(seed), 1
    for number in range(1, kills + 1):
        write(number)
        process = installation.start("sync", folder, "--apply")
        time.sleep(dice.uniform(longest * 0.4, longest))
        process.kill()
        process.communicate()
        found = registered()
        assert found in ({current}, {current + 1})
        current = found.pop()
    last = installation.run("sync", folder, "--apply")
    assert last.code == 0, last.output
