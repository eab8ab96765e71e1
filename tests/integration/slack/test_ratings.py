"""Ratings in Slack: beside the decision in a form, and by the button on the closed card."""

from __future__ import annotations

from typing import Any

from engine.domain import RequestState
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

HOW = "How good was what you were asked to approve?"
RATED = REFUND_WORKFLOW.replace("      edit: [text]", "      edit: [text]\n      feedback: true")


async def given(env: SlackEnv, run: str) -> list[tuple[str, int, str | None]]:
    [request] = await env.engine.requests_of_run(run)
    return [(one.person.label, one.rating, one.comment) for one in request.model.ratings]


async def test_who_decided_rates_it_by_a_button_on_the_closed_card(env: SlackEnv) -> None:
    run = await env.request_approval(RATED)
    ada, ben = env.person("ada"), env.person("ben")
    assert "Rate it" not in buttons(copy_of(ada))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert buttons(copy_of(ada)) == ["Rate it", "Details"], "no live button of the decision"
    assert buttons(copy_of(ben)) == ["Details"], "only who decided is asked"
    expect_ok(await ada.click("Rate it"))
    await env.settle()
    expect_ok(await ada.submit({HOW: "4", "Comment": "clear"}))
    await env.settle()
    assert await given(env, run) == [("Ada Approver", 4, "clear")]
    assert "You rated this 4 of 5." in words(ada.modal)


async def test_a_rating_comes_with_the_decision_where_a_form_opens(env: SlackEnv) -> None:
    run = await env.request_approval(RATED)
    ada = env.person("ada")
    expect_ok(await ada.click("Reject"))
    await env.settle()
    answer = await ada.submit({"Reason": "too much", "Comment": "hard to read"})
    assert "Choose a rating from 1 to 5." in str(answer)
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.submit({"Reason": "too much", HOW: "2", "Comment": "hard to read"}))
    assert await env.state(run) is RequestState.REJECTED
    assert await given(env, run) == [("Ada Approver", 2, "hard to read")]


def shared_copy(env: SlackEnv) -> Any:
    messages = reversed(env.person("ada").sees("general"))
    return next(message for message in messages if {"Approve", "Rate it"} & {*buttons(message)})


async def test_a_shared_copy_offers_the_rating_and_says_who_may_give_it(env: SlackEnv) -> None:
    keys = 'edit: [text]\n      channels: [{post_to: "#general"}]\n      feedback: true'
    run = await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", keys))
    ada, ben = env.person("ada"), env.person("ben")
    open_copy = shared_copy(env)
    expect_ok(await ada.click("Approve", on=open_copy))
    await env.settle()
    expect_ok(await ben.click("Approve", on=open_copy, stale=True))
    await env.settle()
    expect_ok(await ben.click("Rate it", on=shared_copy(env)))
    await env.settle()
    assert "Only the people who decided this can rate it." in words(ben.modal)
    expect_ok(await ada.click("Rate it", on=shared_copy(env)))
    await env.settle()
    expect_ok(await ada.submit({HOW: "5"}))
    assert await given(env, run) == [("Ada Approver", 5, None)]
