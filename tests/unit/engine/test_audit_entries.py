"""One module makes all entries of the audit log, from a closed list of kinds."""

from __future__ import annotations

import re
from pathlib import Path

import engine
from engine.audit_entries import EntryKind, entry
from engine.domain import Person, RequestState, RunStatus

ROOT = Path(engine.__file__).parent


def test_a_person_who_acts_is_recorded_with_id_and_name() -> None:
    audit_entry = entry(EntryKind.RUN_CANCEL_ASKED, run="r1", actor=Person("p1", "Lee"), reason="late")
    assert (audit_entry.kind, audit_entry.run, audit_entry.actor) == ("run.cancel_asked", "r1", "p1")
    assert audit_entry.content == {"reason": "late", "actor_name": "Lee"}
    assert entry(EntryKind.RUN_STUCK, actor="p1").content == {}


def test_facts_that_are_absent_are_left_out_but_zero_and_empty_texts_are_facts() -> None:
    audit_entry = entry(EntryKind.LINKS_REVOKED, content={"kept": None}, a=None, b=[], c={}, d=0, e="", f=False)
    assert audit_entry.content == {"kept": None, "d": 0, "e": "", "f": False}


def test_no_other_module_makes_an_entry() -> None:
    constructor = re.compile(r"\bEntry\(")
    files = {
        path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if constructor.search(path.read_text("utf-8"))
    }
    assert {file for file in files if file.startswith(("delivery", "runs", "service", "store", "worker"))} == set()
    assert "audit_entries.py" in files


def test_every_end_of_a_run_and_every_decision_has_a_kind() -> None:
    assert {EntryKind(f"run.{status}") for status in RunStatus if status.ended}
    assert {EntryKind(f"request.{state}") for state in (RequestState.APPROVED, RequestState.REJECTED)}
