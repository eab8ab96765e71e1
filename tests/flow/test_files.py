"""Files on the command line, as a user types them: with and without a server, in a trial, and in examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Commands
from tests.support.processes import Installation, serving

FLOW = """\
name: claim
title: Claim
owner: sam@example.com
inputs:
  receipt: {type: file, label: Receipt, types: [application/pdf, text/*], max_size: 3MB}
  note: {type: text, required: false}
steps:
  - id: keep
    uses: set
    with: {file: "{{ inputs.receipt }}", name: "{{ inputs.receipt.name }}"}
    gate: {approvers: [lee@example.com], edit: [file]}
examples:
  - name: A receipt is asked about
    inputs: {receipt: "@receipt.pdf"}
    expect: {asks: {keep: [lee@example.com]}, ends: succeeded}
"""
PDF = b"%PDF-1.7 " + b"x" * 2_000_000
"""More than a command without a file may have."""


@pytest.fixture
def claim(signoff: Commands, installation: Installation) -> Path:
    """Return a folder with a workflow and files, in which the commands run."""
    installation.write("claim.yaml", FLOW)
    (installation.folder / "receipt.pdf").write_bytes(PDF)
    (installation.folder / "new.txt").write_text("hello")
    signoff.set(operator="lee@example.com")
    return installation.folder


def stored(installation: Installation) -> list[int]:
    """Return the sizes of the files that are stored."""
    folder = installation.database.with_name(f"{installation.database.name}.files")
    return sorted(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def start_and_decide(signoff: Commands, installation: Installation) -> None:
    signoff.run_ok("register", "claim.yaml")
    started = signoff.json("run", "claim", "-i", "receipt=@receipt.pdf")
    (request,) = signoff.json("requests")
    assert "with edits" in signoff.run_ok("decide", request["id"], "edit", "file=@new.txt").output
    run = signoff.json("runs", started["run"])
    assert run["inputs"]["receipt"]["size"] == len(PDF)
    assert stored(installation) == [5, len(PDF)]


def test_files_are_handed_in_without_a_server(signoff: Commands, installation: Installation, claim: Path) -> None:
    start_and_decide(signoff, installation)


def test_files_are_handed_in_through_a_server(signoff: Commands, installation: Installation, claim: Path) -> None:
    with serving(installation):
        start_and_decide(signoff, installation)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("@nothing.pdf", "-i receipt: Receipt must be a file, and there is none at nothing.pdf."),
        ("receipt.pdf", "Receipt must be a file: choose it in the form, or at a terminal write @ and its path."),
        ("@empty.pdf", "-i receipt: Receipt: “empty.pdf” is empty. Choose another file."),
        ("@large.txt", "Receipt must have at most 3.0 MB, and “large.txt” has 3.0 MB."),
    ],
)
def test_a_file_that_cannot_be_taken_is_said(signoff: Commands, claim: Path, value: str, sentence: str) -> None:
    (claim / "empty.pdf").write_bytes(b"")
    (claim / "large.txt").write_bytes(b"a" * 3_000_001)
    signoff.run_ok("register", "claim.yaml")
    refused = signoff("run", "claim", "-i", f"receipt={value}")
    assert refused.code != 0
    assert sentence in refused.output
    assert signoff.json("runs") == []


def test_a_text_that_begins_with_the_sign_stays_a_text(signoff: Commands, claim: Path) -> None:
    signoff.run_ok("register", "claim.yaml")
    started = signoff.json("run", "claim", "-i", "receipt=@receipt.pdf", "-i", "note=@ann")
    assert signoff.json("runs", started["run"])["inputs"]["note"] == "@ann"


def test_a_trial_takes_files_and_leaves_none(signoff: Commands, installation: Installation, claim: Path) -> None:
    played = signoff.run_ok("try", "claim.yaml", "-i", "receipt=@receipt.pdf", "--answer", "edit:file=@new.txt")
    assert "receipt.pdf (PDF, 2.0 MB)" in played.output
    assert "new.txt (text, 5 bytes)" in played.output
    assert stored(installation) == []


def test_a_scanner_refuses_a_file(signoff: Commands, installation: Installation, claim: Path) -> None:
    signoff.run_ok("register", "claim.yaml")
    for command, sentence in (
        ("grep -q nothing", "was refused, because malware was found in it"),
        ("sh -c 'exit 2'", "could not be checked for malware"),
    ):
        signoff.set(scan_command=command)
        assert sentence in signoff("run", "claim", "-i", "receipt=@receipt.pdf").output
    assert stored(installation) == []
    signoff.set(scan_command="grep -q PDF")
    signoff.run_ok("run", "claim", "-i", "receipt=@receipt.pdf")


def test_an_example_names_a_file_that_need_not_exist(signoff: Commands, claim: Path) -> None:
    (claim / "receipt.pdf").unlink()
    assert "No problems" in signoff.run_ok("check", "claim.yaml", "--examples").output


def test_erasing_a_run_without_a_server_removes_its_files(
    signoff: Commands, installation: Installation, claim: Path
) -> None:
    signoff.run_ok("register", "claim.yaml")
    started = signoff.json("run", "claim", "-i", "receipt=@receipt.pdf")
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "reject", "--reason", "no")
    assert stored(installation) == [len(PDF)]
    signoff.run_ok("audit", "erase", started["run"], "--reason", "wanted")
    assert stored(installation) == []
