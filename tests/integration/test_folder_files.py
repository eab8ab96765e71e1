"""The files of a folder that someone else changes at the same time: what is read was in one of them, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from bot.cli.folder_files import read_folder
from engine.workflowfile.yaml_tree import MAX_BYTES

READS: Final = 300
_CHANGER: Final = """
import os, sys, itertools
from pathlib import Path

folder, outside = Path(sys.argv[1]), Path(sys.argv[2])
path, new = folder / "a.yaml", folder / "new.tmp"

def gone():
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)

def replaced(make):
    gone()
    make()

kinds = (
    lambda: (new.write_text("whole: one\\n"), gone(), new.rename(path)),
    lambda: replaced(lambda: path.symlink_to(outside)),
    lambda: replaced(path.mkdir),
    lambda: replaced(lambda: os.mkfifo(path)),
    gone,
    lambda: (new.write_text("whole: two\\n"), gone(), new.rename(path)),
)
print("ready", flush=True)
for make in itertools.cycle(kinds):
    make()
"""


def test_a_file_that_becomes_a_link_a_pipe_or_a_folder_while_it_is_read_leads_nowhere(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside.yaml"
    folder.mkdir()
    outside.write_text("secret: of this machine\n", encoding="utf-8")
    (folder / "b.yaml").write_text("whole: b\n", encoding="utf-8")
    script = [sys.executable, "-c", _CHANGER, str(folder), str(outside)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as changer:
        try:
            assert changer.stdout is not None
            assert changer.stdout.readline() == "ready\n"
            for _ in range(READS):
                read = read_folder(folder)
                assert read.sources["b.yaml"] == "whole: b\n"
                assert read.sources.get("a.yaml") in (None, "whole: one\n", "whole: two\n")
                assert "a.yaml" in read.sources or all(file == "a.yaml" for file, _ in read.problems)
        finally:
            changer.kill()


@pytest.mark.parametrize("what", ["missing", "no folder"])
def test_a_folder_that_is_not_there_any_more_is_a_problem_with_a_sentence(tmp_path: Path, what: str) -> None:
    path = tmp_path / "gone"
    if what == "no folder":
        path.write_text("x", encoding="utf-8")
    read = read_folder(path)
    assert read.sources == {}
    ((_, problem),) = read.problems
    assert problem.message.startswith("The folder cannot be read: ")


@pytest.mark.parametrize("size", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, 3 * MAX_BYTES])
def test_no_more_is_read_of_a_file_than_a_workflow_may_have(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.yaml").write_bytes(b"#" * size)
    read = read_folder(tmp_path)
    assert ("a.yaml" in read.sources) == (size <= MAX_BYTES)
    assert [problem.message.partition(" than ")[0] for _, problem in read.problems] == (
        ["The file is larger"] if size > MAX_BYTES else []
    )


def test_a_socket_and_a_device_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle.yaml").symlink_to(tmp_path / "circle.yaml")
    (tmp_path / "null.yaml").symlink_to("/dev/null")
    read = read_folder(tmp_path)
    assert read.sources == {}
    assert [file for file, _ in read.problems] == ["circle.yaml", "dangling.yaml", "null.yaml", "pipe.yaml"]
