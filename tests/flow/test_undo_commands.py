"""Undoing an approval on the command line, and what the lists, the export and the log then say."""

from __future__ import annotations

import json
from pathlib import Path

from engine.system import SystemClock
from tests.support.cli import Commands
from tests.support.processes import create_installation
from tests.support.terminals import terminal

PAY = """\
name: pay
owner: sam@example.com
steps:
  - id: pay
    uses: set
    with: {text: "90 EUR"}
    gate:
      title: "Pay 90 EUR?"
      approvers: [lee@example.com]
      exclude: []
      edit: [text]
      hold: HOLD
"""


def test_an_approval_is_undone_once_and_everything_says_so(signoff: Commands) -> None:
    signoff.installation.write("pay.yaml", PAY.replace("HOLD", "1h"))
    signoff.run_ok("register", "pay.yaml")
    signoff.run_ok("run", "pay")
    (first,) = signoff.json("requests")
    early = signoff("undo", first["id"])
    assert (early.code, "This is not approved, so there is nothing to undo." in early.err) == (1, True)
    approved = signoff.run_ok("decide", first["id"], "edit", "text=80 EUR").out
    assert "unless undone." in approved
    assert f"signoff undo {first['id']}" in approved
    assert f"signoff undo {first['id']}" in signoff.run_ok("requests", first["id"]).out
    assert signoff.json("requests", first["id"])["hold_ends_at"] is not None
    undone = signoff.run_ok("undo", first["id"])
    assert undone.out.startswith("You undid the approval. Everyone is asked again.")
    assert "Pay 90 EUR?" in undone.err
    (second,) = signoff.json("requests")
    assert second["id"] != first["id"]
    assert second["content"] == first["content"], "edits are undone, too"
    assert "undid the approval" in signoff.run_ok("requests", second["id"]).out
    again = signoff("undo", first["id"])
    assert "You already undid the approval" in again.err
    late = signoff("decide", first["id"], "approve")
    assert "You already undid the approval" in late.err
    details = signoff.json("requests", first["id"])
    assert (details["state"], details["undone"]["person"]["name"]) == ("undone", "lee@example.com")
    story = signoff.run_ok("runs", first["run"]).out
    assert "undid the approval before anything followed from it." in story
    signoff.run_ok("decide", second["id"], "approve")
    signoff.run_ok("cancel", first["run"])
    cancelled = signoff("undo", second["id"])
    assert "The run was cancelled" in cancelled.err
    day = f"{SystemClock().now():%Y-%m-%d}"
    lines = signoff.run_ok("export", "decisions", "--since", day, "--format", "jsonl").out.splitlines()
    exported = [json.loads(line) for line in lines]
    assert [(one["verdict"], one["button"], one["final"] is None) for one in exported] == [
        ("undone", "Approve", True),
        ("approved", "Approve", False),
    ]
    assert (exported[0]["undone"]["by_name"], exported[1]["undone"]) == ("lee@example.com", None)
    table = signoff.run_ok("export", "decisions", "--since", day, "--format", "csv").out
    assert "undone_by_id,undone_by_name,undone_at" in table
    signoff.run_ok("audit", "verify")
    signoff.run_ok("audit", "erase", first["run"], "--reason", "asked for")
    signoff.run_ok("audit", "verify")


def test_a_trial_waits_for_the_hold(signoff: Commands) -> None:
    signoff.installation.write("pay.yaml", PAY.replace("HOLD", "10s"))
    tried = signoff.run_ok("try", "pay.yaml", "--answer", "approve").out
    assert "unless undone." in tried
    assert "Waiting until" in tried
    assert "The run is done." in tried
    assert signoff.run_ok("check", "pay.yaml").code == 0


def test_in_an_example_the_hold_just_passes(signoff: Commands) -> None:
    example = """\
examples:
  - name: paid
    expect: {asks: {pay: [lee@example.com]}, ends: succeeded}
"""
    signoff.installation.write("pay.yaml", PAY.replace("HOLD", "7d") + example)
    signoff.run_ok("check", "--examples", "pay.yaml")


def test_a_trial_asks_once_whether_to_undo(tmp_path: Path) -> None:
    installation = create_installation(tmp_path)
    installation.write("pay.yaml", PAY.replace("HOLD", "10s"))
    with terminal(installation, "try", "pay.yaml") as person:
        person.see("[d] Details: ")
        person.type("a")
        person.see("unless undone.")
        person.see("Undo the approval? [y/N]: ")
        person.type("y")
        person.see("undid the approval")
        person.see("[d] Details: ")
        person.type("a")
        person.see("Undo the approval? [y/N]: ")
        person.type("n")
        person.see("The run is done.")
        assert person.end() == 0
