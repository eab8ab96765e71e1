"""Virtual environments of the programs that a benchmark compares Signoff with: they are no dependencies of Signoff."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import platformdirs

from bot.devtools.bench.slack_env import BenchFailed


async def installed_python(requirements: Path) -> Path:
    """Return the Python of the environment with these pinned versions, and make it if it is missing or has others.

    It lies in the cache folder of the user, under the name of the file. Raises `BenchFailed`.
    """
    return await asyncio.to_thread(_installed_python, requirements)


def _installed_python(requirements: Path) -> Path:
    folder = platformdirs.user_cache_path("signoff") / f"bench-{requirements.stem}"
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        _run(requirements.stem, sys.executable, "-m", "venv", "--clear", str(folder))
        _run(requirements.stem, str(python), "-m", "pip", "install", "-q", "-r", str(requirements))
        installed.write_text(wanted, encoding="utf-8")
    return python


def _run(name: str, *command: str) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)  # noqa: S603
    if result.returncode != 0:
        raise BenchFailed(f"{name} could not be installed; this failed: {' '.join(command)}")
