"""The commands and links of README.md work."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from engine import workflowfile
from engine.steps import registry
from tests.support.documents import DOCS, Block, Page
from tests.support.processes import run

ROOT = DOCS.parent
README = Page((ROOT / "README.md").read_text(encoding="utf-8"))


def blocks(info: str) -> list[Block]:
    return [block for block in README.blocks if block.info == info]


def commands() -> list[list[str]]:
    """Return the calls of signoff on the page in their order, without comments and settings."""
    lines = [line for block in blocks("sh") for line in block.text.splitlines() if ".venv/bin/signoff" in line]
    return [shlex.split(line.partition(".venv/bin/signoff")[2], comments=True) for line in lines]


def exports() -> dict[str, str]:
    """Return the settings that the page exports in the terminal in which people decide."""
    return dict(re.findall(r"^export (\w+)=(\S+)$", "\n".join(block.text for block in blocks("sh")), re.MULTILINE))


def signoff(home: Path, *arguments: str) -> str:
    """Run a command in the folder of the page, with the settings of a new user and those that the page exports."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGNOFF_")}
    environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "TMPDIR": str(home)}
    finished = run([*arguments], folder=ROOT, environment=environment | exports())
    assert finished.code == 0, (arguments, finished.out, finished.err)
    return finished.out + finished.err


def test_the_workflow_of_the_page_can_be_used() -> None:
    (block,) = blocks("yaml")
    assert workflowfile.load(block.text.encode(), kinds=registry.builtin()).name == "refund-customer"


def test_the_commands_of_the_page_work_in_their_order(tmp_path: Path) -> None:
    names, output = [], ""
    for command in commands():
        names.append(command[0])
        if command[0] == "serve":
            continue  # without a server each command opens the database itself, as the page says
        if command[0] == "try":
            inputs = ["-i", "what=Train", "-i", "amount=84.50", "-i", "spent_on=2026-03-02"]
            assert "The run is done." in signoff(tmp_path, *command, *inputs, "--answer", "approve")
        elif command[0] == "decide":
            (printed,) = re.findall(r"signoff decide (\w+) approve$", output, re.MULTILINE)  # by `run`, just before
            signoff(tmp_path, *[printed if word == "ID" else word for word in command])
        else:
            output = signoff(tmp_path, *command)
        if command[0] == "runs":
            assert re.search(r"Pay back 84\.50 EUR for Train.* ✓ Done ", output, re.DOTALL)
        if command[0] == "demo":
            assert "claims held" in output
    assert names == ["try", "serve", "register", "run", "decide", "requests", "runs", "demo"]


def test_every_target_of_make_on_the_page_exists() -> None:
    targets = {target for block in blocks("sh") for target in re.findall(r"^make ([\w-]+)", block.text, re.MULTILINE)}
    assert {"setup", "demo"} <= targets
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets <= set(re.findall(r"^([\w-]+):.*##", makefile, re.MULTILINE))
    # tests/flow/test_interactive_demo.py tests the demo that this target starts.
    assert "\n\t@$(VENV)/bin/signoff demo $(DEMOFLAGS)\n" in makefile


def test_every_link_of_the_page_has_a_target() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README.text):
        assert (ROOT / target).exists(), target
