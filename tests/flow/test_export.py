"""The export of decisions as an auditor reads it: as JSON Lines, and as CSV in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.system import SystemClock
from tests.support.cli import Commands
from tests.support.processes import Installation

REFUND = """\
name: refund
title: Refund a customer
owner: sam@example.com
inputs:
  customer: {type: text, label: Customer}
  amount: {type: money, currency: EUR}
steps:
  - id: plan
    title: Plan the refund
    uses: set
    with: {customer: "{{ inputs.customer }}", amount: "{{ inputs.amount }}", note: ""}
    gate:
      title: "{{ inputs.customer }}: refund {{ inputs.amount }}?"
      approvers: [lee@example.com]
      exclude: []
      edit: [amount, note]
"""
OTHER = """\
name: other
owner: sam@example.com
steps:
  - {id: go, uses: set, with: {}, gate: {title: "Go on?", approvers: [lee@example.com], exclude: []}}
"""
TODAY = SystemClock().now()


@pytest.fixture
def installation(installation: Installation) -> Installation:
    installation.write("refund.yaml", REFUND)
    installation.write("other.yaml", OTHER)
    return installation


def decide(signoff: Commands, customer: str, amount: str, *verdict: str) -> None:
    signoff.run_ok("run", "refund", "-i", f"customer={customer}", "-i", f"amount={amount}")
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], *verdict)


@pytest.fixture
def decided(signoff: Commands) -> Commands:
    signoff.run_ok("register", "refund.yaml")
    signoff.run_ok("register", "other.yaml")
    decide(signoff, "Ann", "12.50", "approve")
    decide(signoff, "Ben", "250.00", "edit", "amount=199.90", "note=as agreed", "--reason", "Half of it was used.")
    decide(signoff, "Cleo", "300.00", "approve")
    decide(signoff, "Dan", "400.00", "reject", "--reason", "=HYPERLINK(A1)")
    signoff.run_ok("run", "other")
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "approve")
    signoff.run_ok("run", "refund", "-i", "customer=Eve", "-i", "amount=900.00")
    return signoff


def eur(amount: str) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def exported(signoff: Commands, *options: str) -> list[dict[str, Any]]:
    out = signoff.run_ok("export", "decisions", "--since", f"{TODAY:%Y-%m-%d}", "--format", "jsonl", *options).out
    return [json.loads(line, parse_float=Decimal) for line in out.splitlines()]


def rows(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "november"), "Write the day like 2026-11-01."),
        (("--since", "2026-11-01", "--until", "30.11."), "Write the day like 2026-11-01."),
        (("--since", "2026-12-01", "--until", "2026-11-01"), "The last day is before the first day."),
        (("--since", "2026-11-01", "--workflow", "refnud"), "There is no workflow “refnud”. Did you mean “refund”?"),
        (("--since", "2026-11-01", "--workflow", "x"), "There is no workflow “x”."),
    ],
)
def test_a_wrong_option_is_no_empty_export(signoff: Commands, options: tuple[str, ...], said: str) -> None:
    """An empty file would say that no one decided anything."""
    signoff.run_ok("register", "refund.yaml")
    wrong = signoff("export", "decisions", "--format", "csv", *options)
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err
    assert "%Y" not in wrong.err


def test_an_auditor_learns_who_approved_what_above_100_and_what_was_changed(decided: Commands) -> None:
    approved = [
        (line["decided_by"]["name"], line["draft"]["customer"], line["changes"], paid)
        for line in exported(decided, "--workflow", "refund")
        if line["verdict"] == "approved" and (paid := Decimal(line["final"]["amount"]["amount"])) > 100
    ]
    by = decided.installation.environment["SIGNOFF_OPERATOR"]
    changes = [
        {"path": "amount", "label": "amount", "before": eur("250.00"), "after": eur("199.90")},
        {"path": "note", "label": "note", "before": "", "after": "as agreed"},
    ]
    assert [(name, customer, amount) for name, customer, _, amount in approved] == [
        (by, "Ben", Decimal("199.90")),
        (by, "Cleo", Decimal("300.00")),
    ]
    assert [{**change, "label": change["label"].lower()} for change in approved[0][2]] == changes
    assert approved[1][2] == []


def test_each_line_says_what_was_asked_and_decided_when_and_by_whom(decided: Commands) -> None:
    lines = exported(decided)
    assert [line["workflow"] for line in lines] == ["refund"] * 4 + ["other"], "what waits is not in it"
    _, ben, _, dan, _ = lines
    assert (ben["title"], ben["step"], ben["step_title"], ben["verdict"], ben["reason"], ben["policy"]) == (
        "Ben: refund 250.00 EUR?",
        "plan",
        "Plan the refund",
        "approved",
        "Half of it was used.",
        "any",
    )
    assert ben["draft"]["amount"] == eur("250.00")
    assert dan["final"] is None
    assert dan["verdict"] == "rejected"
    assert dan["seconds_to_decide"] >= 0
    assert datetime.fromisoformat(ben["asked_at"]) <= datetime.fromisoformat(ben["decided_at"])
    assert ben["decided_by"]["id"]
    assert not ben["erased"]


def test_a_spreadsheet_computes_nothing_from_what_people_wrote(decided: Commands) -> None:
    decide_evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "ok"]
    (waiting,) = decided.json("requests")
    decided.run_ok("decide", waiting["id"], "reject", "--reason", "no")
    for customer in decide_evil:
        decide(decided, customer, "1.00", "approve")
    text = decided.run_ok("export", "decisions", "--since", f"{TODAY:%Y-%m-%d}", "--format", "csv").out
    found = rows(text)
    assert not [cell for row in found for cell in row.values() if cell[:1] in "=+-@\t\r" and cell]
    assert next(row for row in found if row["verdict"] == "rejected")["reason"] == "'=HYPERLINK(A1)"
    titles = [row["title"] for row in found if row["title"].startswith("'")]
    assert titles[:4] == [f"'{customer}: refund 1.00 EUR?" for customer in ("=1+1", "+1", "-1", "@SUM(A1)")]
    assert {row["workflow_version"] for row in found} == {"1"}
    (ben,) = [row for row in found if row["changes"]]
    before, after = '{"amount":"250.00","currency":"EUR"}', '{"amount":"199.90","currency":"EUR"}'
    assert ben["changes"] == f'amount: {before} → {after}\nnote: "" → "as agreed"'


def test_the_file_is_csv_as_the_standard_has_it_and_only_its_user_may_read_it(decided: Commands) -> None:
    since = f"{TODAY:%Y-%m-%d}"
    finished = decided.run_ok("export", "decisions", "--since", since, "--format", "csv", "-o", "decisions.csv")
    assert finished.out == "Wrote decisions.csv: 5 decisions.\n"
    file = decided.installation.folder / "decisions.csv"
    content = file.read_bytes().decode()
    assert content.count("\r\n") == 6
    assert content.endswith("\r\n")
    assert len(rows(content)) == 5
    assert file.stat().st_mode & 0o777 == 0o600
    again = decided("export", "decisions", "--since", since, "--format", "csv", "-o", "decisions.csv")
    assert (again.code, "exists already" in again.err) == (4, True)


def test_the_period_has_its_first_and_its_last_day(decided: Commands) -> None:
    yesterday, tomorrow = (f"{TODAY + timedelta(days=days):%Y-%m-%d}" for days in (-1, 1))
    assert len(exported(decided, "--until", tomorrow)) == 5
    assert exported(decided, "--since", yesterday, "--until", yesterday) == []
    out = decided.run_ok("export", "decisions", "--since", tomorrow, "--format", "jsonl").out
    assert len(out.splitlines()) == 0
    wrong = decided("export", "decisions", "--since", tomorrow, "--until", yesterday, "--format", "jsonl")
    assert (wrong.code, "before the first day" in wrong.err) == (2, True)


def test_an_erased_request_is_marked(decided: Commands) -> None:
    (cleo,) = [line for line in exported(decided) if line["draft"].get("customer") == "Cleo"]
    decided.run_ok("audit", "erase", cleo["run"], "--reason", "asked for")
    (erased,) = [line for line in exported(decided) if line["erased"]]
    assert erased["request"] == cleo["request"]
    assert (erased["title"], erased["draft"], erased["changes"]) == ("(erased)", {}, [])
    assert erased["decided_by"]["id"] == cleo["decided_by"]["id"]
    assert "Cleo" not in json.dumps(erased, default=str)


def test_the_operator_rates_what_they_decided_and_the_export_has_it(signoff: Commands) -> None:
    source = REFUND.replace("      edit: [amount, note]", "      edit: [amount, note]\n      feedback: true")
    signoff.installation.write("rated.yaml", source)
    signoff.run_ok("register", "rated.yaml")
    signoff.run_ok("run", "refund", "-i", "customer=Ann", "-i", "amount=12.50")
    (request,) = signoff.json("requests")
    early = signoff("rate", request["id"], "3")
    assert (early.code, early.err) == (1, "You can rate this once you have decided.\n")
    signoff.run_ok("decide", request["id"], "approve")
    rated = signoff.run_ok("rate", request["id"], "4", "--comment", "=clear")
    assert rated.out == "You rated this 4 of 5. You can change it later.\n"
    (line,) = exported(signoff)
    assert (line["rating"], line["comment"]) == (4, "=clear")
    since = f"{TODAY:%Y-%m-%d}"
    (row,) = rows(signoff.run_ok("export", "decisions", "--since", since, "--format", "csv").out)
    assert (row["rating"], row["comment"]) == ("4", "'=clear")
    assert "4 of 5" in signoff.run_ok("requests", request["id"], "--details").out
    assert signoff("rate", request["id"], "6").code == 2


def test_a_decision_in_the_terminal_can_bring_its_rating(signoff: Commands) -> None:
    source = REFUND.replace("      edit: [amount, note]", "      edit: [amount, note]\n      feedback: true")
    for name, text in (("rated.yaml", source), ("other.yaml", OTHER)):
        signoff.installation.write(name, text)
        signoff.run_ok("register", name)
    signoff.run_ok("run", "refund", "-i", "customer=Ann", "-i", "amount=12.50")
    (request,) = signoff.json("requests")
    alone = signoff("decide", request["id"], "approve", "--comment", "clear")
    assert (alone.code, "A comment goes with a rating." in alone.err) == (2, True)
    assert signoff("decide", request["id"], "approve", "--rating", "0").code == 2
    missing = signoff("decide", request["id"], "reject", "--rating", "2", "--comment", "not clear")
    assert f"signoff decide {request['id']} reject --rating 2 --comment 'not clear' --reason" in missing.err
    decided = signoff.run_ok("decide", request["id"], "approve", "--rating", "4", "--comment", " clear ").out
    assert decided.startswith("You approved this. You rated this 4 of 5. You can change it later.\n")
    (line,) = exported(signoff)
    assert (line["rating"], line["comment"]) == (4, "clear")
    signoff.run_ok("run", "other")
    (request,) = signoff.json("requests")
    refused = signoff("decide", request["id"], "approve", "--rating", "4")
    assert (refused.code, refused.err) == (1, "No rating is asked for here.\n")
    assert len(exported(signoff)) == 1, "a decision that is refused decides nothing"
