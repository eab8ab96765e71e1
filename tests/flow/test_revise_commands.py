"""Asking for changes on the command line, and what the lists, the export and the log then say."""

from __future__ import annotations

import json

from engine.system import SystemClock
from tests.support.cli import Commands

LETTER = """\
name: letter
owner: sam@example.com
steps:
  - {id: draft, uses: set, with: {text: "Dear Kim, {{ review.comment }}"}}
  - id: check
    uses: set
    with: {text: "{{ steps.draft.text }}"}
    gate:
      title: "Send this letter?"
      approvers: [lee@example.com]
      exclude: []
      edit: [text]
      revise: draft
      revise_limit: 1
      feedback: true
"""


def test_a_request_is_sent_back_once_and_everything_says_so(signoff: Commands) -> None:
    signoff.installation.write("letter.yaml", LETTER)
    signoff.run_ok("register", "letter.yaml")
    signoff.run_ok("run", "letter")
    (first,) = signoff.json("requests")
    shown = signoff.run_ok("requests", first["id"]).out
    assert f'signoff decide {first["id"]} revise --reason "…"' in shown
    missing = signoff("decide", first["id"], "revise")
    assert (missing.code, "Please say what should change." in missing.err) == (1, True)
    sent = signoff.run_ok("decide", first["id"], "revise", "--reason", "shorter, please", "--rating", "2").out
    assert sent.startswith("You sent this back for changes. You rated this 2 of 5."), sent
    (second,) = signoff.json("requests")
    assert second["id"] != first["id"]
    again = signoff.run_ok("requests", second["id"]).out
    assert "asked for" in again
    assert "Dear Kim,  → Dear Kim, shorter, please" in again
    assert "shorter, please" in again
    refused = signoff("decide", second["id"], "revise", "--reason", "more")
    assert "Changes were asked for once already." in refused.err
    late = signoff("decide", first["id"], "approve")
    assert "You already sent this request back for changes" in late.err
    signoff.run_ok("decide", second["id"], "approve")
    out = signoff.run_ok("export", "decisions", "--since", f"{SystemClock().now():%Y-%m-%d}", "--format", "jsonl").out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["verdict"], line["button"], line["visit"]) for line in lines] == [
        ("changes_requested", "Ask for changes", 1),
        ("approved", "Approve", 2),
    ]
    assert (lines[0]["reason"], lines[0]["rating"]) == ("shorter, please", 2)
    details = signoff.json("requests", first["id"])
    assert (details["state"], details["decision"]["verdict"]) == ("changes_requested", "Ask for changes")
    signoff.run_ok("audit", "verify")
    signoff.run_ok("audit", "erase", first["run"], "--reason", "asked for")
    for request in (first, second):
        assert "(erased)" in signoff.run_ok("requests", request["id"]).out
    signoff.run_ok("audit", "verify")


def test_a_trial_sends_a_request_back_with_an_answer(signoff: Commands) -> None:
    signoff.installation.write("letter.yaml", LETTER)
    tried = signoff.run_ok("try", "letter.yaml", "--answer", "revise:shorter", "--answer", "approve").out
    assert "asked for" in tried
    assert "Dear Kim, shorter" in tried
    empty = signoff("try", "letter.yaml", "--answer", "revise")
    assert "Please say what should change." in f"{empty.out}{empty.err}"
    often = signoff("try", "letter.yaml", "--answer", "revise:shorter")
    assert "Changes were asked for once already." in f"{often.out}{often.err}"
