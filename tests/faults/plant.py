"""Plants one bug after the other in a copy of the tree, and sees whether the tests notice it.

    python -m tests.faults.plant [WORDS]...

WORDS: only the faults in whose name one of these stands. Exit code 1 if one survives, if there is none of that
name, or if the code has moved so that a replacement does not match exactly once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.faults.faults import FAULTS, Fault

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 300
FAILED: Final = 1
"""pytest's exit code for tests that failed, and for nothing else."""


def main(words: Sequence[str]) -> int:
    """The table, line by line as it comes; 0 if every fault was noticed."""
    chosen = [one for one in FAULTS if not words or any(word in one.name for word in words)]
    if not chosen:
        _say(f"no fault has one of these words in its name: {', '.join(words)}")
        return 1
    moved = [one for one in chosen if (ROOT / one.file).read_text(encoding="utf-8").count(one.old) != 1]
    for one in moved:
        _say(f"the code has moved: {one.file} has not exactly one place for “{one.name}”")
    with tempfile.TemporaryDirectory(prefix="signoff-faults-") as name:
        tree = _copied(Path(name))
        tests = sorted({path for one in chosen for path in one.tests.split()})
        code, said = _pytest(tree, tests)
        if code:
            _say(f"without any fault the tests do not pass:\n{said}")
            return 1
        survived = [one for one in chosen if one not in moved and not _noticed(tree, one)]
    _say(f"{len(chosen) - len(moved) - len(survived)} of {len(chosen)} faults were noticed")
    return 1 if moved or survived else 0


def _copied(tree: Path) -> Path:
    """What git knows and what is new, as it stands now."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    return tree


def _noticed(tree: Path, fault: Fault) -> bool:
    file = tree / fault.file
    sound, began = file.read_text(encoding="utf-8"), time.monotonic()
    file.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    try:
        code, said = _pytest(tree, fault.tests.split())
    finally:
        file.write_text(sound, encoding="utf-8")
    by = next((line for line in said.splitlines() if line.startswith(("FAILED ", "ERROR tests/"))), "")
    what = by.split(" - ")[0].partition(" ")[2] if code == FAILED else "SURVIVED" if code == 0 else f"BROKE ({code})"
    _say(f"{time.monotonic() - began:5.0f} s  {fault.name:<66}  {what}")
    return code == FAILED


def _pytest(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Its exit code and its last lines. A test that hangs on a fault has noticed it."""
    # The tree comes before what is installed; and no byte code, which knows times only to the second.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    try:
        finished = subprocess.run(
            command, cwd=tree, env=environment, check=False, capture_output=True, encoding="utf-8", timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return FAILED, "FAILED it hung"
    return finished.returncode, "\n".join((finished.stdout + finished.stderr).splitlines()[-30:])


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
