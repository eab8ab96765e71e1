"""Requests that several people approve, at the command line: `decide`, `requests`, `runs` and `try`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cli import Commands
from tests.support.processes import OPERATOR

SOURCE = """\
name: refund
title: Refund
owner: sam@example.com
steps:
  - id: pay
    uses: set
    with: {text: Pay 120 EUR}
    gate:
      title: Refund 120 EUR?
      edit: {text: {type: text, label: Text}}
      KEYS
"""
QUORUM = "approvers: [lee@example.com, kim@example.com, mia@example.com]\n      policy: {quorum: 2}"
CHAIN = "policy: {chain: [[lee@example.com, kim@example.com], [mia@example.com]]}"
EDITOR = "approvers: [lee@example.com, kim@example.com]\n      exclude: [editor]"


def start_run(signoff: Commands, keys: str) -> dict[str, Any]:
    """Start a run as Ann, and return its request. The operator is Lee then."""
    signoff.installation.write("refund.yaml", SOURCE.replace("KEYS", keys))
    signoff.set(OPERATOR="ann@example.com")
    signoff.run_ok("register", "refund.yaml")
    signoff.run_ok("run", "refund")
    act_as(signoff, OPERATOR)
    (request,) = signoff.json("requests")
    return dict(request)


def act_as(signoff: Commands, person: str) -> None:
    signoff.set(OPERATOR=person)


def plain(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def names(people: list[dict[str, Any]]) -> list[str]:
    return [person["name"].partition("@")[0] for person in people]


# -- decide, requests, runs -----------------------------------------------------------------------------------


def test_an_approval_that_waits_for_others_says_so_and_what_is_missing(signoff: Commands) -> None:
    request = start_run(signoff, QUORUM)
    shown = plain(signoff.run_ok("requests", request["id"]).output)
    assert "2 of 3 have to approve." in shown
    decided = plain(signoff.run_ok("decide", request["id"], "approve").output)
    assert decided.startswith("Your approval was saved: 1 of 2. Waiting for kim@example.com or mia@example.com.")
    shown = plain(signoff.run_ok("requests", request["id"]).output)
    assert "You approved this, " in shown
    assert "1 of 2 approvals so far." in shown
    assert f"signoff decide {request['id']} approve" not in shown
    assert f"signoff decide {request['id']} reject" in shown
    again = signoff("decide", request["id"], "approve")
    assert again.code == 1
    assert "You already approved this, " in again.output
    act_as(signoff, "mia@example.com")
    shown = plain(signoff.run_ok("requests", request["id"], "--details").output)
    assert "1 of 2: lee@example.com approved, " in shown
    assert "Waiting for you or kim@example.com." in shown
    assert "Approved by lee@example.com, " in shown
    assert plain(signoff.run_ok("decide", request["id"], "approve").output).startswith("You approved this.")
    shown = plain(signoff.run_ok("requests", request["id"]).output)
    assert "Approved by lee@example.com and mia@example.com" in shown
    story = plain(signoff.run_ok("runs", request["run"]).output)
    assert "lee@example.com chose “Approve”. That is 1 of 2 approvals." in story
    assert "mia@example.com chose “Approve”." in story


def test_a_script_reads_how_far_approvals_have_come(signoff: Commands) -> None:
    request = start_run(signoff, CHAIN)
    assert request["approvals"] | {"waiting_for": names(request["approvals"]["waiting_for"])} == {
        "policy": "chain",
        "needed": 2,
        "given": [],
        "waiting_for": ["lee", "kim"],
    }
    assert [approver["groups"] for approver in request["approvers"]] == [[0], [0], [1]]
    decided = signoff.json("decide", request["id"], "edit", "text=Pay 99 EUR")
    assert decided["state"] == "pending"
    assert decided["approvals"] == {"given": 1, "needed": 2, "waiting_for": ["mia@example.com"]}
    request = signoff.json("requests", request["id"])
    (given,) = request["approvals"]["given"]
    assert names([given["person"], *request["approvals"]["waiting_for"]]) == ["lee", "mia"]
    (change,) = request["changes"]
    assert change["edits"] == [{"path": "text", "before": "Pay 120 EUR", "after": "Pay 99 EUR"}]
    assert (change["person"]["name"], change["content_version"]) == (OPERATOR, 2)


def test_the_story_says_what_was_changed_and_which_approval_it_voids(signoff: Commands) -> None:
    request = start_run(signoff, QUORUM)
    signoff.run_ok("decide", request["id"], "approve")
    act_as(signoff, "kim@example.com")
    edited = plain(signoff.run_ok("decide", request["id"], "edit", "text=Pay 99 EUR").output)
    assert edited.startswith("Your approval and your change were saved: 1 of 2.")
    story = plain(signoff.run_ok("runs", request["run"]).output)
    assert (
        "kim@example.com changed Text, and approved that: 1 of 2 approvals. "
        "The approval by lee@example.com does not count any more."
    ) in story


def test_a_requester_who_tries_to_decide_is_in_the_story(signoff: Commands) -> None:
    request = start_run(signoff, QUORUM)
    act_as(signoff, "ann@example.com")
    assert signoff("decide", request["id"], "approve").code == 1
    story = plain(signoff.run_ok("runs", request["run"]).output)
    assert "ann@example.com tried to decide this. The person who started it may not." in story


# -- trials ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "answers", "people"),
    [
        (QUORUM, ["approve"], ["lee@example.com (1 of 2)", "kim@example.com (2 of 2)"]),
        (CHAIN, ["approve"], ["lee@example.com (1 of 2)", "mia@example.com (2 of 2)"]),
        (EDITOR, ["edit:text=Pay 99 EUR", "approve"], ["lee@example.com", "kim@example.com"]),
    ],
)
def test_one_person_answers_a_trial_for_each_approver_in_turn(
    signoff: Commands, keys: str, answers: list[str], people: list[str]
) -> None:
    signoff.installation.write("refund.yaml", SOURCE.replace("KEYS", keys))
    given = [part for answer in answers for part in ("--answer", answer)]
    done = signoff.run_ok("try", "refund.yaml", *given)
    text = plain(done.output)
    for person in people:
        assert f"Answering as {person}." in text
    assert "The run is done." in text


def test_a_trial_as_one_person_waits_for_the_others(signoff: Commands) -> None:
    signoff.installation.write("refund.yaml", SOURCE.replace("KEYS", QUORUM))
    begun = signoff("try", "refund.yaml", "--answer", "approve", "--as", "kim@example.com", "--db", "trial.db")
    assert begun.code == 3
    assert "1 of 2: kim@example.com approved, " in plain(begun.output)
    assert "Continue it: signoff try --db trial.db" in plain(begun.output)
    ended = signoff("try", "--db", "trial.db", "--answer", "approve", "--as", "mia@example.com")
    assert ended.code == 0


def test_a_trial_that_no_one_can_decide_waits_and_says_why(signoff: Commands) -> None:
    keys = "approvers: [owner]\n      exclude: [requester]"
    source = SOURCE.replace("owner: sam@example.com\n", "").replace("KEYS", keys)
    signoff.installation.write("refund.yaml", source)
    begun = signoff("try", "refund.yaml", "--answer", "approve")
    assert begun.code == 3
    assert "No approver is left." in plain(begun.output)
