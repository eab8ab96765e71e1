"""A protected workflow in Slack: the form proposes, and another person than the author sees the difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from bot.devtools.sandbox.server import SimulatedPerson
from engine.domain import Address, Assurance, Decide, NotAllowed, NotAnApprover, Origin, Verdict
from engine.read_models import PageQuery
from tests.integration.slack.test_commands import last_answer
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

Door: TypeAlias = Callable[[SlackEnv, SimulatedPerson], Awaitable[None]]
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


# -- every door of the author ---------------------------------------------------------------------------------


async def by_register(env: SlackEnv, cleo: SimulatedPerson) -> None:
    await submit(env, PROTECTED.replace("EUR?", "EUR now?"))


async def by_taking_the_protection_away(env: SlackEnv, cleo: SimulatedPerson) -> None:
    await submit(env, REFUND_WORKFLOW.replace("EUR?", "EUR now?"))


async def by_step(env: SlackEnv, cleo: SimulatedPerson) -> None:
    expect_ok(await cleo.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"What do you want to change?": "Pay"}))
    expect_ok(await cleo.submit({"Time to decide": "2d"}))
    expect_ok(await cleo.submit())


async def by_whole_file(env: SlackEnv, cleo: SimulatedPerson) -> None:
    expect_ok(await cleo.command("/signoff edit refund", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.click("Edit the whole file"))
    await env.slack.until(lambda: "Workflow file" in words(cleo.modal))
    expect_ok(await cleo.submit({"Workflow file": PROTECTED.replace("EUR?", "EUR now?")}))
    expect_ok(await cleo.submit())


async def by_rollback(env: SlackEnv, cleo: SimulatedPerson) -> None:
    expect_ok(await cleo.command("/signoff rollback refund", channel="general"))
    expect_ok(await cleo.click("Go back to version 1", on=cleo.sees("general")[-1]))


async def by_delete(env: SlackEnv, cleo: SimulatedPerson) -> None:
    expect_ok(await cleo.command("/signoff delete refund", channel="general"))
    expect_ok(await cleo.click("Delete", on=cleo.sees("general")[-1]))


async def by_enable(env: SlackEnv, cleo: SimulatedPerson) -> None:
    expect_ok(await cleo.command("/signoff disable refund", channel="general"))
    expect_ok(await cleo.click("Disable", on=cleo.sees("general")[-1]))
    expect_ok(await cleo.command("/signoff enable refund", channel="general"))


@pytest.mark.parametrize(
    "door",
    [by_register, by_taking_the_protection_away, by_step, by_whole_file, by_rollback, by_delete, by_enable],
    ids=lambda door: door.__name__,
)
async def test_the_author_changes_a_protected_workflow_alone_through_no_door(env: SlackEnv, door: Door) -> None:
    cleo, ada = env.person("cleo"), env.person("ada")
    # Also an author who is an admin does not approve it.
    admins = frozenset({Address("slack", ada.id), Address("slack", cleo.id)})
    env.engine.context = replace(env.engine.context, admins=admins)
    await env.register(PROTECTED.replace("EUR?", "EUR please?"))
    await submit(env, PROTECTED)
    await env.settle()
    expect_ok(await ada.click("Use this version"))
    await env.settle()
    before = [(view.name, view.version, view.source) for view in await env.engine.workflows()]
    await door(env, cleo)
    await env.settle()
    await env.finish_background_work()
    assert [(view.name, view.version, view.source) for view in await env.engine.workflows()] == before
    (waiting,) = await env.engine.requests(PageQuery(open_only=True))
    assert [approver.person.label for approver in waiting.approvers] == ["Ada Approver"]
    command = Decide(
        request=waiting.id,
        verdict=Verdict.APPROVE,
        actor=Address("slack", cleo.id),
        content_version=waiting.model.content_version,
        digest=waiting.model.digest,
        origin=Origin(surface="slack", place={"user": cleo.id}),
        assurance=Assurance.SLACK,
    )
    assert isinstance(await env.engine.decide(command), NotAllowed | NotAnApprover)
    assert [(view.name, view.version, view.source) for view in await env.engine.workflows()] == before
