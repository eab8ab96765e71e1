"""`signoff erase` as its users see it: what it would erase, the question, the result, and what is left on the disk."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from engine import verify_audit
from tests.support.cli import Commands
from tests.support.processes import SIGNOFF, Installation

NOTE = """\
name: note
title: Write a note
owner: sam@example.com
inputs:
  text: {type: text}
steps:
  - id: plan
    uses: set
    with: {text: "{{ inputs.text }}"}
    gate: {title: "Write it?", approvers: [lee@example.com], exclude: []}
"""


@pytest.fixture
def installation(installation: Installation) -> Installation:
    installation.write("note.yaml", NOTE)
    return installation


@pytest.fixture
def old_run(signoff: Commands) -> str:
    """Return a run that ended long ago, and that names a person."""
    signoff.run_ok("register", "note.yaml")
    run = str(signoff.json("run", "note", "-i", "text=Mallory Jones, mallory@example.com")["run"])
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "reject", "--reason", "ask mallory@example.com")
    with closing(sqlite3.connect(signoff.installation.database)) as connection, connection:
        connection.execute("UPDATE run SET started_at = '2020-01-01 00:00:00.000000'")
        connection.execute("UPDATE run SET ended_at = '2020-01-02 00:00:00.000000'")
    return run


def everything(signoff: Commands) -> bytes:
    """Return all bytes of the database and of the files beside it."""
    files = sorted(signoff.installation.folder.glob("signoff.db*"))
    return b"".join(file.read_bytes() for file in files if file.is_file())


def test_old_contents_are_erased_after_a_question(signoff: Commands, old_run: str) -> None:
    dry = signoff("erase", "--older-than", "90d")
    assert dry.code == 1
    assert dry.err.splitlines()[0].startswith("1 run ended before ")
    assert dry.err.splitlines()[-1] == "Nothing was erased. To erase it, add --yes."
    assert b"Mallory" in everything(signoff)
    assert "There is no workflow “nothing”" in signoff("erase", "--older-than", "90d", "--workflow", "nothing").err
    erased = signoff.run_ok("erase", "--older-than", "90d", "--workflow", "note", "--yes")
    assert erased.out.startswith("Erased the contents of 1 run (")
    assert b"mallory" not in everything(signoff).lower()
    again = signoff.run_ok("erase", "--older-than", "90d")
    assert again.err.startswith("0 runs ended before ")
    assert signoff.json("erase", "--older-than", "90d", "--yes") == {"runs": 0, "entries": 0}
    shown = signoff.run_ok("runs", old_run).out
    assert "lee@example.com erased the contents of this run. Reason: older than 90d" in shown


def test_a_person_is_erased_from_the_disk_and_the_log_still_verifies(signoff: Commands) -> None:
    signoff.run_ok("register", "note.yaml")
    signoff.run_ok("people", "list")
    signoff.set(operator="mallory@example.com")
    run = str(signoff.json("run", "note", "-i", "text=I am mallory@example.com")["run"])
    signoff.set(operator="lee@example.com")
    refused = signoff("erase", "--person", "mallory@example.com", "--yes")
    assert (refused.code, f"Run {run} of mallory@example.com has not ended." in refused.output) == (1, True)
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "reject", "--reason", "ask mallory@example.com")
    asked = signoff("erase", "--person", "mallory@example.com")
    assert asked.code == 1
    assert (asked.out + asked.err).count("mallory@example.com") == 1, "an address that is the name is said once"
    erased = signoff.json("erase", "--person", "mallory@example.com", "--yes")
    assert (erased["runs"], erased["unfinished"]) == (1, 0)
    assert erased["pseudonym"].startswith("Erased person ")
    assert b"mallory" not in everything(signoff)
    verified = signoff.run_ok("audit", "verify")
    assert f"'lee@example.com' erased {erased['entries']} contents" in verified.out
    assert f"{erased['entries']} of them with erased content" in verified.out
    assert "There is no person mallory@example.com." in signoff("erase", "--person", "mallory@example.com").err
    shown = signoff.run_ok("runs", run).out
    assert erased["pseudonym"] in shown
    assert "erased what names a person in this run. Reason: asked for by the person" in shown


def test_an_exported_log_says_how_much_was_erased_and_finds_what_no_entry_explains(
    signoff: Commands, old_run: str
) -> None:
    signoff.run_ok("audit", "erase", old_run, "--reason", "asked for")
    signoff.run_ok("audit", "export", "-o", "whole.jsonl")
    whole = verify("whole.jsonl", signoff)
    assert (whole.returncode, "'lee@example.com' erased " in whole.stdout) == (0, True)
    lines = (signoff.installation.folder / "whole.jsonl").read_text().splitlines()
    (signoff.installation.folder / "cut.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    cut = verify("cut.jsonl", signoff)
    assert (cut.returncode, "finding: erased, and no entry says who erased them" in cut.stdout) == (3, True)


def verify(name: str, signoff: Commands) -> subprocess.CompletedProcess[str]:
    """Verify an export as an auditor does, with Python and nothing else."""
    command = [sys.executable, "-I", verify_audit.__file__, str(signoff.installation.folder / name)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give either --older-than AGE or --person WHO."),
        (("--older-than", "90d", "--person", "x@example.com"), "Give either --older-than AGE or --person WHO."),
        (("--older-than", "soon"), "'soon' is not a duration"),
        (("--person", "x@example.com", "--workflow", "note"), "--workflow goes with --older-than."),
    ],
)
def test_wrong_options_are_named(signoff: Commands, arguments: tuple[str, ...], message: str) -> None:
    finished = signoff("erase", *arguments)
    assert (finished.code, message in finished.err) == (2, True)


def test_an_admin_signs_a_person_out(signoff: Commands) -> None:
    signoff.run_ok("register", "note.yaml")
    out = signoff.run_ok("people", "sign-out", "sam@example.com").out
    assert out == "sam@example.com was not signed in in any browser.\n"
    unknown = signoff("people", "sign-out", "eve@example.com")
    assert (unknown.code, "See the known people: signoff people list" in unknown.err) == (1, True)


def test_an_erasure_that_is_killed_goes_on_with_the_next_command(signoff: Commands, old_run: str) -> None:
    for number in range(6):
        signoff.run_ok("run", "note", "-i", f"text=Mallory {number}")
    for request in signoff.json("requests"):
        signoff.run_ok("decide", request["id"], "reject", "--reason", "ask Mallory")
    installation = signoff.installation
    with closing(sqlite3.connect(installation.database)) as connection, connection:
        connection.execute("UPDATE run SET started_at = '2020-01-01 00:00:00.000000'")
        connection.execute("UPDATE run SET ended_at = '2020-01-02 00:00:00.000000'")
    killed = installation.start(SIGNOFF, "erase", "--older-than", "1s", "--yes")
    with closing(sqlite3.connect(installation.database)) as connection:
        while killed.poll() is None:
            (erased,) = connection.execute("SELECT count(erased_at) FROM run").fetchone()
            if erased:
                killed.kill()
            time.sleep(0.001)  # leaves the processor to the command
    killed.communicate()
    signoff.run_ok("erase", "--older-than", "1s", "--yes")
    assert b"mallory" not in everything(signoff).lower()
    exported = signoff.run_ok("audit", "export").out
    log = verify_audit.Log()
    assert [str(finding) for line in exported.splitlines() for finding in log.read(line)] == []
    assert (log.unexplained, log.erased > 0) == ((), True)
