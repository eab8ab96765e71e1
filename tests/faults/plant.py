"""Plant one fault after the other in a copy of the tree, and check that the tests notice each.

    python -m tests.faults.plant [WORDS]...

WORDS: plant only the faults whose name contains one of these. The exit code is 1 if a fault survives, if no fault has
such a name, or if a quoted line no longer occurs exactly once in its file.
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
TIMEOUT_SECONDS: Final = 300
"""How long the tests of one fault may take."""
ALL_TIMEOUT_SECONDS: Final = 1_800
"""How long the tests of all faults together may take, before the first fault is planted."""
FAILED: Final = 1
"""pytest's exit code for tests that failed, and for nothing else."""


def main(words: Sequence[str]) -> int:
    """Print one line for each fault, and return 0 if every fault was noticed."""
    faults = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    if not faults:
        _print(f"no fault has one of these words in its name: {', '.join(words)}")
        return 1
    moved = [fault for fault in faults if (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) != 1]
    for fault in moved:
        _print(f"the code has moved: {fault.file} does not have exactly one place for “{fault.name}”")
    with tempfile.TemporaryDirectory(prefix="signoff-faults-") as name:
        tree = _copy_tree(Path(name))
        tests = sorted({path for fault in faults for path in fault.tests.split()})
        code, output = _run_pytest(tree, tests, timeout=ALL_TIMEOUT_SECONDS)
        if code:
            _print(f"without any fault the tests do not pass:\n{output}")
            return 1
        survived = [fault for fault in faults if fault not in moved and not _is_noticed(tree, fault)]
    _print(f"{len(faults) - len(moved) - len(survived)} of {len(faults)} faults were noticed")
    return 1 if moved or survived else 0


def _copy_tree(tree: Path) -> Path:
    """Copy the tracked and the new files of the working tree into this folder, and return it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    return tree


def _is_noticed(tree: Path, fault: Fault) -> bool:
    """Plant a fault, run its tests, take it out again, and return whether a test failed."""
    file = tree / fault.file
    original, began = file.read_text(encoding="utf-8"), time.monotonic()
    file.write_text(original.replace(fault.old, fault.new), encoding="utf-8")
    try:
        code, output = _run_pytest(tree, fault.tests.split())
    finally:
        file.write_text(original, encoding="utf-8")
    failure = next((line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR tests/"))), "")
    result = (
        failure.split(" - ")[0].partition(" ")[2] if code == FAILED else "SURVIVED" if code == 0 else f"BROKE ({code})"
    )
    _print(f"{time.monotonic() - began:5.0f} s  {fault.name:<66}  {result}")
    return code == FAILED


def _run_pytest(tree: Path, tests: Sequence[str], *, timeout: int = TIMEOUT_SECONDS) -> tuple[int, str]:
    """Return the exit code of pytest and its last lines. A test that hangs on a fault has noticed it."""
    # The copy comes before the installed packages. Byte code is off because its timestamps are only exact to a second,
    # so that it could hide a planted fault.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    try:
        finished = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return FAILED, "FAILED it hung"
    return finished.returncode, "\n".join((finished.stdout + finished.stderr).splitlines()[-30:])


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
