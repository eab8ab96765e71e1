"""`/signoff edit`: a step in a form, or the whole file; what changes is shown before it is registered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bot.devtools.sandbox.server import SimulatedPerson
from engine.domain import Address
from engine.workflowfile import text_edits
from tests.integration.slack.test_commands import answer_to, last_answer
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, expect_ok, words

PART = "What do you want to change?"
GATE = ("steps", "pay", "gate")


@pytest.fixture(params=["http"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def opened(env: SlackEnv, part: str | None = "Pay", workflow: str = REFUND_WORKFLOW) -> SimulatedPerson:
    """Open the form of a step."""
    await env.register(workflow)
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    if part is not None:
        expect_ok(await cleo.submit({PART: part}))
    return cleo


async def value(env: SlackEnv, *path: str | int) -> Any:
    view = await env.engine.workflow("refund")
    return text_edits.find_value(view.source, path)  # type: ignore[union-attr]


def errors(person: SimulatedPerson) -> str:
    assert person.modal is not None
    return " ".join(person.modal["errors"].values())


async def second_builder(env: SlackEnv) -> SimulatedPerson:
    """Make Ben an admin, who may change every workflow."""
    ben = env.person("ben")
    env.engine.context = replace(env.engine.context, admins=frozenset({Address("slack", ben.id)}))
    return ben


async def test_two_builders_who_register_at_once_lose_nothing(env: SlackEnv) -> None:
    ben, cleo = await second_builder(env), await opened(env)
    expect_ok(await ben.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: ben.modal)
    expect_ok(await ben.submit({PART: "Pay"}))
    expect_ok(await cleo.submit({"Time to decide": "3d"}))
    expect_ok(await ben.submit({"Text of Approve": "Pay it"}))
    await asyncio.gather(cleo.submit(), ben.submit())
    await env.finish_background_work()
    (late,) = (person for person in (cleo, ben) if person.modal is not None)
    assert "refund has version 2 now, so nothing was registered yet." in words(late.modal)
    assert "Your changes are still here." in words(late.modal)
    expect_ok(await late.submit())
    await env.finish_background_work()
    assert (await value(env, *GATE, "expires"), await value(env, *GATE, "approve_label")) == ("3d", "Pay it")


async def test_an_admin_who_changes_a_step_does_not_become_the_owner(env: SlackEnv) -> None:
    ben, cleo = await second_builder(env), await opened(env, None)
    await cleo.close(everything=True)
    before = await env.engine.workflow("refund")
    expect_ok(await ben.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: ben.modal)
    for typed in ({PART: "Pay"}, {"Time to decide": "3d"}, {}):
        expect_ok(await ben.submit(typed))
    await env.finish_background_work()
    after = await env.engine.workflow("refund")
    assert (after.version, after.owner.id) == (2, before.owner.id)  # type: ignore[union-attr]


def _has_opened(person: SimulatedPerson, text: str) -> bool:
    return text in words(person.modal)


async def test_two_whole_files_at_once_lose_nothing(env: SlackEnv) -> None:
    ben, cleo = await second_builder(env), await opened(env, None)
    expect_ok(await ben.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: ben.modal)
    for person, amount in ((cleo, 75), (ben, 80)):
        expect_ok(await person.click("Edit the whole file"))
        await env.slack.until(partial(_has_opened, person, "Workflow file"))
        changed = REFUND_WORKFLOW.replace("default: 120", f"default: {amount}")
        expect_ok(await person.submit({"Workflow file": changed}))
    await asyncio.gather(cleo.submit(), ben.submit())
    await env.finish_background_work()
    (late,) = (person for person in (cleo, ben) if person.modal is not None)
    assert "refund has version 2 now, so nothing was registered yet." in words(late.modal)
    assert f"default: {75 if late is cleo else 80}" in words(late.modal)


LONG = "{{ run.workflow != '" + "x" * 2_900 + "' }}"
CHANGES = {
    "Title of the step": "Pay it",
    "What people are asked": "Pay {{ inputs.amount }} EUR now?",
    "Who approves (or type them)": "ada@example.com, owner, ben@example.com",
    "When they are asked": "“Amount” is above a number",
    "The number": "50.5",
    "Text of Approve": "Pay",
    "Text of Reject": 'Don\'t pay: "no" # never',
    "Time to decide": "2 days",
    "After that time": "It counts as rejected",
    "Remind them after": "4h",
    "And again every": "8h",
    "How many approve": "As many as the number below",
    "How many of them": "2",
}
EXPECTED: dict[str, Any] = {
    "title": "Pay {{ inputs.amount }} EUR now?",
    "approvers": ["ada@example.com", "owner", "ben@example.com"],
    "when": "{{ inputs.amount > 50.5 }}",
    "approve_label": "Pay",
    "reject_label": 'Don\'t pay: "no" # never',
    "expires": "2d",
    "on_expiry": "reject",
    "remind": {"after": "4h", "every": "8h"},
    "policy": {"quorum": 2},
}


async def test_a_step_is_changed_in_a_form_after_its_difference_was_shown(env: SlackEnv) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit(CHANGES))
    assert "Nothing is registered yet." in words(cleo.modal)
    assert "+      expires: 2d" in words(cleo.modal)
    assert await value(env, *GATE, "expires") is None
    expect_ok(await cleo.submit())
    assert "Registered Refund, version 2. Open runs keep version 1" in await last_answer(env, "cleo")
    assert {key: await value(env, *GATE, key) for key in EXPECTED} == EXPECTED
    assert await value(env, "steps", "pay", "title") == "Pay it"
    assert await value(env, *GATE, "edit") == ["text"]
    expect_ok(await cleo.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({PART: "Pay it"}))
    expect_ok(await cleo.submit())
    assert "Nothing is different" in errors(cleo)
    expect_ok(await cleo.submit({"When they are asked": "Always", "Remind them after": "", "And again every": ""}))
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    assert await value(env, *GATE, "when") is None
    assert await value(env, *GATE, "remind") is None


async def test_the_title_of_the_workflow_is_changed(env: SlackEnv) -> None:
    cleo = await opened(env, "The title and the description")
    expect_ok(await cleo.submit({"Title": "\u202eA: 'b' #c", "Description": "one\ntwo: {3}"}))
    expect_ok(await cleo.submit())
    assert await value(env, "title") == "\u202eA: 'b' #c"
    assert await value(env, "description") == "one\ntwo: {3}"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"Time to decide": "soon"}, "soon"),
        ({"Text of Approve": "x" * 3_000}, "at most 75 characters"),
        ({"What people are asked": "{{ inputs.amont }}"}, "amont"),
        ({"Who approves (or type them)": "noone"}, "`noone` is not a person"),
        ({"Who approves (or type them)": "USLACKBOT"}, "Slackbot is a bot and is not asked. Choose other people."),
        ({"When they are asked": "“Amount” is above a number"}, "Write the number"),
        ({"When they are asked": "As an expression says"}, "Write the expression"),
        ({"When they are asked": "As an expression says", "The expression": "inputs.amount > 1"}, "Put it in braces"),
        ({"And again every": "4h"}, "after how long"),
        ({"How many approve": "As many as the number below"}, "how many of them"),
        ({"How many approve": "As many as the number below", "How many of them": "9"}, "can never come together"),
        ({"When they are asked": "As an expression says", "The expression": LONG}, "too long"),
        ({"After that time": "It counts as rejected"}, "Write the time to decide too"),
        ({"Title of the step": "\x1b"}, "holds the control character U+001B"),
        ({"Text of Approve": "Pay", "Text of Reject": "a\x07b"}, "holds the control character U+0007"),
    ],
)
async def test_what_is_wrong_gets_a_sentence_at_its_field(env: SlackEnv, typed: dict[str, str], sentence: str) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit(typed))
    assert sentence in errors(cleo)
    assert await value(env, *GATE, "expires") is None


async def test_a_version_that_came_meanwhile_loses_nothing(env: SlackEnv) -> None:
    cleo = await opened(env)
    await env.register(REFUND_WORKFLOW.replace("title: Refund\n", "title: Pay back\n"))
    expect_ok(await cleo.submit({"Time to decide": "3d"}))
    assert "refund has version 2 now" in words(cleo.modal)
    await env.register(REFUND_WORKFLOW.replace("title: Refund\n", "title: Money back\n"))
    expect_ok(await cleo.submit())
    assert "refund has version 3 now" in words(cleo.modal)
    assert await value(env, *GATE, "expires") is None
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    assert (await value(env, "title"), await value(env, *GATE, "expires")) == ("Money back", "3d")


async def test_the_whole_file_is_edited_after_its_difference_was_shown(env: SlackEnv) -> None:
    cleo = await opened(env, None)
    expect_ok(await cleo.click("Edit the whole file"))
    await env.slack.until(lambda: "Workflow file" in words(cleo.modal))
    changed = REFUND_WORKFLOW.replace("default: 120", "default: 75")
    expect_ok(await cleo.submit({"Workflow file": changed.replace("uses: played", "uses: plaid")}))
    assert "plaid" in errors(cleo)
    expect_ok(await cleo.submit({"Workflow file": changed.replace("name: refund", "name: other")}))
    assert "Keep the name refund" in errors(cleo)
    expect_ok(await cleo.submit({"Workflow file": changed}))
    assert "75 (was 120)" in words(cleo.modal)
    await env.register(REFUND_WORKFLOW.replace("title: Refund\n", "title: Pay back\n"))
    expect_ok(await cleo.submit())
    assert "refund has version 2 now" in words(cleo.modal)
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    view = await env.engine.workflow("refund")
    assert view.source.decode() == changed.rstrip("\n") or view.source.decode() == changed  # type: ignore[union-attr]


async def test_a_file_that_is_too_large_for_a_form_is_uploaded(env: SlackEnv) -> None:
    cleo = await opened(env, None, f"{REFUND_WORKFLOW}# {'x' * 16_000}\n")
    expect_ok(await cleo.click("Edit the whole file"))
    await env.slack.until(lambda: "upload it with /signoff register" in words(cleo.modal))


async def test_people_are_asked_group_after_group(env: SlackEnv) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit({"How many approve": "One of each group below, group after group"}))
    assert "each in a line of its own" in errors(cleo)
    expect_ok(await cleo.submit({"The groups": "ada@example.com, ben@example.com\nnoone"}))
    assert "`noone` is not a person" in errors(cleo)
    expect_ok(await cleo.submit({"The groups": "ada@example.com, ben@example.com\nowner"}))
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    chain = [["ada@example.com", "ben@example.com"], ["owner"]]
    assert (await value(env, *GATE, "policy"), await value(env, *GATE, "approvers")) == ({"chain": chain}, None)
    expect_ok(await cleo.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({PART: "Pay"}))
    assert "ada@example.com, ben@example.com\nowner" in words(cleo.modal)
    expect_ok(await cleo.submit({"How many approve": "One of them", "Who approves (or type them)": "ben@example.com"}))
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    assert (await value(env, *GATE, "policy"), await value(env, *GATE, "approvers")) == (None, ["ben@example.com"])


RULES = """\
name: refund
title: Tool calls
rules:
  - {tool: "read_*", approve: true}
  - tool: pay   # money
    when: "{{ ask.arguments.amount > 100 }}"
    gate: {title: "Pay {{ ask.arguments.amount }}?", approvers: [ada@example.com]}
  - gate: {approvers: [owner]}
"""


async def test_the_gate_of_a_rule_is_changed(env: SlackEnv) -> None:
    cleo = await opened(env, None, RULES)
    assert "read_*" not in words(cleo.modal)
    expect_ok(await cleo.submit({PART: "Rule 2: pay"}))
    expect_ok(await cleo.submit({"When the rule applies": "{{ ask.amount > 5 }}"}))
    assert "ask.amount" in errors(cleo) or "amount" in errors(cleo)
    typed = {
        "Title of the rule": "Payments",
        "When the rule applies": "{{ ask.arguments.amount > 50 }}",
        "Who approves (or type them)": "ben@example.com",
        "Time to decide": "2h",
    }
    expect_ok(await cleo.submit(typed))
    assert "Nothing is registered yet." in words(cleo.modal)
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    rule = await value(env, "rules", 1)
    assert (rule["name"], rule["when"]) == ("Payments", "{{ ask.arguments.amount > 50 }}")
    assert rule["gate"] == {
        "title": "Pay {{ ask.arguments.amount }}?",
        "approvers": ["ben@example.com"],
        "expires": "2h",
    }
    assert b"# money" in (await env.engine.workflow("refund")).source  # type: ignore[union-attr]


async def test_a_policy_that_an_expression_says_is_kept(env: SlackEnv) -> None:
    chosen = (
        "approvers: [ada@example.com, ben@example.com]\n      policy: \"{{ 'all' if inputs.amount > 9 else 'any' }}\""
    )
    source = REFUND_WORKFLOW.replace("approvers: [ada@example.com, ben@example.com]", chosen)
    cleo = await opened(env, "Pay", source)
    assert "To change that, edit the whole file." in str(cleo.modal)
    expect_ok(await cleo.submit({"Time to decide": "2h"}))
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    assert "inputs.amount > 9" in await value(env, *GATE, "policy")


async def test_only_owners_and_builders_edit(env: SlackEnv) -> None:
    await env.register()
    assert "Only builders may register" in await answer_to(env, "ada", "/signoff edit refund")
    assert "Which workflow?" in await answer_to(env, "cleo", "/signoff edit")
    assert "There is no workflow" in await answer_to(env, "cleo", "/signoff edit refnd")


async def test_a_form_that_is_closed_is_filled_in_again_for_the_same_version(env: SlackEnv) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit({"What people are asked": "Pay it?", "Time to decide": "2d"}))
    assert "Check the changes" in str(cleo.modal)
    await cleo.close(everything=True)
    cleo = await opened(env)
    assert "Your answers from" in words(cleo.modal)
    expect_ok(await cleo.click("Start afresh"))
    await env.finish_background_work()
    assert "Pay it?" not in str(cleo.modal)
    expect_ok(await cleo.submit({"Time to decide": "3d"}))
    await cleo.close(everything=True)
    newer = REFUND_WORKFLOW.replace("title: Pay", "title: Pay it")
    cleo = await opened(env, part=None, workflow=newer if newer != REFUND_WORKFLOW else f"{REFUND_WORKFLOW}# newer\n")
    expect_ok(await cleo.submit({PART: "Pay it" if newer != REFUND_WORKFLOW else "Pay"}))
    assert "Your answers from" not in words(cleo.modal)
    assert "'3d'" not in str(cleo.modal)
