"""Conditions that guard something, through the commands: refused in the file, or asked about with the reason."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Commands, commands
from tests.support.processes import place

TEXTS = """\
name: texts
owner: sam@example.com
inputs:
  usage: text
  amount: {type: money, currency: EUR}
  size: {type: choice, options: ["5", "10", "100"]}
steps:
"""
GUARD = """\
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
FILE = TEXTS + "".join(GUARD % each for each in CONDITIONS.items())
UNKNOWN = """\
name: unknown
owner: sam@example.com
inputs: {answer: json}
steps:
"""


@pytest.fixture
def signoff(
    tmp_path: Path, blank: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    at = place(tmp_path)
    at.database.write_bytes(blank)
    at.write("texts.yaml", FILE)
    yield from commands(at, capsys, monkeypatch)


@pytest.mark.parametrize("command", ["check", "register", "try"])
def test_a_condition_that_compares_texts_is_refused_at_its_line(signoff: Commands, command: str) -> None:
    finished = signoff(command, "texts.yaml", *(INPUTS if command == "try" else ()))
    assert finished.code == 1
    for number, name in enumerate(CONDITIONS, start=8):
        assert f"texts.yaml:{number}:" in finished.said, name


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_file_that_was_registered_before_asks_and_says_why(signoff: Commands, name: str) -> None:
    """Its runs go on, and no gate of it is skipped in silence."""
    signoff.at.write(
        "texts.yaml", TEXTS + "  - {id: a, uses: set, with: {x: 1}, gate: {approvers: [ada@example.com]}}\n"
    )
    signoff.done("register", "texts.yaml")
    with closing(sqlite3.connect(signoff.at.database)) as database, database:
        older = (TEXTS + GUARD % (name, CONDITIONS[name])).encode()
        database.execute("UPDATE workflow_version SET source = ?", (older,))
    signoff.done("run", "texts", *INPUTS)
    (request,) = signoff.json("requests")
    shown = signoff.json("requests", request["id"])
    assert [note for note in shown["notes"] if note.startswith("Whether this needs approval could not be found out: ")]


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
    ],
)
def test_what_only_the_run_can_know_opens_the_gate(signoff: Commands, condition: str, answer: Any) -> None:
    signoff.at.write("unknown.yaml", UNKNOWN + GUARD % ("a", condition))
    signoff.done("check", "unknown.yaml")
    finished = signoff("try", "unknown.yaml", "-i", f"answer={json.dumps(answer)}", "--answer", "approve")
    assert finished.code == 0
    assert "Whether this needs approval could not be found out" in finished.out


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
    ],
)
def test_what_compares_rightly_is_decided_by_the_condition(
    signoff: Commands, condition: str, answer: Any, asks: bool
) -> None:
    signoff.at.write("unknown.yaml", UNKNOWN + GUARD % ("a", condition))
    finished = signoff("try", "unknown.yaml", "-i", f"answer={json.dumps(answer)}", "--answer", "approve")
    assert finished.code == 0
    assert ("Answering as ada@example.com." in finished.out) is asks
    assert "could not be found out" not in finished.out
