"""Runs scripts on Node, with the libraries of npm that `make setup` installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

LIBRARIES: Final = Path(__file__).parents[2] / ".venv" / "npm" / "node_modules"
VERIFY: Final = """
const { Webhook } = require("standardwebhooks");
const calls = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(calls.map(({ secret, body, headers }) => {
  try {
    return new Webhook(secret).verify(body, headers);
  } catch (error) {
    return error.message;
  }
})));
"""
"""Verifies calls with the library of Standard Webhooks: prints what each holds, or why it is refused."""
SECONDS: Final = 60.0
"""How long a script may take, in seconds."""


def node() -> str:
    """Return the path of Node. Skip the test on a machine without it, and fail if only its libraries are missing."""
    path = shutil.which("node")
    if path is None or shutil.which("npm") is None:
        pytest.skip("this machine has no Node or no npm")
    assert LIBRARIES.is_dir(), "the libraries of npm are not installed: run `make setup`"
    return path


def run_script(script: str, argument: Any) -> Any:
    """Run a script, which reads `argument` as JSON from its standard input, and return the JSON that it prints."""
    done = subprocess.run(
        [node(), "-e", script],
        input=json.dumps(argument),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "NODE_PATH": str(LIBRARIES)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
