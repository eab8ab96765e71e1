"""Deadlines in a workflow file: what they mean, and those that can never take effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.domain import OnExpiry
from engine.workflowfile import Gate, load
from engine.workflowfile.workflow import NO_CLOCKS, Remind
from tests.support.workflow_files import KINDS, gate_file, problems_of, problems_or_none, step_file

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def gate_with(keys: str) -> Gate:
    gate = load(gate_file(keys).encode(), kinds=KINDS).steps[0].gate
    assert gate is not None
    return gate


@pytest.mark.parametrize(
    ("keys", "remind"),
    [
        ("remind: true\nexpires: 2d", Remind()),
        ("remind: true", Remind(after=DAY, every=DAY, times=3)),
        ("remind: {after: 4h}", Remind(after=4 * HOUR)),
        ("remind: {after: 4h, every: 1d, times: 3}", Remind(after=4 * HOUR, every=DAY, times=3)),
        ("remind: {after: 4h, every: 1d}", Remind(after=4 * HOUR, every=DAY, times=100)),
    ],
)
def test_reminders_are_read(keys: str, remind: Remind) -> None:
    assert gate_with(keys).clocks.remind == remind


def test_an_escalation_is_read() -> None:
    gate = gate_with('expires: 2d\nescalate: {after: 4h, to: ["group:finance", lee@example.com]}\nhours: true')
    assert (gate.clocks.escalate_after, gate.clocks.hours, gate.on_expiry) == (4 * HOUR, True, OnExpiry.STOP)
    assert [backup.source for backup in gate.clocks.escalate_to] == ["group:finance", "lee@example.com"]
    gate = gate_with("expires: 2d\non_expiry: escalate\nescalate: {to: lee@example.com}")
    assert (gate.clocks.escalate_after, gate.on_expiry) == (None, OnExpiry.ESCALATE)


@pytest.mark.parametrize("keys", ["remind: false", "hours: false", "expires: 2d"])
def test_without_them_a_gate_has_no_more_clocks(keys: str) -> None:
    assert gate_with(keys).clocks is NO_CLOCKS


@pytest.mark.parametrize(
    ("keys", "path", "sentence"),
    [
        ("on_expiry: stop", "on_expiry", "`on_expiry` has no effect without `expires`."),
        ("hours: true", "hours", "`hours` has no effect without a deadline."),
        ("questions: pause", "questions", "`questions: pause` has no effect without a deadline."),
        ("hours: on", "hours", "Write true or false here, not `on`."),
        (
            "expires: 2d\non_expiry: escalate",
            "on_expiry",
            "`on_expiry: escalate` needs `escalate` to say who is asked then.",
        ),
        ("escalate: 1h", "escalate", "This must be a mapping, not the text `1h`."),
        ("escalate: {after: 4h}", "escalate.to", "`escalate` needs the key `to`."),
        ("escalate: {to: lee@example.com}", "escalate", "`escalate` does not say when."),
        (
            "expires: 2d\nescalate: {after: 2d, to: lee@example.com}",
            "escalate.after",
            "`escalate` has no effect: the request expires earlier.",
        ),
        (
            "escalate: {after: 1d, to: [owner]}",
            "escalate.to",
            "`escalate` names no one else: all of them are asked already.",
        ),
        (
            "approvers: [lee@example.com, owner]\nescalate: {after: 1d, to: Lee@example.com}",
            "escalate.to",
            "`escalate` names no one else: all of them are asked already.",
        ),
        (
            "policy: {chain: [[owner], [lee@example.com]]}\nescalate: {after: 1d, to: owner}",
            "escalate.to",
            "`escalate` names no one else: all of them are asked already.",
        ),
        (
            "approvers: lee@example.com\nescalate: {after: 1d, to: requester}",
            "escalate.to",
            "`escalate` names no one else: the person who started the run is not asked in this way.",
        ),
        ("escalate: {after: , to: lee@example.com}", "escalate.after", "`after` has no value."),
        ("remind: {after: 1h, every: }", "remind.every", "`every` has no value."),
        ("escalate: {after: 1d, to: [sales]}", "escalate.to[0]", "`sales` is not a person or a group"),
        ("remind: {after: 2d, times: 3}", "remind.times", "Only the first reminder would be sent."),
        ("remind: {after: 2d, every: 1d, times: 1}", "remind.every", "`every` has no effect with `times: 1`."),
        ("expires: 2d\nremind: {after: 2d}", "remind.after", "`remind` has no effect: the request expires earlier."),
        (
            "expires: 2d\nremind: {after: 1d, every: 12h, times: 3}",
            "remind.times",
            "Only 2 of 3 reminders would be sent: the request expires earlier.",
        ),
        ("remind: {after: soon}", "remind.after", "'soon' is not a duration"),
        (
            "expires: 1w\nhours: true",
            "expires",
            "`1w` is not clear in working hours: a week has fewer working days than seven.",
        ),
        (
            "remind: {after: 24h}\nhours: true",
            "remind.after",
            "`24h` is not clear in working hours: a working day is shorter than 24 hours.",
        ),
    ],
)
def test_a_deadline_without_an_effect_is_refused_with_one_sentence(keys: str, path: str, sentence: str) -> None:
    (problem,) = problems_of(gate_file(keys))
    assert problem.path == f"steps[0].gate.{path}"
    assert problem.message.startswith(sentence)


@pytest.mark.parametrize(
    "keys",
    [
        "expires: 2d\nremind: {after: 1d, every: 12h, times: 2}",
        "expires: 2d\nremind: {after: 1d, every: 7h}",
        "policy: {chain: [[kim@example.com], [lee@example.com]]}\nescalate: {after: 1d, to: owner}",
        "expires: 2d4h\nhours: true",
        "remind: true\nquestions: pause",
        "expires: 7d\nhours: true\nremind: true",
        "expires: 2d\nescalate: {after: 1d, to: '{{ inputs.x }}'}",
        "expires: 2d\non_expiry: escalate\nescalate: {after: 1d, to: lee@example.com}",
    ],
)
def test_other_deadlines_are_accepted(keys: str) -> None:
    source = gate_file(keys).replace("steps:", "inputs: {x: email}\nsteps:")
    assert problems_or_none(source.encode()) is None


def test_a_file_that_was_registered_with_a_pause_without_a_deadline_goes_on() -> None:
    load(gate_file("questions: pause").encode(), kinds=KINDS, registered=True)


def test_a_form_has_the_same_keys() -> None:
    form = step_file("id: ask\nuses: form\nfields: {x: text}\nexpires: 2d\nremind: true\nhours: true")
    gate = load(form.encode(), kinds=KINDS).steps[0].gate
    assert gate is not None
    assert (gate.clocks.remind, gate.clocks.hours) == (Remind(), True)


def test_the_requester_can_be_a_backup_where_they_may_decide() -> None:
    keys = "approvers: lee@example.com\nescalate: {after: 1d, to: requester}"
    assert problems_or_none(gate_file(f"{keys}\nexclude: []").encode()) is None
    assert problems_or_none(step_file(f"id: ask\nuses: form\nfields: {{x: text}}\n{keys}").encode()) is None
