"""A protected workflow in Slack: the form proposes, and another person than the author sees the difference."""

from __future__ import annotations

from dataclasses import replace

from engine.domain import Address
from tests.integration.slack.test_commands import last_answer
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

PROTECTED = REFUND_WORKFLOW.replace("name: refund\n", "name: refund\nprotected: true\n")


async def submit(env: SlackEnv, source: str) -> str:
    """Register a file in the form of Cleo, and return what she reads."""
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Workflow file": source}))
    return " ".join((await last_answer(env, "cleo")).split())


async def test_a_change_in_the_form_is_asked_of_another_person_with_its_difference(env: SlackEnv) -> None:
    ada = env.person("ada")
    env.engine.context = replace(env.engine.context, admins=frozenset({Address("slack", ada.id)}))
    assert "Registered Refund, version 1." in await submit(env, PROTECTED)
    env.pass_time(seconds=1)
    changed = PROTECTED.replace("Refund {{ inputs.amount }} EUR?", "Pay {{ inputs.amount }} EUR back?")
    assert changed != PROTECTED
    answer = await submit(env, changed)
    assert "refund is protected, so another person was asked to approve this change." in answer
    await env.settle()
    message = copy_of(ada, "Use a new version of “Refund”?")
    text = words(message)
    assert "Cleo Builder proposes it." in text
    assert "title of the request: Pay {{ inputs.amount }} EUR back? (was Refund" in text
    assert "Use this version" in buttons(message)
    assert (await env.engine.workflows())[0].version == 1
    expect_ok(await ada.click("Use this version"))
    await env.settle()
    (view,) = await env.engine.workflows()
    assert (view.version, view.source.decode().strip()) == (2, changed.strip())


async def test_the_form_says_so_if_no_one_else_could_approve(env: SlackEnv) -> None:
    assert "Registered Refund, version 1." in await submit(env, PROTECTED)
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Workflow file": PROTECTED.replace("EUR?", "EUR now?")}))
    assert cleo.modal is not None
    (error,) = cleo.modal["errors"].values()
    assert "no other admin is named" in error
    assert (await env.engine.workflows())[0].version == 1
