"""Triggers of a workflow file: what is read, and what is refused, with its place."""

from __future__ import annotations

import pytest

from engine.domain import Missed, Overlap, TriggerKind
from engine.schedules import Cron
from engine.workflowfile import load
from tests.support.workflow_files import KINDS, problems_of

FILE = """name: flow
inputs:
  day: date
  note: {type: text, default: none, max_length: 9}
triggers:
  - TRIGGER
steps:
  - {id: act, uses: set, with: {day: "{{ inputs.day }}"}}
"""
ONE_KEY = "has one of `schedule`, `webhook`, `message`, `reaction` and `email`"
GIVEN = 'inputs: {day: "{{ trigger.date }}"}'


def with_trigger(text: str) -> str:
    return FILE.replace("TRIGGER", text)


def test_a_schedule_is_read_with_its_defaults() -> None:
    text = f'{{schedule: "0  9 * * mon", timezone: Europe/Berlin, {GIVEN}}}'
    (trigger,) = load(with_trigger(text).encode(), kinds=KINDS).triggers
    assert (trigger.kind, trigger.index) == (TriggerKind.SCHEDULE, 0)
    assert trigger.schedule == Cron("0 9 * * mon", "Europe/Berlin")
    assert (trigger.missed, trigger.overlap) == (Missed.ONCE, Overlap.ALLOW)
    assert trigger.inputs.render({"trigger": {"date": "2026-03-02"}}) == {"day": "2026-03-02"}


def test_the_identity_of_a_trigger_does_not_depend_on_its_inputs() -> None:
    def identity(text: str) -> str:
        return load(with_trigger(text).encode(), kinds=KINDS).triggers[0].identity

    plain = identity(f"{{schedule: every 15m, {GIVEN}}}")
    assert identity(f"{{schedule: every  15m, overlap: queue, missed: all, {GIVEN}}}") == plain
    assert identity(f"{{schedule: every 16m, {GIVEN}}}") != plain
    assert identity(f'{{schedule: "0 9 * * *", {GIVEN}}}') != identity(
        f'{{schedule: "0 9 * * *", timezone: Asia/Tokyo, {GIVEN}}}'
    )


@pytest.mark.parametrize(
    ("text", "path", "fragment"),
    [
        ("every day", "triggers[0]", "A trigger is a mapping"),
        (f"{{{GIVEN}}}", "triggers[0]", ONE_KEY),
        (
            f"{{schedule: every 1h, webhook: {{secret: A}}, {GIVEN}}}",
            "triggers[0]",
            ONE_KEY,
        ),
        (f"{{webhook: {{secret: A}}, missed: once, {GIVEN}}}", "triggers[0]", "are for a schedule"),
        (f"{{webhook: {{secret: a}}, {GIVEN}}}", "triggers[0].webhook.secret", "name of a secret"),
        (f"{{webhook: {{secret: A, header: Cookie}}, {GIVEN}}}", "triggers[0].webhook.header", "can hold a secret"),
        (f"{{webhook: {{header: X-Token}}, {GIVEN}}}", "triggers[0].webhook.secret", ""),
        (f"{{schedule: daily, {GIVEN}}}", "triggers[0].schedule", "five fields"),
        (f'{{schedule: "0 25 * * *", {GIVEN}}}', "triggers[0].schedule", "The hour `25` of a schedule is 0 to 23"),
        (f'{{schedule: "0 9 * * *", timezone: Mars, {GIVEN}}}', "triggers[0].timezone", "no time zone `Mars`"),
        (f"{{schedule: every 1h, timezone: Asia/Tokyo, {GIVEN}}}", "triggers[0]", "delete `timezone`"),
        (f"{{schedule: every 1h, missed: twice, {GIVEN}}}", "triggers[0].missed", "`skip`, `once` or `all`"),
        (f"{{schedule: every 1h, overlap: wait, {GIVEN}}}", "triggers[0].overlap", "`skip`, `queue` or `allow`"),
        (f"{{schedule: every 1h, missed: all, overlap: skip, {GIVEN}}}", "triggers[0]", "Write `overlap: queue`"),
        ("{schedule: every 1h}", "triggers[0]", "The input `day` has no default, so this trigger has to give it."),
        ("{schedule: every 1h, inputs: {day: soon}}", "triggers[0].inputs.day", "The input `day`"),
        (
            "{schedule: every 1h, inputs: {day: 2026-03-02, nite: x}}",
            "triggers[0].inputs.nite",
            "There is no input `nite`.",
        ),
        (
            "{schedule: every 1h, inputs: {day: 2026-03-02, note: much too long}}",
            "triggers[0].inputs.note",
            "The input `note`",
        ),
        (
            '{schedule: every 1h, inputs: {day: "{{ trigger.day }}"}}',
            "triggers[0].inputs.day",
            "`trigger` has no `day`",
        ),
        ('{schedule: every 1h, inputs: {day: "{{ inputs.note }}"}}', "triggers[0].inputs.day", "before the run"),
        ('{schedule: every 1h, inputs: {day: "{{ run.id }}"}}', "triggers[0].inputs.day", "before the run"),
        ('{schedule: every 1h, inputs: {day: "{{ secret.A }}"}}', "triggers[0].inputs.day", ""),
        ('{schedule: every 1h, inputs: {day: "{{ trigger.date"}}', "triggers[0].inputs.day", ""),
    ],
)
def test_a_trigger_that_cannot_start_a_run_is_refused(text: str, path: str, fragment: str) -> None:
    problems = problems_of(with_trigger(text))
    assert [problem.path for problem in problems] == [path] * len(problems)
    assert any(fragment in f"{problem.message} {problem.hint}" for problem in problems), problems


def test_steps_cannot_read_the_trigger() -> None:
    source = with_trigger(f"{{schedule: every 1h, {GIVEN}}}").replace('inputs.day }}"}}', 'trigger.date }}"}}')
    (problem,) = problems_of(source)
    assert problem.path == "steps[0].with.day"
    assert "known only under `inputs` of a trigger" in problem.message


def test_a_workflow_has_at_most_20_triggers() -> None:
    trigger = f"{{schedule: every 1h, {GIVEN}}}"
    problems = problems_of(with_trigger("\n  - ".join([trigger] * 21)))
    assert [problem.path for problem in problems] == ["triggers[20]"]


BY_PEOPLE = FILE.replace("inputs:\n", "may_run: [ada@example.com]\ninputs:\n", 1)


def test_triggers_of_people_need_not_give_every_input() -> None:
    text = '{message: true}\n  - {reaction: {emoji: ":thumbsup:", channel: "#refunds"}}'
    message, reaction = load(BY_PEOPLE.replace("TRIGGER", text).encode(), kinds=KINDS).triggers
    assert (message.kind, reaction.kind) == (TriggerKind.MESSAGE, TriggerKind.REACTION)
    assert reaction.identity == "reaction +1 #refunds"
    (email,) = load(BY_PEOPLE.replace("TRIGGER", f"{{email: true, {GIVEN}}}").encode(), kinds=KINDS).triggers
    assert email.kind is TriggerKind.EMAIL


@pytest.mark.parametrize(
    ("text", "path", "fragment"),
    [
        ("{message: false}", "triggers[0].message", "Write `true`, or delete the trigger."),
        ("{message: {}}", "triggers[0].message", "Write message: true."),
        ("{reaction: eyes}", "triggers[0].reaction", "Write {emoji: eyes"),
        ("{reaction: {emoji: eyes}}", "triggers[0].reaction.channel", ""),
        ('{reaction: {emoji: "👀", channel: "#a"}}', "triggers[0].reaction.emoji", "name of an emoji"),
        ('{reaction: {emoji: "+1::skin-tone-2", channel: "#a"}}', "triggers[0].reaction.emoji", "without one"),
        ('{reaction: {emoji: eyes, channel: "a b"}}', "triggers[0].reaction.channel", "a Slack channel"),
        ("{message: true}\n  - {message: true}", "triggers[1]", "listens to the same"),
        (
            '{reaction: {emoji: +1, channel: "#a"}}\n  - {reaction: {emoji: thumbsup, channel: "#a"}}',
            "triggers[1]",
            "listens to the same",
        ),
        ('{message: true, inputs: {day: "{{ trigger.body }}"}}', "triggers[0].inputs.day", "It has `author`"),
        ("{email: true}", "triggers[0]", "The input `day` has no default"),
        (f"{{email: true, timezone: UTC, {GIVEN}}}", "triggers[0]", "are for a schedule"),
    ],
)
def test_a_trigger_of_people_that_is_wrong_is_refused(text: str, path: str, fragment: str) -> None:
    problems = problems_of(BY_PEOPLE.replace("TRIGGER", text))
    assert {problem.path for problem in problems} == {path}
    assert any(fragment in f"{problem.message} {problem.hint}" for problem in problems), problems


def test_emails_start_runs_only_for_named_people() -> None:
    (problem,) = problems_of(with_trigger(f"{{email: true, {GIVEN}}}"))
    assert problem.path == "triggers[0].email"
    assert "may_run" in problem.message
