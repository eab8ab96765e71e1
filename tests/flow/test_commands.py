"""Every command as its users see it: its output for people and for programs, and its exit code."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.cli.exit_codes import Exit
from engine import json_values, verify_audit
from tests.support.cli import Commands
from tests.support.http_service import PATIENCE, HttpService
from tests.support.processes import HELLO, OPERATOR, SIGNOFF, CommandResult, Installation
from tests.support.terminals import terminal

REFUND = """\
name: refund
title: Refund a customer
owner: sam@example.com
inputs:
  customer: {type: text, label: Customer}
  amount: {type: money, currency: EUR}
  urgent: {type: boolean, default: false}
steps:
  - id: plan
    uses: set
    with: {customer: "{{ inputs.customer }}", amount: "{{ inputs.amount }}", note: ""}
    gate:
      title: "Refund {{ inputs.amount }} to {{ inputs.customer }}?"
      approvers: [lee@example.com, kim@example.com]
      exclude: []
      edit: [amount, note]
  - id: done
    uses: set
    with: {text: "{{ steps.plan.amount }} to {{ steps.plan.customer }}"}
"""
CALL = """\
name: call
title: Call
owner: sam@example.com
steps:
  - id: call
    title: Pay the refund
    uses: http
    with: {method: POST, url: "URL/pay", json: {}}
  - id: read
    uses: set
    with: {receipt: "{{ steps.call.body.receipt }}"}
"""


@pytest.fixture
def installation(installation: Installation) -> Installation:
    installation.write("refund.yaml", REFUND)
    installation.write("hello.yaml", HELLO)
    return installation


@pytest.fixture
def open_request(signoff: Commands) -> dict[str, Any]:
    """Start a run, and return its request, which waits for the operator."""
    signoff.run_ok("register", "refund.yaml")
    signoff.run_ok("run", "refund", "-i", "customer=Ann", "-i", "amount=12.50")
    (request,) = signoff.json("requests")
    return dict(request)


@pytest.fixture
def attention_run(signoff: Commands, http_service: HttpService) -> str:
    """Return a run with a step of unknown outcome."""
    signoff.installation.write("call.yaml", CALL.replace("URL", http_service.url))
    signoff.run_ok("register", "call.yaml")
    http_service.status = 500
    run: str = signoff.json("run", "call")["run"]
    http_service.status = 200
    assert signoff.json("runs", run)["status"] == "needs_attention"
    return run


# -- check and register -------------------------------------------------------------------------------------


def test_check_says_when_nothing_is_wrong(signoff: Commands) -> None:
    assert signoff.run_ok("check", "refund.yaml", "hello.yaml").out == "No problems.\n"
    assert signoff.json("check", "refund.yaml") == []


def test_a_missing_file_hides_no_problem_of_the_others(signoff: Commands) -> None:
    signoff.installation.write("bad.yaml", "name: bad\nstep: []\n")
    finished = signoff("check", "hello.yaml", "missing.yaml", "bad.yaml")
    assert finished.code == 1
    assert finished.out.splitlines()[0] == "missing.yaml:1:1: The file cannot be read: No such file or directory."
    assert finished.out.splitlines()[1].startswith("bad.yaml:2:1: step: ")
    assert finished.err == "2 of 3 files have problems.\n"


def test_check_says_when_two_files_have_one_title(signoff: Commands) -> None:
    for name in ("first", "second"):
        signoff.installation.write(f"{name}.yaml", HELLO.replace("name: hello", f"name: {name}"))
    checked = signoff("check", "first.yaml", "second.yaml")
    assert (checked.code, checked.err.count("Note:")) == (0, 1)
    assert "second.yaml: The workflow first has the same title, so people cannot tell them apart" in checked.err


def test_check_names_every_problem_with_its_line(signoff: Commands) -> None:
    signoff.installation.write(
        "bad.yaml", REFUND.replace("uses: set", "uses: sett", 1).replace("edit: [amount", "edit: [amout")
    )
    finished = signoff("check", "hello.yaml", "bad.yaml")
    assert finished.code == 1
    assert [line.split(" ")[0] for line in finished.out.splitlines()] == ["bad.yaml:10:11:", "bad.yaml:16:14:"]
    assert "set" in finished.out
    assert finished.err == "1 of 2 files has problems.\n"
    result = signoff("check", "bad.yaml", "--json")
    assert result.code == 1
    assert [(problem["file"], problem["line"]) for problem in result.json] == [("bad.yaml", 10), ("bad.yaml", 16)]
    assert set(result.json[0]) == {"file", "line", "column", "path", "message", "hint"}


def test_a_workflow_file_cannot_play_tricks_with_the_terminal(signoff: Commands) -> None:
    signoff.installation.write("evil.yaml", HELLO.replace("uses: set", 'uses: "\\e[2J\\u202Eset"'))
    for command in ("check", "register", "try"):
        finished = signoff(command, "evil.yaml")
        assert finished.code == 1
        assert not set("\x1b\u202e") & set(finished.out + finished.err)


def test_replay_says_what_a_changed_gate_saves_and_what_it_would_have_missed(signoff: Commands) -> None:
    assert signoff("replay", "refund.yaml").code == Exit.USAGE, "it is not registered"
    signoff.run_ok("register", "refund.yaml")
    assert signoff.run_ok("replay", "refund.yaml").out == (
        "No run of this workflow has come to a gate yet, so there is nothing to replay.\n"
    )
    for amount, verdict in (("5", "approve"), ("700", "approve"), ("9", "reject")):
        signoff.run_ok("run", "refund", "-i", "customer=Ann", "-i", f"amount={amount}")
        (request,) = signoff.json("requests")
        signoff.run_ok("decide", request["id"], verdict, *(["--reason", "no"] if verdict == "reject" else []))
    changed = REFUND.replace("gate:\n", 'gate:\n      when: "{{ inputs.amount > 100 }}"\n')
    signoff.installation.write("changed.yaml", changed)
    head, *lines = signoff.run_ok("replay", "changed.yaml").out.splitlines()
    assert head.startswith("Replayed 3 visits to gates of refund, of runs from ")
    assert lines[:4] == [
        "People were asked 3 times. With this file they would be asked once.",
        "Decisions saved: 2. Decisions added: 0.",
        "People had corrected 1 of those that would not be asked: 1 rejected.",
        "So up to 97% of such decisions may be ones that people correct (95% sure).",
    ]
    assert lines[4] == f"  {request['id']}  Plan: rejected"
    assert lines[5] == "Asked once: lee@example.com, kim@example.com."
    signoff.installation.write("bad.yaml", REFUND.replace("uses: set", "uses: sett", 1))
    refused = signoff("replay", "bad.yaml")
    assert (refused.code, refused.err.split(" ")[0]) == (Exit.NO, "bad.yaml:10:11:")


def test_register_says_how_a_workflow_of_asks_is_used(signoff: Commands) -> None:
    signoff.installation.write("approvals.yaml", "name: approvals\nrules:\n  - gate: {approvers: [kim@example.com]}\n")
    registered = signoff.run_ok("register", "approvals.yaml")
    assert registered.out == (
        "Registered approvals, version 1. Programs can ask now. Make a key for one: signoff keys create NAME\n"
    )


def test_register_makes_a_version_only_of_what_is_new(signoff: Commands) -> None:
    first = signoff.run_ok("register", "refund.yaml")
    assert first.out == "Registered refund, version 1. Run it: signoff run refund\n"
    assert signoff.json("register", "refund.yaml") == {
        "workflow": "refund",
        "version": 1,
        "changed": False,
        "takes_asks": False,
        "warnings": [],
        "plans": [],
    }
    assert signoff.run_ok("register", "refund.yaml").out == (
        "refund has not changed. Version 1 is already registered.\n"
    )
    signoff.installation.write("refund.yaml", REFUND + "# changed\n")
    assert signoff.json("register", "refund.yaml") == {
        "workflow": "refund",
        "version": 2,
        "changed": True,
        "takes_asks": False,
        "warnings": [],
        "plans": [],
    }
    assert [workflow["version"] for workflow in signoff.json("workflows")] == [2]


def test_register_prints_every_problem_with_file_line_and_column(signoff: Commands) -> None:
    signoff.installation.write(
        "bad.yaml", REFUND.replace("uses: set", "uses: sett", 1).replace("edit: [amount", "edit: [amout")
    )
    finished = signoff("register", "bad.yaml")
    assert finished.code == 1
    lines = finished.err.splitlines()
    assert [line.split(" ")[0] for line in lines[:-1]] == ["bad.yaml:10:11:", "bad.yaml:16:14:"]
    assert lines[-1] == "The workflow file has problems."
    assert signoff.json("workflows") == []


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (HELLO.encode("utf-16"), 2, "is not text in UTF-8."),
        (HELLO.encode() + b"# caf\xc3", 2, "is not text in UTF-8."),
        (b"#" * 10_000_000, 1, "The file is larger than 256 kB; split it or shorten it."),
        (HELLO.encode() + b"#" * (256 * 1024 - len(HELLO)) + "é".encode() * 9, 1, "The file is larger than 256 kB"),
        (b"", 1, ""),
    ],
    ids=["utf-16", "broken UTF-8", "10 MB", "too large, cut in a character", "empty"],
)
def test_register_refuses_files_that_are_no_workflow(
    signoff: Commands, content: bytes, code: int, sentence: str
) -> None:
    (signoff.installation.folder / "odd.yaml").write_bytes(content)
    finished = signoff("register", "odd.yaml")
    assert finished.code == code
    assert sentence in finished.err
    assert signoff("check", "odd.yaml").code == 1


def test_register_of_a_folder_or_of_nothing_is_wrong_usage(signoff: Commands) -> None:
    (signoff.installation.folder / "folder").mkdir()
    assert "Is a directory" in signoff("register", "folder").err
    assert (
        signoff("register", "nowhere.yaml").code == signoff("register", "folder").code == signoff("register").code == 2
    )


def test_the_operator_may_replace_a_workflow_of_another_owner(signoff: Commands) -> None:
    signoff.run_ok("register", "refund.yaml")
    signoff.installation.write("refund.yaml", REFUND + "# changed\n")
    signoff.set(operator="kim@example.com")
    assert signoff.json("register", "refund.yaml")["version"] == 2
    (workflow,) = signoff.json("workflows")
    assert workflow["owner"]["addresses"] == ["sam@example.com"]


def test_workflows_are_listed_for_people_and_programs(signoff: Commands) -> None:
    signoff.run_ok("register", "refund.yaml")
    signoff.run_ok("register", "hello.yaml")
    lines = signoff.run_ok("workflows").out.splitlines()
    assert lines[0].split() == ["name", "version", "title", "owner", "updated", "next", "run"]
    assert [line.split()[0] for line in lines[1:]] == ["hello", "refund"]
    assert [(workflow["name"], workflow["owner"]["name"]) for workflow in signoff.json("workflows")] == [
        ("hello", OPERATOR),
        ("refund", "sam@example.com"),
    ]


# -- run and runs -------------------------------------------------------------------------------------------


def test_run_reads_each_input_as_its_type(signoff: Commands) -> None:
    signoff.run_ok("register", "refund.yaml")
    run = signoff.json("run", "refund", "-i", "customer=Ann = Co", "-i", "amount=12.50 EUR", "-i", "urgent=yes")["run"]
    inputs = signoff.json("runs", run)["inputs"]
    assert inputs == {"customer": "Ann = Co", "amount": {"amount": "12.50", "currency": "EUR"}, "urgent": True}


def test_run_prints_the_card_and_the_commands_that_answer_it(signoff: Commands) -> None:
    signoff.run_ok("register", "refund.yaml")
    finished = signoff.run_ok("run", "refund", "-i", "customer=Ann", "-i", "amount=12.50")
    (run,), (request,) = signoff.json("runs"), signoff.json("requests")
    assert finished.out == (
        f"Started run {run['id']}.\n"
        f"Follow the run: signoff runs {run['id']}\n"
        "No server is running. Deadlines, retries and waits pause until you start one: signoff serve\n"
    )
    assert "Refund 12.50 EUR to Ann?" in finished.err
    assert "lee@example.com or kim@example.com can decide." in finished.err
    assert (
        f"  Approve it: signoff decide {request['id']} approve\n"
        f"  Edit it:    signoff decide {request['id']} edit amount=… note=…\n"
        f'  Reject it:  signoff decide {request["id"]} reject --reason "…"\n'
        f'  Ask first:  signoff question {request["id"]} "…"\n'
        f"  Details:    signoff requests {request['id']} --details\n"
    ) in finished.err


def test_a_run_without_a_request_says_how_it_ended(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    assert signoff.run_ok("run", "hello").out.splitlines()[1] == "The run is done."


def test_a_run_that_sleeps_says_until_when(signoff: Commands) -> None:
    steps = "steps: [{id: pause, uses: wait, with: {for: 2d}}]"
    signoff.installation.write("pause.yaml", f"name: pause\ntitle: Pause\n{steps}\n")
    signoff.run_ok("register", "pause.yaml")
    assert re.search(r"^The run is waiting until \w+ \d+, \d{4}, ", signoff.run_ok("run", "pause").out, re.MULTILINE)


def test_empty_lists_say_so_and_what_to_do_next(signoff: Commands) -> None:
    assert signoff.run_ok("workflows").out == "No workflows are registered. Register one: signoff register FILE\n"
    assert signoff.run_ok("runs").out == "No runs yet. Start one: signoff run WORKFLOW\n"
    assert signoff.run_ok("runs", "--open").out == "No runs are open.\n"
    assert signoff.run_ok("requests", "--all").out == "No requests yet.\n"
    assert signoff.run_ok("people", "list").out.startswith("No people are known yet.")


def test_times_are_in_the_zone_of_the_machine(installation: Installation, signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    for zone, end in (("Asia/Tokyo", "M"), ("UTC", "M UTC")):
        installation.settings["TZ"] = zone
        updated = installation.run("workflows").out.splitlines()[1].rstrip()
        assert updated.endswith(end)
    at = datetime.fromisoformat(signoff.json("workflows")[0]["updated_at"])
    installation.settings["TZ"] = "Asia/Tokyo"
    there = at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert (
        f"{there:%b} {there.day}, {there.year}, {there.hour % 12 or 12}:{there:%M} "
        in installation.run("workflows").out
    )


def test_the_requests_that_expire_first_are_at_the_top(signoff: Commands) -> None:
    for name, expires in (("slow", "3w"), ("fast", "1d"), ("middle", "1w")):
        text = HELLO.replace("hello", name).replace("Hello", name.title())
        gate = f"    gate: {{title: 'Greet {name}?', approvers: [{OPERATOR}], expires: {expires}}}\n"
        signoff.installation.write(f"{name}.yaml", text + gate)
        signoff.run_ok("register", f"{name}.yaml")
        signoff.run_ok("run", name)
    lines = signoff.run_ok("requests").out.splitlines()
    assert re.findall(r"Greet (\w+)\?", " ".join(lines)) == ["fast", "middle", "slow"]
    assert all("● Waiting. Expires " in line for line in lines[1:4])


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-i", "customer=Ann"], 1, "-i amount: Amount is missing.\n"),
        (["customer=Ann"], 2, "Write each input after -i: signoff run refund -i customer=Ann"),
        (["-i", "customer=Ann", "-i", "amount=lots"], 1, "-i amount: Amount must be an amount in EUR"),
        (["-i", "customer=Ann", "-i", "amount=1 USD"], 1, "EUR"),
        (
            ["-i", "customer=Ann", "-i", "amount=1", "-i", "amuont=1"],
            1,
            "Signoff does not know “amuont”. Did you mean “amount”?",
        ),
        (["-i", "customer"], 2, "'customer' is not an input. Write NAME=VALUE."),
        (["-i", "customer=Ann", "-i", "customer=Bob"], 2, "customer is given twice."),
    ],
)
def test_run_refuses_wrong_inputs_by_name(signoff: Commands, arguments: list[str], code: int, sentence: str) -> None:
    signoff.run_ok("register", "refund.yaml")
    finished = signoff("run", "refund", *arguments)
    assert finished.code == code
    assert sentence in finished.err
    assert finished.out == ""
    assert signoff.json("runs") == []


def test_run_of_a_workflow_that_is_not_there_suggests_a_near_one(signoff: Commands) -> None:
    signoff.run_ok("register", "refund.yaml")
    finished = signoff("run", "refnud")
    assert (finished.code, finished.err) == (1, "There is no workflow “refnud”. Did you mean “refund”?\n")


def test_the_same_key_starts_one_run(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    first = signoff.json("run", "hello", "--key", "order-7")
    again = signoff.json("run", "hello", "--key", "order-7")
    assert (first["created"], again["created"]) == (True, False)
    assert first["run"] == again["run"]
    assert signoff.run_ok("run", "hello", "--key", "order-7").out.startswith("This key started run ")
    assert len(signoff.json("runs")) == 1


def test_may_run_excludes_everyone_else_even_an_admin(signoff: Commands) -> None:
    signoff.installation.write("hello.yaml", HELLO + "may_run: [kim@example.com]\nowner: sam@example.com\n")
    signoff.run_ok("register", "hello.yaml")
    finished = signoff("run", "hello")
    assert (finished.code, finished.err) == (1, "You cannot start hello. It is for kim@example.com.\n")
    for allowed in ("kim@example.com", "sam@example.com"):
        signoff.set(operator=allowed)
        signoff.run_ok("run", "hello")


def test_runs_are_listed_newest_first_and_the_open_ones_alone(signoff: Commands, open_request: dict[str, Any]) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("run", "hello")
    assert [run["workflow"] for run in signoff.json("runs")] == ["hello", "refund"]
    assert [run["workflow"] for run in signoff.json("runs", "--open")] == ["refund"]
    assert [run["workflow"] for run in signoff.json("runs", "--limit", "1")] == ["hello"]
    lines = signoff.run_ok("runs").out.splitlines()
    assert lines[0].split() == ["id", "run", "started", "by", "state"]
    assert re.match(rf"{open_request['run']}  Refund 12\.50 EUR to Ann\?  {OPERATOR}  ● Waiting, started ", lines[2])
    assert re.search(r"  Hello +.*  ✓ Done ", lines[1])
    assert signoff("runs", "--limit", "0").code == 2


def test_a_run_is_shown_with_its_story_and_what_it_waits_for(signoff: Commands, open_request: dict[str, Any]) -> None:
    output = signoff.run_ok("runs", open_request["run"]).out
    assert output.startswith("Refund a customer\n● Waiting, started ")
    assert "Signoff asks lee@example.com and kim@example.com: “Refund 12.50 EUR to Ann?”" in output
    assert f"\n  Approve it: signoff decide {open_request['id']} approve\n" in output
    run = signoff.json("runs", open_request["run"])
    assert [step["status"] for step in run["steps"]] == ["in_review"]
    assert [one["kind"] for one in run["story"]][:2] == ["run.started", "request.opened"]
    assert {one["state"] for one in run["deliveries"]} == {"shown"}
    assert [one["id"] for one in run["requests"]] == [open_request["id"]]


def test_a_failed_run_says_why(signoff: Commands) -> None:
    signoff.installation.write("call.yaml", CALL.replace("URL", "http://192.168.7.7"))
    signoff.run_ok("register", "call.yaml")
    run = signoff.json("run", "call")["run"]
    output = signoff.run_ok("runs", run).output
    assert "Step “Pay the refund” failed: POST http://192.168.7.7/pay was not sent" in output
    assert "“Pay the refund” started." in output
    view = signoff.json("runs", run)
    assert view["status"] == "failed"
    assert [(step["step"], step["title"]) for step in view["steps"]] == [("call", "Pay the refund")]


@pytest.mark.parametrize(
    "command", [("runs",), ("requests",), ("cancel",), ("retry",), ("resume", "stop"), ("decide", "approve")]
)
def test_an_unknown_id_is_refused(signoff: Commands, command: tuple[str, ...]) -> None:
    finished = signoff(command[0], "nope", *command[1:])
    assert finished.code == 1
    assert finished.err in (
        "There is no run “nope”. See the latest runs: signoff runs\n",
        "There is no request “nope”. See the open requests: signoff requests\n",
        "There is no request or run “nope”.\n",
    )


def test_a_failed_run_is_tried_again_with_the_same_inputs(
    signoff: Commands, http_service: HttpService, open_request: dict[str, Any]
) -> None:
    refused = signoff("retry", open_request["run"])
    assert (refused.code, refused.err) == (1, "Only a run that failed can be tried again.\n")
    signoff.installation.write("call.yaml", CALL.replace("URL", http_service.url))
    signoff.run_ok("register", "call.yaml")
    http_service.status = 404
    run = signoff.json("run", "call")["run"]
    assert f"\nTry it again from the step that failed: signoff retry {run}" in signoff.run_ok("runs", run).out
    http_service.status = 200
    finished = signoff.run_ok("retry", run)
    assert finished.out.startswith(f"You tried run {run} again.\nThe run is done.\n")
    assert [post.key for post in http_service.posts] == [f"{run}:call:1", f"{run}:call:2"]


# -- requests and decide ------------------------------------------------------------------------------------


def test_requests_that_wait_are_listed(signoff: Commands, open_request: dict[str, Any]) -> None:
    lines = signoff.run_ok("requests").out.splitlines()
    assert lines[0].split() == ["id", "request", "from", "state"]
    assert lines[1] == f"{open_request['id']}  Refund 12.50 EUR to Ann?  {OPERATOR}  ● Waiting"
    assert lines[-1] == "Look at one: signoff requests ID"
    assert [one["rule"] for one in open_request["approvers"]] == ["lee@example.com", "kim@example.com"]
    assert open_request["content"] == {"customer": "Ann", "amount": {"amount": "12.50", "currency": "EUR"}, "note": ""}
    assert [one["path"] for one in open_request["editable"]] == ["amount", "note"]
    signoff.run_ok("decide", open_request["id"], "approve")
    assert signoff.json("requests") == []
    assert signoff.run_ok("requests").out == "No requests are open. See the closed ones: signoff requests --all\n"
    assert [one["state"] for one in signoff.json("requests", "--all")] == ["approved"]
    assert re.search(r"  ✓ Approved \w+ \d+, \d+:\d\d [AP]M", signoff.run_ok("requests", "--all").out)


def test_a_request_is_shown_as_its_card_with_the_copies_and_how_to_answer(
    signoff: Commands, open_request: dict[str, Any]
) -> None:
    output = signoff.run_ok("requests", open_request["id"]).out
    assert "Refund 12.50 EUR to Ann?" in output
    assert "12.50 EUR" in output
    assert "lee@example.com or kim@example.com can decide." in output
    assert f"signoff decide {open_request['id']} approve" in output
    details = signoff.run_ok("requests", open_request["id"], "--details").out
    assert "kim@example.com  terminal  delivered" in details
    for technical in (open_request["id"], open_request["run"], open_request["digest"], "plan (set)"):
        assert technical in details
        without = re.sub(rf"signoff (decide|question|requests) {open_request['id']}", "", output)
        assert technical not in without
    signoff.run_ok("decide", open_request["id"], "reject", "--reason", "no money")
    closed_output = signoff.run_ok("requests", open_request["id"]).output
    assert "Rejected by lee@example.com" in closed_output
    assert "Reason: no money" in closed_output
    assert "signoff decide" not in closed_output
    assert "were asked." in closed_output


def test_a_request_about_many_items_shows_all_of_them_when_asked(signoff: Commands) -> None:
    rows = "[{who: Ann}, {who: Bob}, {who: Cy}, {who: Di}, {who: Eve}]"
    signoff.installation.write(
        "pay.yaml",
        "name: pay\nsteps:\n- id: each\n  uses: foreach\n"
        f"  with: {{over: {rows}}}\n  gate: {{approvers: [lee@example.com]}}\n"
        "  steps: [{id: one, uses: set, with: {text: 'Pay {{ item.who }}'}}]\n",
    )
    signoff.run_ok("register", "pay.yaml")
    signoff.run_ok("run", "pay")
    (request,) = signoff.json("requests")
    card = signoff.run_ok("requests", request["id"]).out
    assert "Pay Cy" in card
    assert "Pay Di" not in card
    assert "Your decision is about 2 more items, too." in card
    listed = signoff.run_ok("requests", request["id"], "--items").out
    assert [f"Pay {name}" in listed for name in ("Ann", "Bob", "Cy", "Di", "Eve")] == [True] * 5
    assert "--items needs the id of a request" in signoff("requests", "--items").err


def test_a_question_is_asked_and_answered_at_the_terminal(signoff: Commands, open_request: dict[str, Any]) -> None:
    request = open_request["id"]
    own = signoff("question", request, "Which cost centre?")
    assert (own.code, own.err) == (1, "You cannot ask yourself. Choose another person.\n")
    wrong = signoff("question", request, "Which cost centre?", "--to", "sam")
    assert (wrong.code, "--to: The address" in wrong.err) == (2, True)
    asked = signoff.run_ok("question", request, "Which cost centre?", "--to", "sam@example.com")
    assert asked.out == f"sam@example.com has been asked. See the answer: signoff requests {request}\n"
    assert "lee@example.com has a question about “Refund 12.50 EUR to Ann?”" in asked.err
    nothing = signoff("answer", request, "4711")
    assert (nothing.code, nothing.err) == (1, "There is no question for you about this request.\n")
    assert "Which cost centre?" not in signoff.run_ok("requests").out
    signoff.set(operator="sam@example.com")
    _, _, questions = signoff.run_ok("requests").out.partition("lee@example.com asks you about ")
    title, text, command = questions.splitlines()
    assert (title, text.strip(" │")) == ("“Refund 12.50 EUR to Ann?”:", "Which cost centre?")
    assert command.startswith(f'  Answer it: signoff answer {request} "…" --question ')
    answered = signoff.run_ok("answer", request, "4711")
    assert "asks you" not in signoff.run_ok("requests").out
    assert answered.out == "Your answer was sent. lee@example.com will read it.\n"
    shown = signoff.run_ok("requests", request).out
    assert re.search(r"lee@example.com asked sam@example.com, .*: Which cost centre\?", shown)
    assert re.search(r"sam@example.com answered, .*: 4711", shown)
    (question,) = signoff.json("requests", request)["questions"]
    assert (question["text"], question["answer"]) == ("Which cost centre?", "4711")
    story = signoff.run_ok("runs", open_request["run"]).out
    assert "asked sam@example.com: “Which cost centre?”" in story


def test_approve_lets_the_run_go_on(signoff: Commands, open_request: dict[str, Any]) -> None:
    finished = signoff.run_ok("decide", open_request["id"], "approve")
    assert finished.out == (
        f"You approved this.\nThe run is done.\nSee what happened: signoff runs {open_request['run']}\n"
    )
    run = signoff.json("runs", open_request["run"])
    assert (run["status"], run["steps"][1]["output"]) == ("succeeded", {"text": "12.50 EUR to Ann"})
    assert run["requests"][0]["decision"]["assurance"] == "terminal"


def test_edit_approves_with_the_new_values(signoff: Commands, open_request: dict[str, Any]) -> None:
    facts = signoff.json("decide", open_request["id"], "edit", "amount=10 EUR", "note=agreed = yes")
    assert (facts["state"], facts["edited"]) == ("approved", ["amount", "note"])
    assert signoff.json("runs", open_request["run"])["steps"][1]["output"] == {"text": "10 EUR to Ann"}
    (decided,) = signoff.json("requests", "--all")
    assert decided["decision"]["edits"] == [
        {
            "path": "amount",
            "before": {"amount": "12.50", "currency": "EUR"},
            "after": {"amount": "10", "currency": "EUR"},
        },
        {"path": "note", "before": "", "after": "agreed = yes"},
    ]


def test_reject_ends_the_run(signoff: Commands, open_request: dict[str, Any]) -> None:
    refused = signoff("decide", open_request["id"], "reject")
    assert (refused.code, refused.err) == (
        1,
        "Please say why you reject this. The person who asked will read it.\n"
        f'Give it with the command: signoff decide {open_request["id"]} reject --reason "…"\n',
    )
    signoff.run_ok("decide", open_request["id"], "reject", "--reason", "no money")
    assert signoff.json("runs", open_request["run"])["status"] == "rejected"


@pytest.mark.parametrize(
    ("edits", "code", "sentence"),
    [
        (["amount=lots"], 1, "Amount must be"),
        (["customer=Bob"], 1, "Customer cannot be changed. You can change: amount, note."),
        (["amount=lots", "customer=Bob"], 1, "Amount must be"),
        (["amount"], 2, "'amount' is not an edit. Write NAME=VALUE."),
        ([], 2, "Name what to change"),
    ],
)
def test_wrong_edits_decide_nothing(
    signoff: Commands, open_request: dict[str, Any], edits: list[str], code: int, sentence: str
) -> None:
    finished = signoff("decide", open_request["id"], "edit", *edits)
    assert finished.code == code
    assert sentence in finished.err
    assert signoff("decide", open_request["id"], "approve", "amount=1 EUR").code == 2
    assert [one["state"] for one in signoff.json("requests")] == ["pending"]


def test_an_edit_that_changes_nothing_says_so(signoff: Commands, open_request: dict[str, Any]) -> None:
    decided = signoff.run_ok("decide", open_request["id"], "edit", "amount=12.50")
    assert "You approved this without edits: these are its present values.\n" in decided.out


def test_without_links_there_is_nothing_to_revoke(signoff: Commands, open_request: dict[str, Any]) -> None:
    revoked = signoff.run_ok("revoke", open_request["id"])
    assert revoked.out == f"No links were emailed for {open_request['id']}, so there was nothing to revoke.\n"


def test_an_approver_passes_a_request_on(signoff: Commands, open_request: dict[str, Any]) -> None:
    def reassign(to: str, *more: str) -> CommandResult:
        return signoff("reassign", open_request["id"], "--to", to, "--reason", "on holiday", *more)

    signoff.set(operator="kim@example.com")
    assert "Kim is not an email address or a Slack user id." in reassign("Kim").err
    assert reassign(OPERATOR).err == f"{OPERATOR} already decides this request. Choose another person.\n"
    assert reassign("sam@example.com", "--for", "new@example.com").err.startswith("There is no person")
    passed = reassign("sam@example.com")
    assert passed.out == f"sam@example.com decides {open_request['id']} in the place of kim@example.com.\n"
    assert (
        reassign("mia@example.com").err
        == "You can no longer decide this request. sam@example.com decides in your place.\n"
    )


def test_a_person_chooses_when_they_are_told_of_requests(signoff: Commands) -> None:
    assert signoff.run_ok("preferences").out == "You get one message for each request, at once.\n"
    chosen = signoff.run_ok("preferences", "--digest", "3", "--at", "17:30", "--quiet", "20:00-07:00", "--weekends")
    says = (
        "You get a digest when 3 requests wait, and at 5:30 PM in any case. Your quiet hours are from 8:00 PM to "
        "7:00 AM, and on Saturday and Sunday. Signoff does not know your time zone, so times are in UTC.\n"
    )
    assert chosen.out == signoff.run_ok("preferences").out == says
    assert signoff.run_ok("preferences", "--digest", "daily", "--no-weekends", "--json").json == {
        "digest": "daily",
        "at": "17:30",
        "count": 3,
        "quiet_from": "20:00",
        "quiet_until": "07:00",
        "quiet_weekends": False,
        "zone": "UTC",
    }
    for wrong, sentence in (
        (("--quiet", "20:00"), "Say when your quiet hours begin and when they end."),
        (("--digest", "40"), "Choose a number of requests from 2 to 20."),
        (("--at", "9"), "Choose a time from 00:00 to 23:59."),
    ):
        refused = signoff("preferences", *wrong)
        assert refused.code == 1
        assert sentence in refused.err
    assert "--digest often is not clear." in signoff("preferences", "--digest", "often").err
    off = signoff.run_ok("preferences", "--digest", "off", "--quiet", "off")
    assert off.out == "You get one message for each request, at once.\n"


def test_a_person_is_away_and_back(signoff: Commands, open_request: dict[str, Any]) -> None:
    away = signoff.run_ok("away", "until", "tomorrow", "at", "noon", "--delegate", "kim@example.com")
    assert re.match(rf"{OPERATOR} is away until .*12:00 PM.*\.\nkim@example.com decides in their place\.\n", away.out)
    unclear = signoff("away", "until", "03/04")
    assert unclear.err.startswith("“03/04” can be two dates.")
    guessed = signoff("away", "until", "9am tomorrow", "--delegate", "sam@example.com", "--for", "kim@example.com")
    offer = re.search(r"Did you mean .*, 9:00 AM\? Then type: (signoff away until .*)\n", guessed.err)
    assert offer is not None
    assert offer[1].endswith(" at 9:00 --delegate sam@example.com --for kim@example.com")
    assert signoff.run_ok("back", "--for", "kim@example.com").out == "kim@example.com was not away.\n"
    assert signoff.run_ok(*offer[1].split()[1:]).out.startswith("kim@example.com is away until ")
    assert signoff.run_ok("back", "--for", "kim@example.com").out == "kim@example.com is back.\n"
    unknown = signoff("away", "until", "tomorrow", "--delegate", "new@example.com")
    assert unknown.err == "new@example.com is not known here. Choose another person.\n"
    # The operator of a machine is an admin.
    assert signoff.run_ok("back", "--for", "kim@example.com").out == "kim@example.com was not away.\n"
    assert signoff.run_ok("back").out == f"{OPERATOR} is back.\n"
    assert signoff.run_ok("back").out == f"{OPERATOR} was not away.\n"


def test_ctrl_c_at_the_question_of_a_gate_decides_nothing(installation: Installation, signoff: Commands) -> None:
    installation.write("sure.yaml", HELLO + f"    gate: {{approvers: [{OPERATOR}], confirm: 'Are you sure?'}}\n")
    signoff.run_ok("register", "sure.yaml")
    signoff.run_ok("run", "hello")
    (request,) = signoff.json("requests")
    with terminal(installation, "decide", request["id"], "approve") as person:
        person.see("Are you sure? [y/N]:")
        assert person.interrupt() == 130
        # The terminal may echo one more Ctrl-C while the process ends.
        assert "\nNothing was decided.\n\nStopped.\n" in person.screen
    assert [view["state"] for view in signoff.json("requests")] == ["pending"]


def test_only_approvers_decide_not_admins_nor_owners(signoff: Commands, open_request: dict[str, Any]) -> None:
    signoff.set(operator="sam@example.com", admins="sam@example.com")
    finished = signoff("decide", open_request["id"], "approve")
    assert finished.code == 1
    assert finished.err == (
        "sam@example.com is not an approver of this request. lee@example.com or kim@example.com can decide.\n"
    )


def test_without_an_operator_no_decision_is_possible(signoff: Commands, open_request: dict[str, Any]) -> None:
    signoff.set(operator="")
    finished = signoff("decide", open_request["id"], "approve")
    assert finished.code == 1
    assert finished.err == (
        "Signoff does not know who you are. Add SIGNOFF_OPERATOR= and your email address to the file .env in this "
        "folder. If `signoff serve` is running, add it to .env in its folder, and start it again.\n"
    )


def test_a_digest_pins_what_is_decided(signoff: Commands, open_request: dict[str, Any]) -> None:
    stale = signoff("decide", open_request["id"], "approve", "--digest", "0" * 64)
    assert stale.code == 1
    assert "has changed since you opened it" in stale.err
    signoff.run_ok("decide", open_request["id"], "approve", "--digest", open_request["digest"])


def test_a_second_decision_is_refused_with_the_first(signoff: Commands, open_request: dict[str, Any]) -> None:
    signoff.run_ok("decide", open_request["id"], "approve")
    again = signoff("decide", open_request["id"], "reject", "--reason", "no")
    assert again.code == 1
    assert again.err.startswith("You already approved this request, ")
    signoff.set(operator="kim@example.com")
    assert "lee@example.com already approved this request, " in signoff("decide", open_request["id"], "approve").err


# -- cancel and resume --------------------------------------------------------------------------------------


def test_cancel_withdraws_the_request(signoff: Commands, open_request: dict[str, Any]) -> None:
    finished = signoff.run_ok("cancel", open_request["run"], "--reason", "wrong customer")
    assert finished.out == f"You cancelled run {open_request['run']}. A step that is running still finishes.\n"
    assert signoff.json("runs", open_request["run"])["status"] == "cancelled"
    late = signoff("decide", open_request["id"], "approve")
    assert (late.code, "The run was cancelled, " in late.err) == (1, True)
    assert "⊘ The run was cancelled by lee@example.com, " in signoff.run_ok("requests", open_request["id"]).output
    again = signoff("cancel", open_request["run"])
    assert (again.code, again.err) == (1, f"Run {open_request['run']} has already ended.\n")


def test_the_operator_cancels_a_run_of_another_requester(signoff: Commands, open_request: dict[str, Any]) -> None:
    signoff.set(operator="kim@example.com")
    signoff.run_ok("cancel", open_request["run"])


def test_done_goes_on_with_what_the_step_produced(
    signoff: Commands, http_service: HttpService, attention_run: str
) -> None:
    commands = (
        "Find out, then answer:\n"
        f"  It happened:       signoff resume {attention_run} done\n"
        f"  It did not happen: signoff resume {attention_run} repeat\n"
        f"  Stop the run:      signoff resume {attention_run} stop\n"
    )
    for listing in (("runs", attention_run), ("requests",)):
        output = signoff.run_ok(*listing).out
        assert "Did “Pay the refund” happen?\n" in output
        assert output.endswith(commands)
    finished = signoff.run_ok(
        "resume", attention_run, "done", "--output", '{"body": {"receipt": 12345678901234567890.10}}'
    )
    assert finished.out.startswith("You answered “It happened”.\nThe run is done.\n")
    run = signoff.json("runs", attention_run)
    assert (run["status"], run["steps"][1]["output"]) == (
        "succeeded",
        {"receipt": json_values.loads("12345678901234567890.10")},
    )
    assert len(http_service.posts) == 1


def test_a_run_that_needs_an_answer_is_listed_beside_a_thousand_newer_ones(
    signoff: Commands, attention_run: str
) -> None:
    with closing(sqlite3.connect(signoff.installation.database)) as connection:
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(run)")]
        values = ", ".join(
            {"id": "'z' || value", "status": "'waiting'", "key": "NULL"}.get(name, name) for name in names
        )
        connection.execute(
            "WITH RECURSIVE number (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < 1001)"
            f" INSERT INTO run ({', '.join(names)}) SELECT {values} FROM run, number WHERE id = ?",
            (attention_run,),
        )
        connection.commit()
    assert f"signoff resume {attention_run} done" in signoff.run_ok("requests").out


def test_done_needs_what_later_steps_read_and_says_how_to_give_it(
    signoff: Commands, http_service: HttpService, attention_run: str
) -> None:
    refused = signoff("resume", attention_run, "done")
    assert refused.code == 1
    assert "Receipt is missing: later steps read it" in refused.err
    assert f"signoff resume {attention_run} done -o body.receipt=…" in refused.err
    assert "-o body.receipt" in signoff("resume", attention_run, "done", "-o", "number=1").err + refused.err
    assert signoff("resume", attention_run, "stop", "-o", "body.receipt=1").code == 2
    assert signoff("resume", attention_run, "done", "-o", "body.receipt").code == 2
    assert signoff.json("runs", attention_run)["status"] == "needs_attention"
    signoff.run_ok("resume", attention_run, "done", "-o", "body.receipt=R-1007")
    run = signoff.json("runs", attention_run)
    assert (run["status"], run["steps"][1]["output"]) == ("succeeded", {"receipt": "R-1007"})
    assert len(http_service.posts) == 1


def test_repeat_calls_again_with_the_same_key(signoff: Commands, http_service: HttpService, attention_run: str) -> None:
    signoff.run_ok("resume", attention_run, "repeat")
    assert signoff.json("runs", attention_run)["status"] == "succeeded"
    assert [post.key for post in http_service.posts] == [f"{attention_run}:call:1"] * 2
    assert [post.traceparent for post in http_service.posts] == [None] * 2, "there are no traces"


def test_stop_ends_the_run(signoff: Commands, http_service: HttpService, attention_run: str) -> None:
    assert signoff.run_ok("resume", attention_run, "stop").out.startswith(
        "You answered “Stop the run”.\nThe run failed."
    )
    assert signoff.json("runs", attention_run)["status"] == "failed"
    again = signoff("resume", attention_run, "repeat")
    assert (again.code, again.err) == (1, "There is no open question about a step: the run failed.\n")
    assert len(http_service.posts) == 1


def test_resume_is_for_steps_of_unknown_outcome(signoff: Commands, open_request: dict[str, Any]) -> None:
    finished = signoff("resume", open_request["run"], "repeat")
    assert finished.code == 1
    assert finished.err == "There is no open question about a step: the run is waiting for an approver.\n"


@pytest.mark.parametrize(
    "arguments", [("repeat", "--output", "{}"), ("done", "--output", "[1]"), ("done", "--output", "{"), ("perhaps",)]
)
def test_resume_with_wrong_arguments_does_nothing(
    signoff: Commands, attention_run: str, arguments: tuple[str, ...]
) -> None:
    assert signoff("resume", attention_run, *arguments).code == 2
    assert signoff.json("runs", attention_run)["status"] == "needs_attention"


# -- the operator's commands --------------------------------------------------------------------------------


def test_a_backup_is_a_whole_database(signoff: Commands, open_request: dict[str, Any]) -> None:
    finished = signoff.run_ok("backup", "copy.db")
    copy = signoff.installation.folder / "copy.db"
    assert finished.out.startswith(f"Copied {signoff.installation.database} to copy.db (")
    assert copy.stat().st_mode & 0o777 == 0o600
    again = signoff("backup", "copy.db")
    assert (again.code, again.err) == (4, "copy.db exists already. Name another file.\n")
    assert signoff("backup", "nowhere/copy.db").code == 4
    signoff.set(database_url=f"sqlite:///{copy}")
    assert [one["id"] for one in signoff.json("requests")] == [open_request["id"]]


def test_commands_without_a_database_say_how_to_get_one(signoff: Commands) -> None:
    signoff.set(database_url=f"sqlite:///{signoff.installation.folder / 'none.db'}")
    for command in (["runs"], ["requests"], ["workflows"], ["backup", "x"], ["audit", "verify"], ["audit", "export"]):
        finished = signoff(*command)
        assert finished.code == 4
        assert "There is no database at" in finished.err
    assert not (signoff.installation.folder / "none.db").exists()


def test_a_command_that_creates_a_database_says_so(signoff: Commands) -> None:
    other = signoff.installation.folder / "othr.db"
    signoff.set(database_url=f"sqlite:///{other}")
    result = signoff.run_ok("register", "hello.yaml", "--json")
    assert result.err == f"Made a new, empty database at {other}\n"
    assert result.json["version"] == 1
    assert signoff.run_ok("register", "hello.yaml").err == ""
    another = signoff.installation.folder / "another.db"
    signoff.set(database_url=f"sqlite:///{another}")
    assert f"Made a new, empty database at {another}" in signoff.run_ok("migrate").err


def test_a_file_that_is_no_database_is_refused_with_a_sentence(signoff: Commands) -> None:
    signoff.installation.database.write_bytes(b"a letter to my mother\n" * 500)
    for command in (["runs"], ["register", "hello.yaml"], ["migrate"], ["backup", "copy.db"]):
        finished = signoff(*command)
        assert finished.code == 4
        assert "is not a Signoff database, or is damaged" in finished.err


def test_migrate_makes_or_keeps_a_database(signoff: Commands) -> None:
    assert signoff.run_ok("migrate").out == f"{signoff.installation.database} is up to date.\n"
    other = signoff.installation.folder / "new" / "other.db"
    signoff.set(database_url=f"sqlite:///{other}")
    signoff.run_ok("migrate")
    assert other.stat().st_mode & 0o777 == 0o600
    assert signoff.json("workflows") == []


def test_a_database_of_a_newer_version_is_left_alone(signoff: Commands) -> None:
    with closing(sqlite3.connect(signoff.installation.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = signoff.installation.database.read_bytes()
    for command in (["runs"], ["register", "hello.yaml"], ["migrate"]):
        assert signoff(*command).code == 4
    assert signoff.installation.database.read_bytes() == before


def test_version_prints_the_version(signoff: Commands) -> None:
    assert signoff.run_ok("version").out == "signoff 0.1.0\n"


def test_wrong_arguments_are_reported_without_a_traceback(signoff: Commands) -> None:
    for wrong in (["frobnicate"], ["runs", "--frobnicate"], ["decide", "x", "perhaps"], ["run"], []):
        finished = signoff(*wrong)
        assert finished.code == 2
        assert "Usage: signoff" in finished.err
    assert signoff("--help").code == signoff("decide", "--help").code == 0


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("pending", "signoff requests"),
        ("list", "signoff workflows"),
        ("show", "signoff runs ID"),
        ("approve", "signoff decide ID approve"),
        ("restore", "signoff backup --help"),
    ],
)
def test_words_from_slack_and_for_restoring_lead_to_the_commands_of_the_terminal(
    signoff: Commands, word: str, advice: str
) -> None:
    finished = signoff(word)
    assert finished.code == 2
    assert f"There is no command {word} in the terminal." in finished.err
    assert advice in finished.err


def test_the_help_of_backup_says_how_to_restore_the_copy(signoff: Commands) -> None:
    assert "cp -p TARGET signoff.db" in signoff("backup", "--help").out


# -- the audit log ------------------------------------------------------------------------------------------


def test_the_audit_log_is_exported_and_verified_with_and_without_signoff(
    signoff: Commands, open_request: dict[str, Any]
) -> None:
    signoff.run_ok("decide", open_request["id"], "approve")
    finished = signoff.run_ok("audit", "export", "-o", "log.jsonl")
    head = finished.out.split()[-1]
    lines = (signoff.installation.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert finished.out == f"Wrote log.jsonl. Head: {head}\n"
    assert signoff.run_ok("audit", "export").out.splitlines() == lines
    kinds = [json.loads(json.loads(line)["leaf"])["kind"] for line in lines]
    assert kinds[0] == "workflow.registered"
    assert "request.approved" in kinds
    verified = signoff.run_ok("audit", "verify", "--checkpoint", head)
    assert f"{len(lines)} entries, 0 of them with erased content. Head: {head}" in verified.out
    assert "The audit log is intact." in verified.out
    alone = subprocess.run(
        [sys.executable, "-I", verify_audit.__file__, "log.jsonl"],
        cwd=signoff.installation.folder,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert (alone.returncode, head in alone.stdout) == (0, True), alone.stdout + alone.stderr


def test_a_changed_log_is_found(signoff: Commands, open_request: dict[str, Any]) -> None:
    head = signoff.run_ok("audit", "export", "-o", "log.jsonl").out.split()[-1]
    with closing(sqlite3.connect(signoff.installation.database)) as connection, connection:
        connection.execute("DROP TRIGGER audit_unchanged")
        connection.execute("UPDATE audit SET leaf = replace(leaf, 'request.opened', 'request.closed')")
    finished = signoff("audit", "verify", "--checkpoint", head)
    assert finished.code == 1
    assert "no entry says that it was opened" in finished.err
    assert finished.err.splitlines()[-1] == "2 findings: the audit log or the tables were changed."


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_an_export_is_for_one_user_whatever_the_umask(
    signoff: Commands, open_request: dict[str, Any], umask: int
) -> None:
    before = os.umask(umask)
    try:
        signoff.run_ok("audit", "export", "-o", "log.jsonl")
        signoff.run_ok("backup", "copy.db")
    finally:
        os.umask(before)
    for name in ("log.jsonl", "copy.db"):
        assert (signoff.installation.folder / name).stat().st_mode & 0o777 == 0o600


def test_a_decision_without_an_entry_is_found(signoff: Commands, open_request: dict[str, Any]) -> None:
    signoff.run_ok("decide", open_request["id"], "approve")
    with closing(sqlite3.connect(signoff.installation.database)) as connection, connection:
        connection.execute("DROP TRIGGER decision_unchanged")
        (decision,) = connection.execute("UPDATE decision SET verdict = 'rejected' RETURNING id").fetchone()
    finished = signoff("audit", "verify")
    assert finished.code == 1
    assert f"tables: decision {decision} (rejected by person" in finished.err
    assert finished.err.splitlines()[-1] == "2 findings: the audit log or the tables were changed."


def test_the_contents_of_a_run_are_erased_for_good_and_the_log_names_the_person(
    signoff: Commands, open_request: dict[str, Any]
) -> None:
    refused = signoff("audit", "erase", open_request["run"], "--reason", "asked for")
    assert (refused.code, "has not ended yet" in refused.err) == (1, True)
    signoff.run_ok("decide", open_request["id"], "reject", "--reason", "Mallory lives in Kiel")
    assert b"Mallory" in everything(signoff)
    assert signoff("audit", "erase", open_request["run"]).code == 2
    assert "Please give a reason." in signoff("audit", "erase", open_request["run"], "--reason", " ").err
    assert "no run “x”" in signoff("audit", "erase", "x", "--reason", "asked for").err.lower()
    erased = signoff.run_ok("audit", "erase", open_request["run"], "--reason", "asked for")
    assert re.search(r"Erased the contents of \d+ entries of run", erased.out)
    assert b"Mallory" not in everything(signoff)
    verified = signoff.run_ok("audit", "verify")
    assert re.search(r"entry \d+: \d+-\d+ erased by .*lee@example.com.* at .*: 'asked for'", verified.out)
    assert "The audit log is intact." in verified.out
    run_output = signoff.run_ok("runs", open_request["run"])
    assert "lee@example.com erased the contents of this run. Reason: asked for" in run_output.out
    assert signoff.json("runs", open_request["run"])["status"] == "rejected"
    assert "approved" not in signoff.run_ok("requests", open_request["id"]).out
    again = signoff.run_ok("audit", "erase", open_request["run"], "--reason", "again")
    assert "Erased the contents of 0 entries" in again.out
    signoff.run_ok("audit", "verify")


def everything(signoff: Commands) -> bytes:
    """Return all bytes of the database and of the files beside it."""
    return b"".join(
        file.read_bytes() for file in sorted(signoff.installation.folder.glob("signoff.db*")) if file.is_file()
    )


def test_contents_erased_without_an_entry_are_named_and_end_with_three(
    signoff: Commands, open_request: dict[str, Any]
) -> None:
    with closing(sqlite3.connect(signoff.installation.database)) as connection, connection:
        connection.execute("UPDATE audit SET salt = NULL, content = NULL WHERE seq = 2")
    finished = signoff("audit", "verify")
    assert finished.code == 3
    assert "erased, and no entry says who erased them: 2" in finished.err
    assert finished.err.splitlines()[-1] == "The chain is intact, but no entry says who erased contents."


def test_an_empty_log_is_no_finding(signoff: Commands) -> None:
    signoff.run_ok("migrate")
    verified = signoff.run_ok("audit", "verify")
    assert verified.output == "The audit log is empty: nothing has happened yet."


def test_an_emptied_log_is_a_finding(signoff: Commands, open_request: dict[str, Any]) -> None:
    with closing(sqlite3.connect(signoff.installation.database)) as connection, connection:
        connection.execute("DROP TRIGGER audit_kept")
        connection.execute("DELETE FROM audit")
    assert signoff("audit", "verify").code == 1


def test_an_export_overwrites_no_file(signoff: Commands, open_request: dict[str, Any]) -> None:
    noted = signoff.installation.folder / "log.jsonl"
    noted.write_text("noted earlier\n")
    again = signoff("audit", "export", "-o", "log.jsonl")
    assert (again.code, again.err) == (4, "log.jsonl exists already. Name another file.\n")
    assert noted.read_text() == "noted earlier\n"


def test_audit_with_wrong_arguments_is_wrong_usage(signoff: Commands, open_request: dict[str, Any]) -> None:
    assert "Write a checkpoint like" in signoff("audit", "verify", "--checkpoint", "x").err
    for wrong in (["verify", "--checkpoint", "x"], ["export", "-o", "nowhere/log.jsonl"], ["export", "-o", "."], ["x"]):
        assert signoff("audit", *wrong).code == 2


# -- broken pipes and bugs --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["runs --json", "audit export", "workflows"])
def test_a_closed_pipe_is_no_error(signoff: Commands, open_request: dict[str, Any], command: str) -> None:
    finished = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {SIGNOFF} {command} | true"],
        env=signoff.installation.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_bug_is_reported_with_a_number_and_a_file_with_the_traceback(
    signoff: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug is in a step type of another distribution, which raises an error where none is allowed."""
    plugins = signoff.installation.folder / "plugins"
    (plugins / "broken-1.0.dist-info").mkdir(parents=True)
    (plugins / "broken-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (plugins / "broken-1.0.dist-info" / "entry_points.txt").write_text("[signoff.steps]\nbroken = broken_step:Broken\n")
    (plugins / "broken_step.py").write_text(
        "from engine.steps.set import SetStep\n"
        "class Broken(SetStep):\n"
        "    name = 'broken'\n"
        "    def outputs(self, given):\n"
        "        raise RuntimeError('my password is hunter22, the token xoxb-hunter23, the key swordfish-4711')\n"
    )
    monkeypatch.syspath_prepend(plugins)
    signoff.set(secret_password="hunter22", slack_bot_token="xoxb-hunter23", slack_signing_secret="hunter24")
    signoff.installation.write("hello.yaml", HELLO.replace("uses: set", "uses: broken"))
    assert signoff.installation.run("secret", "set", "SHOP", stdin="swordfish-4711").code == 0
    finished = signoff("check", "hello.yaml")
    assert finished.code == 70
    (file,) = (signoff.installation.folder / ".local" / "state" / "signoff" / "incidents").iterdir()
    incident = file.stem.rpartition("-")[2]
    assert finished.err == f"Something broke (incident {incident}). The details are in {file}. Please report it.\n"
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_text(encoding="utf-8")
    assert (
        "RuntimeError: my password is (secret PASSWORD), the token (a token of Slack), the key (secret SHOP)" in content
    )
    assert "swordfish" not in content
