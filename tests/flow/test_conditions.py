"""Conditions of gates, by the commands: a wrong one is refused with the file, or opens the gate and gives a reason."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.cli import Commands
from tests.support.processes import Installation

TEXTS = """\
name: texts
owner: sam@example.com
inputs:
  usage: text
  amount: {type: money, currency: EUR}
  size: {type: choice, options: ["5", "10", "100"]}
steps:
"""
GATED_STEP = """\
  - {id: %s, uses: set, with: {x: 1}, gate: {when: "{{ %s }}", approvers: [ada@example.com]}}
"""
CONDITIONS = {
    "percent": "inputs.usage > '90%'",
    "money": "inputs.amount.amount > '200'",
    "money_as_text": "inputs.amount | string > '200'",
    "choice": "inputs.size > '50'",
    "no_such_option": "inputs.size == 'XL'",
    "no_such_currency": "inputs.amount.currency == 'eur'",
    "negated": "not inputs.amount.amount <= '200'",
    "number_and_text": "inputs.amount | number == '1000'",
    "listed": "inputs.size in ['XL', 'XXL']",
    "cased": "inputs.size | lower == 'XL'",
}
INPUTS = ("-i", "usage=100%", "-i", "amount=1000 EUR", "-i", "size=100")
FILE = TEXTS + "".join(GATED_STEP % condition for condition in CONDITIONS.items())
UNKNOWN = """\
name: unknown
owner: sam@example.com
inputs: {answer: json}
steps:
"""


@pytest.fixture
def installation(installation: Installation) -> Installation:
    installation.write("texts.yaml", FILE)
    return installation


@pytest.mark.parametrize("command", ["check", "register", "try"])
def test_a_condition_that_compares_texts_is_refused_at_its_line(signoff: Commands, command: str) -> None:
    finished = signoff(command, "texts.yaml", *(INPUTS if command == "try" else ()))
    assert finished.code == 1
    for number, name in enumerate(CONDITIONS, start=8):
        assert f"texts.yaml:{number}:" in finished.output, name


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_file_that_was_registered_before_asks_and_gives_the_reason(signoff: Commands, name: str) -> None:
    """Runs of older files go on, and none of their gates is skipped silently."""
    signoff.installation.write(
        "texts.yaml", TEXTS + "  - {id: a, uses: set, with: {x: 1}, gate: {approvers: [ada@example.com]}}\n"
    )
    signoff.run_ok("register", "texts.yaml")
    with closing(sqlite3.connect(signoff.installation.database)) as database, database:
        older = (TEXTS + GATED_STEP % (name, CONDITIONS[name])).encode()
        database.execute("UPDATE workflow_version SET source = ?", (older,))
    signoff.run_ok("run", "texts", *INPUTS)
    (request,) = signoff.json("requests")
    details = signoff.json("requests", request["id"])
    assert [
        note for note in details["notes"] if note.startswith("Signoff could not tell whether this needs approval: ")
    ]


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("inputs.answer.used > inputs.answer.limit", {"used": "1000", "limit": "200"}),
        ("inputs.answer.used > inputs.answer.limit", {"used": "100%", "limit": "90%"}),
        ("inputs.answer.used > inputs.answer.limit", {"used": "high", "limit": "low"}),
        ("not inputs.answer.used <= inputs.answer.limit", {"used": "1000", "limit": "200"}),
        ("inputs.answer.used == '200'", {"used": 200}),
        ("inputs.answer.used in ['200', '300']", {"used": 200}),
        ("inputs.answer.used == '200'", {"used": "200.00"}),
        ("inputs.answer.used == 'yes'", {"used": True}),
        ("(inputs.answer.all | max) == inputs.answer.used", {"all": ["9", "1000"], "used": "1000"}),
        ("(inputs.answer.all | sort | last) == inputs.answer.used", {"all": ["9", "1000"], "used": "1000"}),
        ("inputs.answer.due < inputs.answer.now", {"due": "2026-03-02T09:00", "now": "2026-03-02T10:00Z"}),
        ("inputs.answer.used | number > 200", {"used": "1.234"}),
        ("inputs.answer.used | int > 200", {"used": " 12.345"}),
        ("inputs.answer.used | number > 200", {"used": "1,234"}),
        ("inputs.answer.used == {'amount': 200, 'unit': 'kg'}", {"used": {"amount": "200", "unit": "kg"}}),
        ("inputs.answer.used == ['200', 'a']", {"used": [200, "a"]}),
        ("inputs.answer.used == ['200.00', ['x']]", {"used": ["200", ["x"]]}),
        ("inputs.answer.used in [{'to': 'ann@example.com'}]", {"used": {"to": "Ann@example.com"}}),
        ("not inputs.answer.used != {'n': [1]}", {"used": {"n": ["1"]}}),
    ],
)
def test_a_comparison_that_fails_only_in_the_run_opens_the_gate(signoff: Commands, condition: str, answer: Any) -> None:
    signoff.installation.write("unknown.yaml", UNKNOWN + GATED_STEP % ("a", condition))
    signoff.run_ok("check", "unknown.yaml")
    finished = signoff("try", "unknown.yaml", "-i", f"answer={json.dumps(answer)}", "--answer", "approve")
    assert finished.code == 0
    assert "Signoff could not tell whether this needs approval" in finished.out


@pytest.mark.parametrize(
    ("condition", "answer", "asks"),
    [
        ("inputs.answer.due < '2026-03-10'", {"due": "2026-03-02"}, True),
        ("inputs.answer.due < '2026-03-10'", {"due": "2026-03-12"}, False),
        ("inputs.answer.due < inputs.answer.now", {"due": "2026-03-02T09:00+02:00", "now": "2026-03-02T08:00Z"}, True),
        ("inputs.answer.due > inputs.answer.now", {"due": "2026-03-02T09:00+02:00", "now": "2026-03-02T08:00Z"}, False),
        ("inputs.answer.used > 200", {"used": 1000}, True),
        ("inputs.answer.used | number > 200", {"used": "0.125"}, False),
        ("inputs.answer.used | number > 200", {"used": "1.2340"}, False),
        ("inputs.answer.used | number > 200", {"used": {"amount": "1.234", "currency": "KWD"}}, False),
        ("inputs.answer.used | number > 1", {"used": 1.234}, True),
        ("inputs.answer.used == 'yes'", {"used": "no"}, False),
        ("inputs.answer.used | default('') == 'yes'", {"used": None}, False),
        (
            "inputs.answer.used == {'amount': '200.00', 'currency': 'EUR'}",
            {"used": {"amount": "200", "currency": "EUR"}},
            True,
        ),
        ("inputs.answer.used == ['200', 'a']", {"used": [200, "b"]}, False),
        ("inputs.answer.used == [1, ['x']]", {"used": [1, ["y"]]}, False),
        ("inputs.answer.used == [[]]", {"used": [{}]}, False),
    ],
)
def test_a_right_comparison_is_decided_by_the_condition(
    signoff: Commands, condition: str, answer: Any, asks: bool
) -> None:
    signoff.installation.write("unknown.yaml", UNKNOWN + GATED_STEP % ("a", condition))
    finished = signoff("try", "unknown.yaml", "-i", f"answer={json.dumps(answer)}", "--answer", "approve")
    assert finished.code == 0
    assert ("Answering as ada@example.com." in finished.out) is asks
    assert "could not be found out" not in finished.out


PASSED_ON = """\
name: passed-on
owner: sam@example.com
inputs: {total: text, note: {type: long_text, required: false}}
steps:
  - {id: made, uses: set, with: {%s}}
  - {id: again, uses: set, with: {n: "{{ steps.made.n }}"}}
  - {id: pay, uses: set, with: {x: 1}, gate: {when: "{{ %s }}", approvers: [ada@example.com]}}
"""


@pytest.mark.parametrize(
    ("params", "condition", "reference"),
    [
        ('n: "{{ inputs.total | number }}"', "steps.made.n > 1000", "steps.made.n"),
        ('n: "{{ inputs.total | number }}"', "steps.again.n > 1000", "steps.again.n"),
        ('n: "{{ inputs.total | number > 1000 }}"', "steps.made.n", "steps.made.n"),
        ('n: "{{ (inputs.total | trim | number) * 2 }}"', "steps.again.n > 1000", "steps.again.n"),
        ('n: ["{{ inputs.note | default(inputs.total) | int }}"]', "steps.made.n[0] > 1", "steps.made.n.0"),
    ],
)
def test_a_number_that_an_earlier_step_reads_from_a_text_is_refused_in_a_condition(
    signoff: Commands, params: str, condition: str, reference: str
) -> None:
    """`set` reads 1.234 as a number between one and two, while a condition would call it ambiguous."""
    signoff.installation.write("passed-on.yaml", PASSED_ON % (params, condition))
    finished = signoff("check", "passed-on.yaml")
    assert finished.code == 1
    assert "passed-on.yaml:7:" in finished.output
    assert f"steps[2].gate.when: `{reference}` comes from a text that" in finished.output


@pytest.mark.parametrize(
    ("params", "condition"),
    [
        ('n: "{{ inputs.total }}"', "steps.made.n | number > 1000"),
        ('n: "{{ inputs.total }}", m: "{{ inputs.total | number }}"', "steps.again.n | number > 1000"),
    ],
)
def test_an_ambiguous_text_that_is_passed_on_opens_the_gate(signoff: Commands, params: str, condition: str) -> None:
    signoff.installation.write("passed-on.yaml", PASSED_ON % (params, condition))
    finished = signoff("try", "passed-on.yaml", "-i", "total=1.234", "--answer", "approve")
    assert finished.code == 0
    assert '"1.234" may mean thousands or decimals' in finished.out.replace("\n", " ").replace("│", "")


def test_an_ambiguous_number_chooses_no_approver(signoff: Commands) -> None:
    approver = "'boss@example.com' if inputs.total | number > 1000 else 'ada@example.com'"
    text = PASSED_ON % ("n: 1", "true")
    signoff.installation.write("passed-on.yaml", text.replace("[ada@example.com]", f'["{{{{ {approver} }}}}"]'))
    finished = signoff("try", "passed-on.yaml", "-i", "total=1.234", "--answer", "approve")
    assert "Answering as sam@example.com." in finished.out
