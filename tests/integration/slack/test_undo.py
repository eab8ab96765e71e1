"""Undoing an approval in Slack: the button on the decided copy, in the details, in App Home, and on a shared copy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from engine.domain import RequestState, RunStatus
from engine.errors import StepError
from engine.ports import StepContext
from tests.support.engine_env import PlayedParams
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

HELD = REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      hold: 10m")


async def states(env: SlackEnv, run: str) -> list[RequestState]:
    return [request.model.state for request in await env.engine.requests_of_run(run)]


async def test_who_approved_undoes_it_on_their_copy_and_everyone_is_asked_again(env: SlackEnv) -> None:
    run = await env.request_approval(HELD)
    ada, ben = env.person("ada"), env.person("ben")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    held, other = copy_of(ada), copy_of(ben)
    assert (buttons(held), buttons(other)) == (["Undo", "Details"], ["Details"])
    for copy in held, other:
        assert "Approved by Ada Approver" in words(copy)
        assert "unless undone." in words(copy)
    env.pass_time(minutes=9)
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Undo"))
    await env.settle()
    assert await states(env, run) == [RequestState.UNDONE, RequestState.PENDING]
    for person in ada, ben:
        old, new = person.sees()[-2:]
        assert "Undone by Ada Approver" in words(old)
        assert buttons(old) == ["Details"]
        assert buttons(new) == ["Approve", "Edit", "Reject", "Ask", "Details"]
        assert "undid the approval" in words(new)
    expect_ok(await ben.click("Approve"))
    env.pass_time(minutes=10)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert buttons(copy_of(ben)) == ["Details"], "nothing is left to undo"
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 120 EUR"]
    assert not ada.troubles


async def test_a_late_click_is_answered_and_two_at_once_undo_once(env: SlackEnv) -> None:
    env.slack.fault("deliver:interactive", "duplicate", times=None)
    run = await env.request_approval(HELD)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    held = copy_of(ada)
    env.pass_time(seconds=1)
    await asyncio.gather(ada.click("Undo", on=held), ada.click("Undo", on=held, stale=True))
    await env.settle()
    assert await states(env, run) == [RequestState.UNDONE, RequestState.PENDING]
    expect_ok(await ada.click("Approve"))
    await env.settle()
    held = copy_of(ada)
    env.pass_time(minutes=10)
    await env.settle()
    await ada.click("Undo", on=held, stale=True)
    await env.settle()
    assert any("It is too late to undo this." in words(message) for message in ada.sees())
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_it_is_undone_from_the_details_and_from_the_home_tab(env: SlackEnv) -> None:
    run = await env.request_approval(HELD)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    await ada.click("Details")
    await env.slack.until(lambda: ada.modal)
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Undo"))
    await env.settle()
    assert "You undid the approval" in words(ada.modal)
    assert await states(env, run) == [RequestState.UNDONE, RequestState.PENDING]
    await ada.close()
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    ada.open_home()
    await env.settle()
    expect_ok(await ada.click("Decided by you", on="home"))
    await env.settle()
    assert ada.home is not None
    assert "unless undone" in words(ada.home["blocks"])
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Undo", on="home"))
    await env.settle()
    assert "You undid the approval" in words(ada.home["blocks"])
    assert await states(env, run) == [RequestState.UNDONE, RequestState.UNDONE, RequestState.PENDING]


def shared_copy(env: SlackEnv) -> Any:
    messages = reversed(env.person("ada").sees("general"))
    return next(message for message in messages if {"Approve", "Undo"} & {*buttons(message)})


async def test_a_shared_copy_offers_it_to_all_and_refuses_others(env: SlackEnv) -> None:
    keys = 'edit: [text]\n      hold: 10m\n      channels: [{post_to: "#general"}]'
    run = await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", keys))
    ada, ben = env.person("ada"), env.person("ben")
    expect_ok(await ada.click("Approve", on=shared_copy(env)))
    await env.settle()
    assert buttons(shared_copy(env)) == ["Undo", "Details"]
    expect_ok(await ben.click("Undo", on=shared_copy(env)))
    await env.settle()
    assert any("can undo this." in words(message) for message in ben.sees("general"))
    assert await states(env, run) == [RequestState.APPROVED]
    env.pass_time(seconds=1)
    expect_ok(await ada.click("Undo", on=shared_copy(env)))
    await env.settle()
    assert await states(env, run) == [RequestState.UNDONE, RequestState.PENDING]


async def test_the_button_is_gone_as_soon_as_the_step_has_begun(env: SlackEnv) -> None:
    async def refuse(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        raise StepError("The bank did not answer.", retryable=True)

    env.bot.step.play = refuse
    source = HELD.replace("    gate:\n", "    retry: {attempts: 2, wait: 1h}\n    gate:\n")
    await env.request_approval(source)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert buttons(copy_of(ada)) == ["Undo", "Details"]
    env.pass_time(minutes=10)
    await env.settle()
    assert buttons(copy_of(ada)) == ["Details"]
    assert "unless undone" not in words(copy_of(ada))
