"""`signoff try` with workflows that run others: their files are found, and their requests are answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Commands
from tests.support.processes import Installation

ABOVE = """\
name: above
steps:
  - {id: call, uses: run, with: {workflow: below, inputs: {n: 7}}}
  - {id: keep, uses: set, with: {got: "{{ steps.call.result }}"}}
"""
BELOW = """\
name: below
inputs: {n: integer}
steps:
  - id: note
    uses: set
    title: Take a note
    with: {text: "number {{ inputs.n }}"}
    gate: {title: "Note {{ inputs.n }}?", approvers: [ada@example.com], edit: [text]}
output: {result: "{{ steps.note.text }}"}
"""


@pytest.fixture
def folder(installation: Installation) -> Path:
    new = installation.folder / "flows"
    new.mkdir()
    (new / "above.yaml").write_text(ABOVE, encoding="utf-8")
    return new


def test_a_workflow_beside_the_file_is_run_and_its_request_is_answered(signoff: Commands, folder: Path) -> None:
    (folder / "other.yaml").write_text(BELOW, encoding="utf-8")
    (folder / "broken.yaml").write_bytes(b"\xff")
    tried = signoff("try", folder / "above.yaml", "--answer", "edit:text=corrected")
    assert tried.code == 0, tried.output
    assert "corrected" in tried.output
    assert "ada@example.com" in tried.output


def test_a_workflow_in_another_folder_is_named(signoff: Commands, folder: Path, installation: Installation) -> None:
    below = installation.write("elsewhere.yaml", BELOW)
    refused = signoff("try", folder / "above.yaml", "--answer", "approve")
    assert refused.code == 1
    assert "no file beside it has this name. Name its file with --with" in refused.output
    tried = signoff("try", folder / "above.yaml", "--with", below, "--answer", "approve")
    assert tried.code == 0, tried.output
    assert "number 7" in tried.output


def test_a_rejection_below_ends_the_run_above(signoff: Commands, folder: Path) -> None:
    (folder / "below.yaml").write_text(BELOW, encoding="utf-8")
    tried = signoff("try", folder / "above.yaml", "--answer", "reject:No.")
    assert tried.code == 1, tried.output


def test_a_trial_that_waits_below_is_continued(signoff: Commands, folder: Path) -> None:
    (folder / "below.yaml").write_text(BELOW, encoding="utf-8")
    database = folder / "trial.db"
    assert signoff("try", folder / "above.yaml", "--db", database).code == 3
    tried = signoff("try", "--db", database, "--answer", "approve")
    assert tried.code == 0, tried.output


def test_a_mistake_in_a_file_below_is_told_with_its_name(signoff: Commands, folder: Path) -> None:
    (folder / "below.yaml").write_text("name: below\nsteps: [{id: a, uses: sett}]\n", encoding="utf-8")
    refused = signoff("try", folder / "above.yaml", "--answer", "approve")
    assert refused.code == 1
    assert "below.yaml:2:" in refused.output
