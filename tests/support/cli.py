"""Runs the command `signoff` inside the process of the test, through its real entry point."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from tests.support.log_state import restored_logging
from tests.support.processes import CommandResult, Installation


def run_command(*arguments: str) -> int:
    """Run one command in this process, and return its exit code. Its log ends with it, as in a process of its own."""
    with restored_logging(quiet=False), pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands in one installation."""

    installation: Installation
    _capture: pytest.CaptureFixture[str]
    _patch: pytest.MonkeyPatch

    def __call__(self, *arguments: str | Path) -> CommandResult:
        """Run one command to its end."""
        code = run_command(*map(str, arguments))
        out, err = self._capture.readouterr()
        assert "Traceback" not in out + err, out + err
        return CommandResult(code, out, err)

    def run_ok(self, *arguments: str | Path) -> CommandResult:
        """Run a command that must succeed."""
        finished = self(*arguments)
        assert finished.code == 0, finished.output
        return finished

    def json(self, *arguments: str | Path) -> Any:
        """Run a command that must succeed with `--json`, and return the parsed output."""
        return self.run_ok(*arguments, "--json").json

    def set(self, **settings: str) -> None:
        """Change settings for the commands that follow. An empty value turns a setting off."""
        for name, value in settings.items():
            self._patch.setenv(f"SIGNOFF_{name.upper()}", value)


def commands(
    installation: Installation, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """Yield a `Commands` whose environment has only the settings of the installation."""
    with patch.context() as settings:
        for name in [name for name in os.environ if name.startswith("SIGNOFF_")]:
            settings.delenv(name)
        for name, value in installation.environment.items():
            settings.setenv(name, value)
        for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "COLUMNS"):
            settings.delenv(name, raising=False)
        settings.chdir(installation.folder)
        yield Commands(installation, capture, settings)
